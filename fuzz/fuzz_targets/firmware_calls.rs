//! `firmware_calls` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vambrace_fuzz::firmware_calls(data));
