//! What each kind of guest is told, and what it has to say.

use super::talk::{Step, answer, hear, press, press_later, stop_at};
use super::trial::{Calls, Count, Disk, End, Firmware, Image, Initramfs, Place, Trial};

/// A Debian kernel that brings its CPUs online, reboots so often, and powers off.
pub(super) fn linux(
    series: &'static str,
    firmware: Firmware,
    vcpus: u16,
    mib: Option<u32>,
    reboots: usize,
) -> Trial {
    let mut what = format!("{vcpus} vCPUs");
    let mut options = told("report ask", vcpus);
    if let Some(mib) = mib {
        what += &format!(", {mib} MiB");
        options.push(format!("--memory={mib}M"));
    }
    if reboots > 0 {
        what += &format!(", {reboots} reboots");
    }
    let online = online(vcpus);
    let life = |word| [hear(&online), answer(READY, word)];
    let words = std::iter::repeat_n("reboot", reboots).chain(["poweroff"]);
    Trial {
        what,
        image: Image::Linux(series, Initramfs::Init),
        firmware,
        place: Place::Sent,
        options,
        disks: Vec::new(),
        steps: words.flat_map(life).collect(),
        calls: Vec::new(),
        end: End::Off { resets: reboots },
    }
}

/// The same Linux, which also tells of the ITS that it has found.
pub(super) fn with_its(trial: Trial) -> Trial {
    that_finds("ITS [mem 0x08080000-0x0809ffff]", trial)
}

/// The same Linux on a machine with a GICv2, which it tells of.
pub(super) fn with_gic_v2(trial: Trial) -> Trial {
    let trial = that_finds("Root IRQ handler: gic_handle_irq", trial);
    made_with("GICv2", ["--host=lab:6.12:max:gic2", "--gic=2"], trial)
}

/// The same Linux, told which CPUs it may land on: as long as no contract lists more, the host's.
pub(super) fn with_implementations(trial: Trial) -> Trial {
    let trial = that_finds("Number of target implementation CPUs is 1", trial);
    let options = ["--host=lab:7.3", "--with=vendor-hyp,discover-impl"];
    made_with("DISCOVER_IMPL", options, trial)
}

/// The same in a machine with these options, and under a name that says so.
fn made_with(what: &str, options: [&str; 2], mut trial: Trial) -> Trial {
    trial.what += &format!(", {what}");
    trial.options.extend(options.map(str::to_owned));
    trial
}

/// Lets a kernel say everything, and first of all this.
fn that_finds(found: &str, mut trial: Trial) -> Trial {
    for option in &mut trial.options {
        *option = option.replace("--append=quiet", "--append=loglevel=7");
    }
    trial.steps.insert(0, hear(found));
    trial
}

/// Debian's programs make an ext4 on a disk, a file is written to it, and is there after a reboot.
pub(super) fn disks_over_a_reboot(firmware: Firmware, mib: u64) -> Trial {
    let check = "run:/usr/sbin/e2fsck,-fn,/dev/vda";
    let first = format!("run:/usr/sbin/mke2fs,-q,-t,ext4,/dev/vda mount:/dev/vda write:{mib}");
    let second = format!("{check} mount:/dev/vda verify:{mib} unmount {check} readonly:/dev/vdb");
    let written = format!("init: written={mib}");
    let verified = format!("init: verified={mib}");
    Trial {
        what: format!("ext4 with {mib} MiB over a reboot"),
        image: Image::Linux("6.12", Initramfs::Tools),
        firmware,
        place: Place::Sent,
        options: told("modules ask", 2),
        disks: vec![Disk::Empty(mib * 5 / 4 + 32), Disk::ReadOnly(1)],
        steps: vec![
            answer(READY, &first),
            hear(&written),
            answer(READY, "unmount reboot"),
            answer(READY, &second),
            hear("/usr/sbin/e2fsck succeeded"),
            hear(&verified),
            hear("/usr/sbin/e2fsck succeeded"),
            hear("/dev/vdb is read-only"),
            answer(READY, "poweroff"),
        ],
        calls: Vec::new(),
        end: End::Off { resets: 1 },
    }
}

