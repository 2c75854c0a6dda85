//! What each kind of guest is told, and what it has to say.

use super::talk::{Step, answer, hear, stop_at};
use super::trial::{Calls, Count, Disk, End, Firmware, Image, Initramfs, Trial};

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
        options,
        disks: Vec::new(),
        steps: words.flat_map(life).collect(),
        calls: Vec::new(),
        end: End::Off { resets: reboots },
    }
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
