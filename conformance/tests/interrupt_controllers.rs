//! Which interrupt controller a machine has, on lab hosts of either kind.

use std::process::Command;

use vambrace_conformance::{example, guest, see, vambrace};

fn run(host: &str, options: &[&str]) -> Command {
    let mut command = vambrace();
    command.args(["run", "--timeout", "60", "--host", host]);
    command.args(options);
    command
}

#[test]
fn a_host_with_a_gicv2_gives_its_guests_one() {
    let program = guest("gic_v2_delivers_the_timer_and_an_sgi");
    see(run("lab:6.12:max:gic2", &["--cpus=8"]).arg(program))
        .exits(0)
        .prints(&[
            "CPU 0: interrupt 27\n",
            "CPU 1: interrupt 5 from CPU 0\n",
            "verdict: pass\n",
        ]);
}

#[test]
fn a_gic_that_the_host_does_not_have_is_refused_by_name() {
    for (host, option, said) in [
        (
            "lab",
            "--gic=2",
            "cannot give the guest a GICv2: this host's KVM has none to give",
        ),
        (
            "lab:6.12:max:gic2",
            "--its=on",
            "cannot give the guest an ITS: it is part of a GICv3, and the machine has a GICv2",
        ),
        (
            "lab:6.12:max:gic2",
            "--cpus=9",
            "cannot make a machine with 9 vCPUs: this host's KVM gives a VM at most 8; ask for fewer",
        ),
    ] {
        see(run(host, &[option]).arg(example("exit_code")))
            .exits(125)
            .says(&[said]);
    }
}
