//! `virtio_console` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vambrace_fuzz::virtio_console(data));