/// Each CPU in turn is taken off and on again, so many times in all, while all have work. Core
/// hears each as often as Linux says that it called.
pub(super) fn cpus_go_and_come(firmware: Firmware, times: u64) -> Trial {
    let vcpus = 4;
    let calls = [
        ("CPU_ON", Count::Exactly(u64::from(vcpus) - 1 + times)),
        ("CPU_OFF", Count::Exactly(times)),
        ("AFFINITY_INFO", Count::AsSaid("init: psci_affinity_info=")),
    ];
    let calls = calls.map(|(function, count)| Calls { function, count });
    let asks = "psci_affinity_info";
    let words = format!("report work count:{asks} hotplug:{times} counted:{asks} report ask");
    Trial {
        what: format!("{times} times a CPU of {vcpus} off and on"),
        image: Image::Linux("6.12", Initramfs::Init),
        firmware,
        place: Place::Sent,
        options: told(&words, vcpus),
        disks: Vec::new(),
        steps: vec![
            hear(&online(vcpus)),
            hear(&format!("init: hotplug={times} online=0-3")),
            hear(&online(vcpus)),
            answer(READY, "poweroff"),
        ],
        calls: match firmware {
            Firmware::Kernel => Vec::new(),
            Firmware::Core => calls.into(),
        },
        end: End::Off { resets: 0 },
    }
}

/// Suspend to RAM, random numbers, stolen time and the host's clock, as Linux's drivers find them.
pub(super) fn services(firmware: Firmware, seconds: u64) -> Trial {
    let vcpus = 4;
    let mut options = told("modules ask", vcpus);
    options.push("--with=trng,pv-time,vendor-hyp,ptp,system-suspend".into());
    Trial {
        what: format!("suspend, TRNG, stolen time, PTP for {seconds} s"),
        image: Image::Linux("6.12", Initramfs::Tools),
        firmware,
        place: Place::Sent,
        options,
        disks: Vec::new(),
        steps: vec![
            answer(READY, "random:2048"),
            hear("init: random=smccc_trng bytes=2048"),
            answer(READY, &format!("clock:{seconds}")),
            hear("init: clock=KVM virtual PTP agrees in"),
            answer(READY, "suspend:5"),
            hear("init: suspended=1 online=0-3"),
            answer(READY, "suspend:2"),
            hear("init: suspended=2 online=0-3"),
            answer(READY, "work stolen"),
            hear("init: stolen=some"),
            answer(READY, "poweroff"),
        ],
        calls: Vec::new(),
        end: End::Off { resets: 0 },
    }
}

/// A network card, a socket, a balloon, a console and disks with somebody at their other ends, who
/// goes away at last.
pub(super) fn wires(firmware: Firmware, mib: u64) -> Trial {
    let each_way = |what: &str| hear(&format!("other end: {mib} MiB each way by {what}"));
    Trial {
        what: format!("{mib} MiB each way through each device, and their loss"),
        image: Image::Linux("6.12", Initramfs::Wires),
        firmware,
        place: Place::Inside(vec![format!("--mib={mib}")]),
        options: Vec::new(),
        disks: Vec::new(),
        steps: vec![
            hear("other end: reported"),
            hear("other end: inflated"),
            hear("other end: deflated, and used again"),
            each_way("TCP, called by the guest"),
            each_way("TCP, called by the host"),
            each_way("vsock, called by the guest"),
            each_way("vsock, called by the host"),
            hear("other end: a line each way on the virtio console"),
            hear("other end: a full disk refuses, and writes when there is room"),
            hear("other end: a disk that was cut has an end"),
            hear("other end: a disk whose file is removed goes on"),
            hear("other end: a line each way on the virtio console"),
            hear("other end: an interface that is gone is a link that is down"),
            hear("other end: whatever a guest does to a network card, its machine goes on"),
        ],
        calls: Vec::new(),
        end: End::Off { resets: 0 },
    }
}

