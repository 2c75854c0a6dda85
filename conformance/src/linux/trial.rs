//! One machine: what it is made of, what its guest is told, what it has to say, and how it ends.

use std::fmt;
use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use serde_json::Value;

use super::materials::{Kernel, Materials};
use super::talk::{Step, Talk, talk};
use crate::built;

/// Who answers firmware calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// KVM's own code.
    Kernel,
    /// Core.
    Core,
}

/// What is booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Image {
    /// Debian's kernel of this series, with this initramfs.
    Linux(&'static str, Initramfs),
    /// Debian's 6.12 of the full flavour, with drivers for a button.
    FullFlavour,
    /// U-Boot, as firmware.
    UBoot,
    /// The kernel and initramfs of Debian's installer.
    Installer,
}

/// What lies in a Linux's initramfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Initramfs {
    /// Our first process.
    Init,
    /// The same with drivers, and Debian's programs that make and check file systems.
    Tools,
    /// The same with drivers of the devices that lead somewhere.
    Wires,
    /// The same with the full flavour's drivers for a button.
    Button,
}

/// A disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Disk {
    /// Of so many MiB, all zeroes.
    Empty(u64),
    /// The same, and the guest may not write to it.
    ReadOnly(u64),
    /// With a kernel and an initramfs on it, for a boot loader.
    Bootable,
}

/// Where it runs, and who is at the other ends of its devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// `vambrace boot` sends it into a lab host; the console is all there is.
    Sent,
    /// `linux_other_end` boots it inside one, with these arguments.
    Inside(Vec<String>),
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The guest powers it off, after so many resets.
    Off { resets: usize },
    /// It is ended from outside.
    Stopped,
}

/// How often core was called for a function, of those that a report counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Calls {
    /// The function's name.
    pub(super) function: &'static str,
    /// How often.
    pub(super) count: Count,
}

/// How often something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// So often.
    Exactly(u64),
    /// As often as the guest says behind these words.
    AsSaid(&'static str),
}

/// One machine, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What is done, in words.
    pub(super) what: String,
    /// What is booted.
    pub(super) image: Image,
    /// Who answers.
    pub(super) firmware: Firmware,
    /// Where it runs.
    pub(super) place: Place,
    /// Further options of `vambrace boot`.
    pub(super) options: Vec<String>,
    /// Its disks.
    pub(super) disks: Vec<Disk>,
    /// What is heard and typed.
    pub(super) steps: Vec<Step>,
    /// What core counts.
    pub(super) calls: Vec<Calls>,
    /// How it ends.
    pub(super) end: End,
}

impl Trial {
    /// Boots it.
    ///
    /// # Errors
    /// In words, what went wrong, and all that was printed.
    pub fn run(&self, materials: &Materials) -> Result<(), String> {
        let mut command = built::find_vambrace()?;
        match &self.place {
            Place::Sent => self.describe(materials, &mut command)?,
            Place::Inside(arguments) => self.describe_host(materials, arguments, &mut command)?,
        }
        let talk = talk(&mut command, &self.steps)?;
        self.judge(&talk).map_err(|reason| {
            let Talk {
                status,
                console,
                messages,
                ..
            } = talk;
            format!("{reason}; it ended with {status}\n{console}\n{messages}")
        })
    }

    fn describe(&self, materials: &Materials, command: &mut Command) -> Result<(), String> {
        command.arg("boot");
        match self.image {
            Image::Linux(series, initramfs) => {
                command.arg("--kernel").arg(Kernel::of(series)?.path);
                command.arg("--initrd").arg(materials.initramfs(initramfs)?);
            }
            Image::FullFlavour => {
                let initramfs = materials.initramfs(Initramfs::Button)?;
                command.arg("--kernel").arg(materials.full_flavour()?);
                command.arg("--initrd").arg(initramfs);
            }
            Image::UBoot => {
                command.arg("--bios").arg(materials.u_boot()?);
            }
            Image::Installer => {
                let (kernel, initramfs) = materials.installer()?;
                command.arg("--kernel").arg(kernel);
                command.arg("--initrd").arg(initramfs);
            }
        }
        for (number, disk) in self.disks.iter().enumerate() {
            let path = materials.folder().join(format!("disk-{number}"));
            let failed = |error: std::io::Error| format!("{}: {error}", path.display());
            let mut readonly = "";
            match disk {
                Disk::Empty(mib) | Disk::ReadOnly(mib) => {
                    let file = File::create(&path).map_err(failed)?;
                    file.set_len(mib << 20).map_err(failed)?;
                    if matches!(disk, Disk::ReadOnly(_)) {
                        readonly = ",readonly";
                    }
                }
                Disk::Bootable => materials.write_bootable(&path)?,
            }
            command.arg(format!("--disk={}{readonly}", path.display()));
        }
        command.args(["--host=lab", "--json", "--timeout", SECONDS]);
        command.arg(format!("--firmware={}", self.firmware));
        command.args(&self.options);
        Ok(())
    }

