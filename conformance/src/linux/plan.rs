//! Which machines are booted every day, and which when there is time.

use super::guests::{
    cpus_go_and_come, disks_over_a_reboot, installer_asks, linux, power_button, services,
    u_boot_loads_linux, u_boot_talks, wires, with_gic_v2, with_implementations, with_its,
};
use super::trial::{Firmware, Trial};

/// What decides every day: a reboot with both firmwares, and one of each kind with either.
#[must_use]
pub fn every_day() -> Vec<Trial> {
    vec![
        linux("6.12", Firmware::Kernel, 4, None, 1),
        with_its(linux("6.12", Firmware::Core, 4, None, 1)),
        disks_over_a_reboot(Firmware::Kernel, 16),
        cpus_go_and_come(Firmware::Core, 20),
        services(Firmware::Core, 3),
        u_boot_talks(Firmware::Kernel),
        wires(Firmware::Core, 1),
    ]
}

/// Every kernel with every number of vCPUs, and what is special, at full length.
#[must_use]
pub fn everything() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kernel in KERNELS {
        for firmware in Firmware::BOTH {
            trials.extend([1, 2, 4, 8].map(|vcpus| linux(kernel, firmware, vcpus, None, 0)));
        }
    }
    for firmware in Firmware::BOTH {
        trials.push(linux("6.12", firmware, 2, None, 10));
        trials.push(with_gic_v2(linux("6.12", firmware, 8, None, 1)));
        trials.push(with_implementations(linux("7.3", firmware, 2, None, 0)));
        trials.push(linux("6.12", firmware, 1, Some(2048), 0));
        for (kernel, smallest) in SMALL {
            trials.push(linux(kernel, firmware, 1, Some(smallest), 0));
        }
        trials.extend([
            disks_over_a_reboot(firmware, 256),
            cpus_go_and_come(firmware, 200),
            services(firmware, 30),
            power_button(firmware),
            u_boot_talks(firmware),
            u_boot_loads_linux(firmware),
            installer_asks(firmware),
            wires(firmware, 16),
        ]);
    }
    trials
}

const KERNELS: [&str; 3] = ["6.1", "6.12", "7.3"];
/// So little RAM, in MiB, that a kernel and this initramfs still work in it.
const SMALL: [(&str, u32); 3] = [("6.1", 64), ("6.12", 64), ("7.3", 80)];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_trials_have_the_same_name() {
        for (trials, count) in [(every_day(), 7), (everything(), 54)] {
            let names: BTreeSet<_> = trials.iter().map(ToString::to_string).collect();
            assert_eq!((names.len(), trials.len()), (count, count));
        }
    }
}
