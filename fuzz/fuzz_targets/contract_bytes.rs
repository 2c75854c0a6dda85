//! `contract_bytes` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vambrace_fuzz::contract_bytes(data));
