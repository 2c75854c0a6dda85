//! What the ID registers show is executed, and none of it is undefined.
#![no_std]
#![no_main]

use vambrace_guest_tests::{
    arch::{fault::Attempt, features},
    claim,
    expect::{self, Proof},
    line,
};

claim! {
    "What the ID registers show is executed, and none of it is undefined.";
    vcpus: 1;
    prove
}

fn prove() -> Proof {
    features::enable();
    let [pfr0, pfr1] = [features::id_aa64pfr0(), features::id_aa64pfr1()];
    let [isar0, isar2] = [features::id_aa64isar0(), features::id_aa64isar2()];
    let [mmfr1, mmfr3] = [features::id_aa64mmfr1(), features::id_aa64mmfr3()];
    let dfr0 = features::id_aa64dfr0();
    let signs = features::id_aa64isar1() >> 24 & 0xFF | isar2 >> 8 & 0xF;
    // The field, from which value on, and what is there then (DDI0487, chapter D24).
    for (field, least, attempt) in [
        (pfr1 >> 24 & 0xF, 1, Attempt::WRITE_TPIDR2_EL0),
        (pfr1 >> 24 & 0xF, 1, Attempt::READ_SMPRI_EL1),
        (pfr1 >> 24 & 0xF, 1, Attempt::READ_SMCR_EL1),
        (pfr1 >> 24 & 0xF, 1, Attempt::SMSTART),
        (pfr0 >> 32 & 0xF, 1, Attempt::READ_ZCR_EL1),
        (pfr0 >> 32 & 0xF, 1, Attempt::READ_VECTOR_LENGTH),
        (pfr0 >> 56 & 0xF, 2, Attempt::WRITE_SCXTNUM_EL1),
        (isar2 >> 16 & 0xF, 1, Attempt::SET_MEMORY),
        (pfr1 >> 8 & 0xF, 2, Attempt::READ_GCR_EL1),
        (signs, 1, Attempt::AUTHENTICATE_POINTER),
        (signs, 1, Attempt::READ_KEY),
        (isar0 >> 60 & 0xF, 1, Attempt::READ_RNDR),
        (pfr0 >> 28 & 0xF, 1, Attempt::READ_DISR_EL1),
        (pfr0 >> 28 & 0xF, 1, Attempt::READ_ERRIDR_EL1),
        (mmfr1 >> 16 & 0xF, 1, Attempt::READ_LORC_EL1),
        // 0xF is none of Arm's.
        ((dfr0 >> 8 & 0xF) % 0xF, 1, Attempt::READ_PMCR_EL0),
        (pfr1 >> 36 & 0xF, 1, Attempt::READ_ALLINT),
        (mmfr3 & 0xF, 1, Attempt::READ_TCR2_EL1),
        (mmfr3 >> 4 & 0xF, 1, Attempt::READ_SCTLR2_EL1),
        (mmfr3 >> 8 & 0xF, 1, Attempt::READ_PIR_EL1),
        (mmfr3 >> 16 & 0xF, 1, Attempt::READ_POR_EL1),
    ] {
        if field >= least {
            expect::equal(attempt.name, attempt.make(0).syndrome(), u64::MAX)?;
        }
        line!("{}: as the ID registers say", attempt.name);
    }
    Ok(())
}
