//! The power button of `vambrace boot` on a terminal is pressed, and let go.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    claim,
    expect::{self, Proof},
    gpio, line,
};

claim! {
    "A press of the power button is two edges of the GPIO controller's pin 3.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    gpio::watch(BUTTON);
    line!("press the power button");
    for (edge, is_high) in [("pressed", true), ("let go", false)] {
        // A person takes his time.
        while !gpio::is_signalled() {
            core::hint::spin_loop();
        }
        expect::equal(edge, gpio::take_edge(BUTTON)?.into(), is_high.into())?;
        line!("{edge}");
    }
    Ok(())
}

const BUTTON: u32 = 3;