/// A press of the power button is a key to Linux, and wakes it from suspend to RAM.
pub(super) fn power_button(firmware: Firmware) -> Trial {
    let words = "no_console_suspend loglevel=7 -- modules ask";
    Trial {
        what: "a power button that ends it and wakes it".into(),
        image: Image::FullFlavour,
        firmware,
        place: Place::Sent,
        options: vec![
            format!("--append={words}"),
            "--cpus=2".into(),
            "--with=system-suspend".into(),
        ],
        disks: Vec::new(),
        steps: vec![
            answer(READY, "suspend-until-pressed"),
            // The last thing that is said before SYSTEM_SUSPEND.
            press_later("psci: CPU1 killed"),
            hear("init: suspended=1 online=0-1"),
            answer(READY, "pressed poweroff"),
            press("init: waiting for a key"),
            hear("init: key=116"),
        ],
        calls: Vec::new(),
        end: End::Off { resets: 0 },
    }
}

/// U-Boot's prompt, in two lives.
pub(super) fn u_boot_talks(firmware: Firmware) -> Trial {
    let mut steps = prompt().to_vec();
    steps.extend([
        answer(PROMPT, "version"),
        hear("U-Boot 20"),
        answer(PROMPT, "virtio info"),
        hear("Capacity: 1.0 MB"),
        answer(PROMPT, "virtio dev 0"),
        answer(PROMPT, "virtio read 0x42000000 0 0x800"),
        hear("2048 blocks read: OK"),
        answer(PROMPT, "reset"),
    ]);
    steps.extend(prompt());
    steps.push(answer(PROMPT, "poweroff"));
    u_boot("reset and poweroff", firmware, steps, Disk::Empty(1), 1)
}

/// U-Boot reads a kernel and an initramfs from a virtio disk, and starts Linux.
pub(super) fn u_boot_loads_linux(firmware: Firmware) -> Trial {
    let mut steps = prompt().to_vec();
    steps.extend([
        answer(PROMPT, "virtio dev 0"),
        answer(PROMPT, "virtio read 0x42000000 0 0x18000"),
        hear("98304 blocks read: OK"),
        answer(PROMPT, "virtio read 0x4a000000 0x18000 0x8000"),
        hear("32768 blocks read: OK"),
        answer(PROMPT, "setenv bootargs 'quiet -- report ask'"),
        answer(
            PROMPT,
            "booti 0x42000000 0x4a000000:1000000 ${fdtcontroladdr}",
        ),
        hear("Starting kernel"),
        hear(&online(1)),
        answer(READY, "poweroff"),
    ]);
    u_boot("Linux from a disk", firmware, steps, Disk::Bootable, 0)
}

fn u_boot(what: &str, firmware: Firmware, steps: Vec<Step>, disk: Disk, resets: usize) -> Trial {
    Trial {
        what: what.into(),
        image: Image::UBoot,
        firmware,
        place: Place::Sent,
        options: Vec::new(),
        disks: vec![disk],
        steps,
        calls: Vec::new(),
        end: End::Off { resets },
    }
}

/// Its countdown is interrupted by a key.
fn prompt() -> [Step; 1] {
    [answer("Hit any key to stop autoboot", "")]
}

/// Debian's installer asks its first question.
pub(super) fn installer_asks(firmware: Firmware) -> Trial {
    Trial {
        what: "first dialog".into(),
        image: Image::Installer,
        firmware,
        place: Place::Sent,
        options: vec!["--memory=1G".into(), "--cpus=2".into()],
        disks: Vec::new(),
        steps: vec![stop_at("Choose the language to be used")],
        calls: Vec::new(),
        end: End::Stopped,
    }
}

/// Words for our first process, and so many vCPUs.
fn told(words: &str, vcpus: u16) -> Vec<String> {
    vec![
        format!("--append=quiet -- {words}"),
        format!("--cpus={vcpus}"),
    ]
}

/// What our first process reports when so many CPUs are online.
fn online(vcpus: u16) -> String {
    match vcpus {
        1 => "online=0 ".to_owned(),
        vcpus => format!("online=0-{} ", vcpus - 1),
    }
}

const READY: &str = "init: ready";
const PROMPT: &str = "=> ";
