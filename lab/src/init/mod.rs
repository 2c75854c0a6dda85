//! The inside of a lab host: `vambrace` as process 1.
//!
//! It mounts what a program expects, finds the channel and the disks, runs the one command it is given, carries
//! its streams, brings back its files, reports how it ended, and powers the machine off. Whatever
//! goes wrong on the way is said over the channel, or on the console where there is none yet.

mod command;
mod disks;
mod modules;
mod mounts;
mod port;

use std::convert::Infallible;

use rustix::system::{RebootCommand, reboot};

use crate::build_id::BuildId;
use crate::frame::{Hello, Order, PROTOCOL, Report, read_message};
use port::Port;

/// The argument by which a lab's kernel tells our program that it is init.
pub const ARGUMENT: &str = "--lab-init";

/// Where the modules lie that init loads first.
pub(crate) const MODULES: &str = "/modules";

/// Whether this process is the init of a lab host.
#[must_use]
pub fn is_requested() -> bool {
    rustix::process::getpid() == rustix::process::Pid::INIT
        && std::env::args_os().any(|argument| argument == ARGUMENT)
}

/// Does init's work, for a program built from the sources `build_id` names; never returns.
pub fn main(build_id: BuildId) -> ! {
    if let Err(reason) = serve(build_id) {
        eprintln!("vambrace init: {reason}");
    }
    match power_off() {
        Ok(never) => match never {},
        // A process 1 that ends makes the kernel panic, which ends the machine as well.
        Err(error) => panic!("cannot power off: {error}"),
    }
}

fn serve(build_id: BuildId) -> Result<(), String> {
    mounts::mount_all()?;
    modules::load_all()?;
    let port = Port::open()?;
    serve_over(&port, build_id).or_else(|reason| {
        port.send(&Report::Failed(reason))
            .map_err(|error| format!("cannot report: {error}"))
    })
}

fn serve_over(port: &Port, build_id: BuildId) -> Result<(), String> {
    port.send(&Report::Hello(Hello {
        protocol: PROTOCOL,
        build_id,
    }))
    .map_err(|error| format!("cannot greet: {error}"))?;
    let mut orders = port
        .orders()
        .map_err(|error| format!("cannot read the channel: {error}"))?;
    let mut next = || match read_message(&mut orders) {
        Ok(Some(order)) => Ok(order),
        Ok(None) => Err("the channel ended before the command was given".to_owned()),
        Err(error) => Err(format!("the orders cannot be understood: {error}")),
    };
    match next()? {
        Order::Hello(hello) if hello.build_id == build_id && hello.protocol == PROTOCOL => {}
        other => {
            return Err(format!(
                "a greeting of the same build was expected, not {other:?}"
            ));
        }
    }
    let start = match next()? {
        Order::Start(start) => start,
        other => return Err(format!("a command was expected, not {other:?}")),
    };
    mounts::check_kvm()?;
    let disks = disks::connect(&start.disks)?;
    command::run(port, orders, &start, &disks)
}

/// The kernel stops the machine, and QEMU ends with it.
fn power_off() -> Result<Infallible, rustix::io::Errno> {
    rustix::fs::sync();
    reboot(RebootCommand::PowerOff)?;
    loop {
        std::thread::park();
    }
}
