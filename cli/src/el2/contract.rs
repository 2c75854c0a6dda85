//! What of a contract can be kept at EL2.
//!
//! All that core answers from is: whose answers, PSCI and its functions, services, workarounds, the
//! list of implementations, where stolen time is. The CPU is the guest's as it is: the program at EL2
//! hides nothing of it, so a contract has to be one of this very model, and what a kernel would hide
//! of it is seen. What is promised in numbers that nobody sets here is refused by its name.

use vambrace_core::contract::{Contract, GicKind, ServedBy, VcpuFeatures};
use vambrace_core::firmware::Dialect;
use vambrace_core::vendor_hyp::Implementation;
use vambrace_kvm::layout::STOLEN_TIME;
use vambrace_kvm::machine::Error;

use super::Cpu;
use crate::failure::Failure;

/// Refuses what the program at EL2 keeps on no CPU; gives the dialect in which core answers.
pub(super) fn check(contract: &Contract) -> Result<Dialect, Failure> {
    let ServedBy::Core(dialect) = contract.served_by else {
        let what = "a kernel's own answers, and there is no kernel";
        return Err(refusal(what, "--served-by core"));
    };
    if contract.gic.kind != GicKind::V3 {
        return Err(refusal(
            "a GICv2, and there the guest has a GICv3",
            "--gic v3:3",
        ));
    }
    if let Some(place) = contract.stolen_time
        && place != STOLEN_TIME.base()
    {
        return Err(Error::ContractStolenTime { place }.into());
    }
    for (feature, what, without) in [
        (
            VcpuFeatures::SVE,
            "certain lengths of SVE vectors, and there the guest has all of the CPU's",
            "--without sve",
        ),
        (
            VcpuFeatures::PMU,
            "a number of PMU counters, and there the guest has all of the CPU's",
            "--without pmu",
        ),
    ] {
        if contract.vcpu_features.contains(feature) {
            return Err(refusal(what, without));
        }
    }
    Ok(dialect)
}

/// Refuses what this CPU does not keep: it is another than the contract's.
pub(super) fn check_cpu(contract: &Contract, cpu: &Cpu) -> Result<(), Failure> {
    if contract.implementation != cpu.implementation {
        let (promised, here) = (contract.implementation, cpu.implementation);
        return Err(another_cpu(&name(promised), &name(here)));
    }
    let (promised, here) = (contract.counter.frequency, cpu.frequency);
    if promised != here {
        let hertz = |frequency| format!("a counter of {frequency} Hz");
        return Err(another_cpu(&hertz(promised), &hertz(here)));
    }
    Ok(())
}

/// What a guest sees otherwise than its contract has it, for the user to know.
pub(super) const SEEN: &str = "at EL2 the guest sees the CPU as it is: of the contract it is given \
                               all that firmware answers, and no identification register, cache \
                               or GIC revision of another value";

fn refusal(what: &str, change: &str) -> Failure {
    Failure::new(format!(
        "the contract cannot be kept at EL2: it promises {what}"
    ))
    .with_hint(format!(
        "change it: vambrace contract new --from FILE {change}"
    ))
}

fn another_cpu(promised: &str, here: &str) -> Failure {
    Failure::new(format!(
        "the contract cannot be kept at EL2: it promises {promised}, and the board's CPU has {here}"
    ))
    .with_hint("name the CPU that it was made for: --host el2:CPU")
}

fn name(implementation: Implementation) -> String {
    let Implementation { midr, revidr, aidr } = implementation;
    format!("MIDR_EL1 {midr:#x}, REVIDR_EL1 {revidr:#x}, AIDR_EL1 {aidr:#x}")
}

#[cfg(test)]
mod tests {
    use vambrace_core::memory::Ipa;
    use vambrace_kvm::machine::Aarch32;

    use super::*;
    use crate::contract::samples;
    use crate::el2::Entropy;

    fn contract() -> Contract {
        Contract {
            served_by: ServedBy::Core(Dialect::Specification),
            ..samples::contract()
        }
    }

    fn refused(change: impl FnOnce(&mut Contract)) -> (String, Option<String>) {
        let mut contract = contract();
        change(&mut contract);
        match check(&contract).unwrap_err() {
            Failure::Other { message, hint } => (message, hint),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_core_answers_is_kept() {
        assert_eq!(check(&contract()).unwrap(), Dialect::Specification);
    }

    #[test]
    fn what_nobody_sets_at_el2_is_refused_by_its_name() {
        let (message, hint) = refused(|contract| contract.served_by = ServedBy::Kernel);
        assert!(message.contains("a kernel's own answers"), "{message}");
        assert!(hint.unwrap().ends_with("--served-by core"));
        let (message, hint) = refused(|contract| contract.vcpu_features |= VcpuFeatures::SVE);
        assert!(message.contains("lengths of SVE vectors"), "{message}");
        assert!(hint.unwrap().ends_with("--without sve"));
        let (message, _) = refused(|contract| contract.vcpu_features |= VcpuFeatures::PMU);
        assert!(message.contains("PMU counters"), "{message}");
        let (message, _) = refused(|contract| contract.gic.kind = GicKind::V2);
        assert!(message.contains("GICv2"), "{message}");
        let (message, _) = refused(|contract| {
            contract.stolen_time = Some(Ipa::new(0x1000_0000));
        });
        assert!(message.contains("stolen time at"), "{message}");
    }

    #[test]
    fn another_cpu_than_the_contracts_is_refused_with_both() {
        let contract = contract();
        let cpu = Cpu {
            aarch32: Aarch32::Missing,
            entropy: Entropy::Missing,
            implementation: contract.implementation,
            frequency: contract.counter.frequency,
        };
        check_cpu(&contract, &cpu).unwrap();
        let mut other = cpu;
        other.implementation.midr = 0x410f_d0c1;
        let message = check_cpu(&contract, &other).unwrap_err().message();
        assert!(
            message.contains("board's CPU has MIDR_EL1 0x410fd0c1"),
            "{message}"
        );
        let other = Cpu {
            frequency: 1,
            ..cpu
        };
        let message = check_cpu(&contract, &other).unwrap_err().message();
        assert!(
            message.ends_with("board's CPU has a counter of 1 Hz"),
            "{message}"
        );
    }
}
