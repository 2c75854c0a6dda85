//! `profile_json` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vambrace_fuzz::profile_json(data));
