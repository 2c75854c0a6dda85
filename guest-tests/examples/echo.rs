//! Prints the line it is given and exits.
#![no_std]
#![no_main]

use core::str;

use vambrace_guest_tests::{claim, console, expect::Proof, line};

claim! {
    "A line of input reaches the guest.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    let mut text = [0; 128];
    let mut length = 0;
    line!("ready");
    while length < text.len() {
        match console::read_byte() {
            Some(b'\r' | b'\n') => break,
            Some(byte) => {
                text[length] = byte;
                length += 1;
            }
            None => core::hint::spin_loop(),
        }
    }
    match str::from_utf8(&text[..length]) {
        Ok(text) => line!("echo: {text}"),
        Err(_) => line!("echo: {length} bytes that are not UTF-8"),
    }
    Ok(())
}
