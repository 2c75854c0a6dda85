//! The answers: each question tried on the kernel of this machine.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vambrace_core::contract::{Normalisation, VcpuFeatures};
use vambrace_core::cpu::{Field, IdRegister};
use vambrace_core::firmware::Dialect;
use vambrace_kvm::contract::{
    Confirmation, FieldAnswer, RawConfirmation, confirm, confirm_fields, confirm_raw,
};
use vambrace_kvm::devices::Unclaimed;
use vambrace_kvm::machine::{
    Config, Devices, End, Features, FirmwareKind, Machine, OnReset, SeedChoice,
};
use vambrace_kvm::sys::{Host, RegisterId};

use super::question::{
    Answer, Differs, Heard, Promised, Question, RawHeard, Stored, from_hexadecimal,
};

/// What `host` answers. `guest` is the image of the program that prints what it reads.
#[must_use]
pub fn answer<H: Host>(host: &H, guest: &[u8], question: &Question) -> Answer {
    let answer = match question {
        Question::Contract(contract) => contract
            .decode()
            .and_then(|contract| confirm(host, &contract).map_err(|error| error.to_string()))
            .map(|heard| Answer::Contract(heard_of(&heard))),
        Question::Raw {
            features,
            registers,
        } => raw(host, *features, registers).map(Answer::Raw),
        Question::Registers { features, values } => {
            registers(host, *features, values).map(Answer::Registers)
        }
        Question::Guest(promised) => sightings(host, guest, promised.as_ref()).map(Answer::Guest),
    };
    answer.unwrap_or_else(Answer::Failed)
}

fn heard_of(confirmation: &Confirmation) -> Heard {
    let refused = confirmation.refusals.iter();
    let differs = confirmation.differences.iter();
    Heard {
        refused: refused
            .map(|refusal| (refusal.subject.to_string(), refusal.errno.number()))
            .collect(),
        differs: differs
            .map(|difference| Differs {
                subject: difference.subject.to_string(),
                field: difference.field.map(|field| field.to_string()),
                written: difference.written,
                read: difference.read,
            })
            .collect(),
    }
}

fn raw<H: Host>(
    host: &H,
    features: u8,
    registers: &BTreeMap<u64, String>,
) -> Result<RawHeard, String> {
    let registers = registers.iter().map(|(id, digits)| {
        let bytes = from_hexadecimal(digits)?;
        Ok((RegisterId::from_raw(*id), bytes))
    });
    let registers: Vec<_> = registers.collect::<Result<_, String>>()?;
    let heard = confirm_raw(host, &registers, VcpuFeatures::from_bits_retain(features));
    Ok(match heard.map_err(|error| error.to_string())? {
        RawConfirmation::Features(errno) => RawHeard::NoVcpu(errno.number()),
        RawConfirmation::Registers(refused) => {
            let refused = refused.into_iter();
            RawHeard::Refused(
                refused
                    .map(|(id, errno)| (id.raw(), errno.number()))
                    .collect(),
            )
        }
    })
}

fn registers<H: Host>(
    host: &H,
    features: u8,
    values: &[(u16, u64)],
) -> Result<Vec<Stored>, String> {
    let known = values.iter().map(|(encoding, value)| {
        let register = IdRegister::encoded(*encoding);
        let register = register.ok_or_else(|| format!("{encoding:#x} is no ID register"))?;
        Ok((register, *value))
    });
    let known: Vec<_> = known.collect::<Result<_, String>>()?;
    let features = VcpuFeatures::from_bits_retain(features);
    let answers = confirm_fields(host, features, known).map_err(|error| error.to_string())?;
    let answers = answers.into_iter().map(|answer| match answer {
        FieldAnswer::Stored => Stored::AsWritten,
        FieldAnswer::Rewritten(read) => Stored::As(read),
        FieldAnswer::Refused(errno) => Stored::Refused(errno.number()),
    });
    Ok(answers.collect())
}

/// Runs the guest to its end and reads what it printed.
fn sightings<H: Host>(
    host: &H,
    image: &[u8],
    promised: Option<&Promised>,
) -> Result<BTreeMap<String, u64>, String> {
    let console = Console::default();
    let devices = Arc::new(Devices::new(
        Box::new(console.clone()),
        CONSOLE_LIMIT,
        Unclaimed::ZeroAndIgnored,
    ));
    let machine = Machine::new(config(promised)?, image).map_err(|error| error.to_string())?;
    let report = machine
        .run(host, &devices)
        .map_err(|error| error.to_string())?;
    let printed = console.text();
    match report.end {
        End::Code(0) => {}
        End::Off if printed.lines().any(|line| line == "exit: 0") => {}
        end => return Err(format!("the guest ended with {end:?}:\n{printed}")),
    }
    let lines = printed
        .lines()
        .filter_map(|line| line.strip_prefix("sees: "));
    lines
        .map(|line| sighting(line).ok_or_else(|| format!("the guest printed `{line}`")))
        .collect()
}

/// `NAME 0xVALUE`
fn sighting(line: &str) -> Option<(String, u64)> {
    let (name, value) = line.split_once(" 0x")?;
    Some((name.to_owned(), u64::from_str_radix(value, 16).ok()?))
}

fn config(promised: Option<&Promised>) -> Result<Config, String> {
    let contract = promised.map(|promised| promised.contract.decode());
    let changes = promised.map(|promised| promised.normalisations.as_slice());
    Ok(Config {
        vcpus: 1,
        memory: 128 << 20,
        boot_arguments: None,
        firmware: FirmwareKind::Kernel,
        dialect: Dialect::Specification,
        psci_version: None,
        features: Features::empty(),
        gic: None,
        its: None,
        contents: Vec::new(),
        seeds: SeedChoice::Absent,
        reset: OnReset::End,
        time_limit: Some(GUEST_LIMIT),
        flip: None,
        contract: contract.transpose()?,
        normalisations: changes
            .unwrap_or_default()
            .iter()
            .map(normalisation)
            .collect::<Result<_, _>>()?,
    })
}

fn normalisation(change: &(String, u64, u64)) -> Result<Normalisation, String> {
    let (name, promised, becomes) = change;
    Ok(Normalisation {
        field: Field::named(name).ok_or_else(|| format!("there is no field {name}"))?,
        promised: *promised,
        becomes: *becomes,
    })
}

/// Keeps what a guest prints.
#[derive(Debug, Clone, Default)]
struct Console(Arc<Mutex<Vec<u8>>>);

impl Console {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A hundred times what the guest prints.
const CONSOLE_LIMIT: u64 = 1 << 20;
/// Ten times what it takes on a busy machine.
const GUEST_LIMIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_guest_is_a_name_and_a_number() {
        let caches = ("CCSIDR_EL1[1]".to_owned(), 2);
        assert_eq!(sighting("CCSIDR_EL1[1] 0x2"), Some(caches));
        for wrong in ["MIDR_EL1", "MIDR_EL1 12", "MIDR_EL1 0x", "MIDR_EL1 0x1g"] {
            assert_eq!(sighting(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_change_of_a_field_that_nobody_knows_is_an_error() {
        assert!(normalisation(&("ID_AA64PFR0_EL1.NEW".into(), 1, 0)).is_err());
    }
}
