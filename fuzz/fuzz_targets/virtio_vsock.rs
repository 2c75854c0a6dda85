//! `virtio_vsock` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vambrace_fuzz::virtio_vsock(data));
