//! Reads what the kernel tells every program of its machine.

use std::fs;
use std::path::Path;

use super::{CpuIdentification, CpuList, Hardware, SystemRegisters};

/// This machine, with the registers that only arm64 can read.
pub(super) fn hardware(registers: SystemRegisters) -> Hardware {
    let uname = rustix::system::uname();
    let mut cpus = cpus(Path::new("/sys/devices/system/cpu"));
    // A kernel that cannot say where this thread may run lets it run anywhere.
    if let Ok(allowed) = CpuList::of_this_thread() {
        cpus.retain(|cpu| allowed.contains(cpu.number));
    }
    Hardware {
        kernel: uname.release().to_string_lossy().into_owned(),
        cpus,
        registers,
    }
}

/// The CPUs that have a directory `cpuN` in `directory`.
fn cpus(directory: &Path) -> Vec<CpuIdentification> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut cpus: Vec<_> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix("cpu")?.parse().ok()?;
            let registers = entry.path().join("regs/identification");
            Some(CpuIdentification {
                number,
                midr: hexadecimal(&registers.join("midr_el1")),
                revidr: hexadecimal(&registers.join("revidr_el1")),
            })
        })
        .collect();
    cpus.sort_by_key(|cpu| cpu.number);
    cpus
}

/// The number in a file, written as `0x…`; None if there is no such file.
fn hexadecimal(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    u64::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use super::*;

    #[test]
    fn each_cpu_says_what_it_is_or_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = directory.path().join(name);
            create_dir_all(path.parent().unwrap()).unwrap();
            write(path, text).unwrap();
        };
        file("cpu10/regs/identification/midr_el1", "0x00000000414fd0b1\n");
        file(
            "cpu10/regs/identification/revidr_el1",
            "0x0000000000000100\n",
        );
        file("cpu2/online", "1\n");
        file("cpufreq/boost", "0\n");
        file("present", "0-10\n");
        let found = [
            CpuIdentification {
                number: 2,
                midr: None,
                revidr: None,
            },
            CpuIdentification {
                number: 10,
                midr: Some(0x414f_d0b1),
                revidr: Some(0x100),
            },
        ];
        assert_eq!(cpus(directory.path()), found);
    }

    #[test]
    fn a_kernel_without_the_directory_has_no_cpus_to_tell_of() {
        assert_eq!(cpus(Path::new("/nonexistent")), []);
    }

    #[test]
    fn a_machine_is_the_cpus_on_which_the_thread_may_run() {
        let thread = std::thread::spawn(|| {
            let registers = SystemRegisters {
                ctr_el0: 1,
                dczid_el0: 2,
                cntfrq_el0: 3,
            };
            let first = hardware(registers).cpus[0].number;
            let one: CpuList = first.to_string().parse().unwrap();
            one.keep_this_thread().unwrap();
            let numbers: Vec<_> = hardware(registers)
                .cpus
                .iter()
                .map(|cpu| cpu.number)
                .collect();
            assert_eq!(numbers, [first]);
        });
        thread.join().unwrap();
    }

    #[test]
    fn this_machine_has_a_kernel() {
        let registers = SystemRegisters {
            ctr_el0: 1,
            dczid_el0: 2,
            cntfrq_el0: 3,
        };
        let hardware = hardware(registers);
        assert_eq!(hardware.registers, registers);
        assert!(
            hardware
                .kernel
                .starts_with(|first: char| first.is_ascii_digit())
        );
    }
}
