//! Which machines are booted, what their guests are told, and what they have to say.

use std::fmt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::talk::{Talk, talk};
use super::{Kernel, boot};

/// Who answers firmware calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// KVM's own code.
    Kernel,
    /// Core.
    Core,
}

/// How much RAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// What `vambrace boot` gives a machine unasked.
    Usual,
    /// So many MiB.
    Mib(u32),
}

/// One machine, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The guest's kernel, by its series.
    pub kernel: &'static str,
    /// Who answers.
    pub firmware: Firmware,
    /// How many vCPUs.
    pub vcpus: u16,
    /// How much RAM.
    pub memory: Size,
    /// How often the guest reboots before it powers off.
    pub reboots: usize,
}

/// What decides every day: one kernel, both firmwares, and that a machine reboots.
#[must_use]
pub fn every_day() -> Vec<Trial> {
    let trial = |firmware| Trial {
        reboots: 1,
        ..plain("6.12", firmware, 4)
    };
    Firmware::BOTH.map(trial).into()
}

/// Every kernel with every number of vCPUs, and what is special.
#[must_use]
pub fn everything() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kernel in KERNELS {
        for firmware in Firmware::BOTH {
            trials.extend([1, 2, 4, 8].map(|vcpus| plain(kernel, firmware, vcpus)));
        }
    }
    for firmware in Firmware::BOTH {
        trials.push(Trial {
            reboots: 10,
            ..plain("6.12", firmware, 2)
        });
        for (kernel, smallest) in SMALLEST {
            trials.push(Trial {
                memory: Size::Mib(smallest),
                ..plain(kernel, firmware, 1)
            });
        }
        trials.push(Trial {
            memory: Size::Mib(2048),
            ..plain("6.12", firmware, 1)
        });
    }
    trials
}

const fn plain(kernel: &'static str, firmware: Firmware, vcpus: u16) -> Trial {
    Trial {
        kernel,
        firmware,
        vcpus,
        memory: Size::Usual,
        reboots: 0,
    }
}

impl Trial {
    /// Boots it.
    ///
    /// # Errors
    /// In words, what went wrong, and all that was printed.
    pub fn run(&self, initramfs: &Path) -> Result<(), String> {
        let kernel = Kernel::of(self.kernel)?;
        let mut command = boot(&kernel, initramfs)?;
        self.describe(&mut command);
        let answers: Vec<_> = std::iter::repeat_n("reboot", self.reboots)
            .chain(["poweroff"])
            .collect();
        let talk = talk(&mut command, "init: ready", &answers)?;
        self.judge(&kernel, &talk).map_err(|reason| {
            let Talk {
                status,
                console,
                messages,
            } = talk;
            format!("{reason}; it ended with {status}\n{console}\n{messages}")
        })
    }

    fn describe(&self, command: &mut Command) {
        command.args(["--host=lab", "--json", "--timeout", SECONDS]);
        command.arg(format!("--firmware={}", self.firmware));
        command.arg(format!("--cpus={}", self.vcpus));
        if let Size::Mib(mib) = self.memory {
            command.arg(format!("--memory={mib}M"));
        }
        command.args(["--append", "quiet -- report ask"]);
    }

    fn judge(&self, kernel: &Kernel, talk: &Talk) -> Result<(), String> {
        let lives = self.reboots + 1;
        let online = match self.vcpus {
            1 => "0".to_owned(),
            vcpus => format!("0-{}", vcpus - 1),
        };
        let report = format!("init: release={} online={online} ", kernel.release);
        let seen = talk.console.matches(&report).count();
        if seen != lives {
            return Err(format!("`{report}` was seen {seen} times, not {lives}"));
        }
        let end = talk.messages.lines().find(|line| line.starts_with('{'));
        let end: Value = end
            .and_then(|end| serde_json::from_str(end).ok())
            .ok_or("it did not say how it ended")?;
        if end["end"] != "off" || end["resets"] != self.reboots || !talk.status.success() {
            return Err(format!("it was to end by power-off, and ended so: {end}"));
        }
        if self.firmware == Firmware::Core && end["forwarded_calls"] == 0 {
            return Err("core was to answer, and no call was forwarded to it".into());
        }
        Ok(())
    }
}

impl Firmware {
    const BOTH: [Self; 2] = [Self::Kernel, Self::Core];
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Core => "core",
        })
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kernel,
            firmware,
            vcpus,
            reboots,
            ..
        } = self;
        write!(f, "Linux {kernel}, firmware {firmware}, {vcpus} vCPUs")?;
        if let Size::Mib(mib) = self.memory {
            write!(f, ", {mib} MiB")?;
        }
        match reboots {
            0 => Ok(()),
            _ => write!(f, ", {reboots} reboots"),
        }
    }
}

const KERNELS: [&str; 3] = ["6.1", "6.12", "7.3"];
/// The least RAM, in MiB, in which a kernel and this initramfs were seen to work.
const SMALLEST: [(&str, u32); 3] = [("6.1", 64), ("6.12", 64), ("7.3", 80)];
/// Many times what one takes.
const SECONDS: &str = "900";

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn judged(trial: &Trial, console: &str, end: &str) -> Result<(), String> {
        let kernel = Kernel {
            path: "vmlinuz".into(),
            release: "6.12.1".into(),
        };
        let talk = Talk {
            status: ExitStatus::from_raw(0),
            console: console.into(),
            messages: format!("vambrace: 4 vCPUs\n{end}\n"),
        };
        trial.judge(&kernel, &talk)
    }

    fn rebooting() -> Trial {
        Trial {
            reboots: 1,
            ..plain("6.12", Firmware::Core, 4)
        }
    }

    const REPORT: &str = "init: release=6.12.1 online=0-3 memory=1\n";
    const END: &str = r#"{"end":"off","resets":1,"forwarded_calls":9}"#;

    #[test]
    fn a_trial_passes_with_every_cpu_in_every_life_and_a_power_off() {
        assert_eq!(judged(&rebooting(), &REPORT.repeat(2), END), Ok(()));
    }

    #[test]
    fn a_missing_life_or_cpu_fails() {
        assert!(judged(&rebooting(), REPORT, END).is_err());
        let fewer = REPORT.replace("0-3", "0-2");
        assert!(judged(&rebooting(), &format!("{REPORT}{fewer}"), END).is_err());
    }

    #[test]
    fn another_end_fails() {
        for end in [
            "",
            r#"{"end":"crashed","resets":1,"forwarded_calls":9}"#,
            r#"{"end":"off","resets":2,"forwarded_calls":9}"#,
            r#"{"end":"off","resets":1,"forwarded_calls":0}"#,
        ] {
            assert!(
                judged(&rebooting(), &REPORT.repeat(2), end).is_err(),
                "{end}"
            );
        }
    }
}
