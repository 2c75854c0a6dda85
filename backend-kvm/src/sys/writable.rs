//! Which bits of identification registers KVM lets be written.

use super::RegisterId;

/// What KVM_ARM_GET_REG_WRITABLE_MASKS says: a mask for each of 192 system registers, those with
/// op0 3, op1 0, 1 or 3, CRn 0 and CRm 0 to 7. A bit that is set can be written, within the limits
/// of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WritableMasks(Box<[u64; Self::LEN]>);

impl WritableMasks {
    /// How many registers there are masks of.
    pub const LEN: usize = 192;

    /// Masks in the kernel's order (KVM_ARM_FEATURE_ID_RANGE_INDEX).
    pub fn new(masks: Box<[u64; Self::LEN]>) -> Self {
        Self(masks)
    }

    /// The mask of a register; None if it is not among them.
    pub fn of(&self, register: RegisterId) -> Option<u64> {
        index(register).map(|index| self.0[index])
    }
}

/// op1 in 8:6, where 3 counts as 2, CRm in 5:3, op2 in 2:0.
fn index(register: RegisterId) -> Option<usize> {
    let encoding = usize::try_from(register.raw() & 0xffff).ok()?;
    let op1 = match encoding >> 11 & 0b111 {
        op1 @ (0 | 1) => op1,
        3 => 2,
        _ => return None,
    };
    let (crm, op2) = (encoding >> 3 & 0b1111, encoding & 0b111);
    let (op0, crn) = (
        u8::try_from(encoding >> 14).ok()?,
        u8::try_from(encoding >> 7 & 0b1111).ok()?,
    );
    let is_system = register == RegisterId::from_raw(SYSTEM | encoding as u64);
    (is_system && op0 == 3 && crn == 0 && crm < 8).then_some(op1 << 6 | crm << 3 | op2)
}

/// KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG.
const SYSTEM: u64 = 0x6030_0000_0013_0000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_found_by_its_registers_encoding() {
        let mut masks = Box::new([0; 192]);
        masks[0x20] = 0xff; // ID_AA64PFR0_EL1: 3, 0, 0, 4, 0
        masks[0x81] = 0x3000_0000; // CTR_EL0: 3, 3, 0, 0, 1
        let masks = WritableMasks::new(masks);
        assert_eq!(masks.of(RegisterId::system(3, 0, 0, 4, 0)), Some(0xff));
        assert_eq!(masks.of(RegisterId::CTR_EL0), Some(0x3000_0000));
        assert_eq!(masks.of(RegisterId::CLIDR_EL1), Some(0));
    }

    #[test]
    fn a_register_elsewhere_has_no_mask() {
        let masks = WritableMasks::new(Box::new([u64::MAX; 192]));
        assert_eq!(masks.of(RegisterId::SCTLR_EL1), None);
        assert_eq!(masks.of(RegisterId::system(3, 2, 0, 0, 0)), None);
        assert_eq!(masks.of(RegisterId::system(3, 0, 0, 8, 0)), None);
        assert_eq!(masks.of(RegisterId::PC), None);
    }
}