    fn describe_host(
        &self,
        materials: &Materials,
        arguments: &[String],
        command: &mut Command,
    ) -> Result<(), String> {
        let Image::Linux(series, initramfs) = self.image else {
            return Err("only Linux can be told what to do with its devices".into());
        };
        let host = format!("--host=lab:{series}");
        command.args(["lab", "run", "--no-input", &host, "--timeout", SECONDS]);
        for (file, place) in [
            (Kernel::of(series)?.path.as_path(), "vmlinuz"),
            (materials.initramfs(initramfs)?, "initramfs-for-wires"),
            (&Materials::tun()?, "tun.ko.xz"),
            (&built::find_example("hostile_devices")?, "hostile_devices"),
        ] {
            command.arg(format!("--file={}:{place}", file.display()));
        }
        command.arg("--").arg(Materials::other_end()?);
        command.arg(format!("--firmware={}", self.firmware));
        command.args(arguments);
        Ok(())
    }

    fn judge(&self, talk: &Talk) -> Result<(), String> {
        if let Some(unheard) = &talk.unheard {
            return Err(format!("`{unheard}` was not heard"));
        }
        let resets = match self.end {
            End::Off { resets } => resets,
            End::Stopped if talk.status.signal() == Some(15) => return Ok(()),
            End::Stopped => return Err("it was to end by a signal".into()),
        };
        let end = talk.messages.lines().find(|line| line.starts_with("{\""));
        let end: Value = end
            .and_then(|end| serde_json::from_str(end).ok())
            .ok_or("it did not say how it ended")?;
        if end["end"] != "off" || end["resets"] != resets || !talk.status.success() {
            return Err(format!("it was to end by power-off, and ended so: {end}"));
        }
        if self.firmware == Firmware::Core && end["forwarded_calls"] == 0 {
            return Err("core was to answer, and no call was forwarded to it".into());
        }
        for Calls { function, count } in &self.calls {
            let count = count.of(&talk.console)?;
            if end["power_calls"][*function] != count {
                return Err(format!("{function} was to be called {count} times: {end}"));
            }
        }
        Ok(())
    }
}

impl Count {
    fn of(self, console: &str) -> Result<u64, String> {
        let words = match self {
            Self::Exactly(count) => return Ok(count),
            Self::AsSaid(words) => words,
        };
        let said = console.split_once(words).map(|(_, rest)| rest);
        let number = said.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| format!("no number was heard behind `{words}`"))
    }
}

impl Firmware {
    pub(super) const BOTH: [Self; 2] = [Self::Kernel, Self::Core];
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kernel => "kernel",
            Self::Core => "core",
        })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linux(series, _) => write!(f, "Linux {series}"),
            Self::FullFlavour => f.write_str("Linux 6.12 of the full flavour"),
            Self::UBoot => f.write_str("U-Boot"),
            Self::Installer => f.write_str("Debian's installer"),
        }
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            image,
            firmware,
            what,
            ..
        } = self;
        write!(f, "{image}, firmware {firmware}, {what}")
    }
}

/// Many times what one takes.
const SECONDS: &str = "900";

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::super::talk::{Then, hear};
    use super::*;

    fn trial(firmware: Firmware, end: End) -> Trial {
        Trial {
            what: "a trial".into(),
            image: Image::UBoot,
            firmware,
            place: Place::Sent,
            options: Vec::new(),
            disks: Vec::new(),
            steps: vec![hear("=> ")],
            calls: Vec::new(),
            end,
        }
    }

    const SAID: &str = "init: asked=3 times";

    fn judged(trial: &Trial, end: &str, wait_status: i32, unheard: Option<&str>) -> bool {
        let talk = Talk {
            status: ExitStatus::from_raw(wait_status),
            console: SAID.into(),
            messages: format!("vambrace: 4 vCPUs\n{end}\n"),
            unheard: unheard.map(str::to_owned),
        };
        trial.judge(&talk).is_ok()
    }

    const OFF: &str = r#"{"end":"off","resets":1,"forwarded_calls":9,"power_calls":{"CPU_ON":3}}"#;

    #[test]
    fn a_trial_passes_when_all_was_heard_and_it_powered_off() {
        for firmware in Firmware::BOTH {
            let trial = trial(firmware, End::Off { resets: 1 });
            assert!(judged(&trial, OFF, 0, None));
            assert!(!judged(&trial, OFF, 0, Some("=> ")));
            assert!(!judged(&trial, OFF, 0x7e00, None));
        }
    }

    #[test]
    fn another_end_fails() {
        let trial = trial(Firmware::Core, End::Off { resets: 1 });
        for end in [
            "",
            r#"{"end":"crashed","resets":1,"forwarded_calls":9}"#,
            r#"{"end":"off","resets":2,"forwarded_calls":9}"#,
            r#"{"end":"off","resets":1,"forwarded_calls":0}"#,
        ] {
            assert!(!judged(&trial, end, 0, None), "{end}");
        }
    }

    #[test]
    fn another_number_of_calls_fails() {
        let calls = |count| Trial {
            calls: vec![Calls {
                function: "CPU_ON",
                count,
            }],
            ..trial(Firmware::Core, End::Off { resets: 1 })
        };
        assert!(judged(&calls(Count::Exactly(3)), OFF, 0, None));
        assert!(!judged(&calls(Count::Exactly(2)), OFF, 0, None));
        assert!(judged(&calls(Count::AsSaid("asked=")), OFF, 0, None));
        assert!(!judged(&calls(Count::AsSaid("told=")), OFF, 0, None));
    }

    #[test]
    fn what_is_stopped_ends_by_a_signal() {
        let mut trial = trial(Firmware::Kernel, End::Stopped);
        trial.steps[0].then = Then::Stop;
        assert!(judged(&trial, "", 15, None));
        assert!(!judged(&trial, OFF, 0, None));
    }
}
