//! The hypercall feature bitmaps: which services a machine has (KVM's fourth kind of register).
//!
//! What *can* be had and what *is* had are two values. A virtual machine monitor reads what is
//! offered, clears the bits it does not want, and writes back, as virtio drivers do; once the
//! machine runs, only the value that is there already can be written.

use core::fmt;

bitflags::bitflags! {
    /// Services, each one bit of one bitmap.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub struct Services: u32 {
        /// Standard services, bit 0: TRNG 1.0.
        const TRNG = 1 << 0;
        /// Standard hypervisor services, bit 0: PV time.
        const PV_TIME = 1 << 8;
        /// Vendor hypervisor services, bit 0: CALL_UID and FEATURES.
        const VENDOR_FEATURES = 1 << 16;
        /// Vendor hypervisor services, bit 1: PTP.
        const PTP = 1 << 17;
        /// Vendor hypervisor services 2, bit 0: DISCOVER_IMPL_VER.
        const DISCOVER_IMPL_VERSION = 1 << 24;
        /// Vendor hypervisor services 2, bit 1: DISCOVER_IMPL_CPUS.
        const DISCOVER_IMPL_CPUS = 1 << 25;
    }
}

/// One of the four bitmaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bitmap {
    /// Standard secure services.
    Standard,
    /// Standard hypervisor services.
    StandardHypervisor,
    /// Vendor specific hypervisor services, functions 0 to 63.
    VendorHypervisor,
    /// Vendor specific hypervisor services, functions 64 to 127.
    VendorHypervisor2,
}

impl Bitmap {
    /// All four, in the order of KVM's register ids.
    pub const ALL: [Self; 4] = [
        Self::Standard,
        Self::StandardHypervisor,
        Self::VendorHypervisor,
        Self::VendorHypervisor2,
    ];

    /// The services of this bitmap, at the place where [`Services`] keeps them.
    const fn mask(self) -> Services {
        Services::from_bits_retain(0xff << self.shift())
    }

    const fn shift(self) -> u32 {
        match self {
            Self::Standard => 0,
            Self::StandardHypervisor => 8,
            Self::VendorHypervisor => 16,
            Self::VendorHypervisor2 => 24,
        }
    }
}

/// KVM's name of its register.
impl fmt::Display for Bitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "KVM_REG_ARM_STD_BMAP",
            Self::StandardHypervisor => "KVM_REG_ARM_STD_HYP_BMAP",
            Self::VendorHypervisor => "KVM_REG_ARM_VENDOR_HYP_BMAP",
            Self::VendorHypervisor2 => "KVM_REG_ARM_VENDOR_HYP_BMAP_2",
        })
    }
}

impl Services {
    /// How a guest learns of the implementations that it may land on: how many there are, and each.
    pub const DISCOVERY: Self = Self::DISCOVER_IMPL_VERSION.union(Self::DISCOVER_IMPL_CPUS);

    /// The value of one bitmap.
    #[must_use]
    pub fn register(self, bitmap: Bitmap) -> u64 {
        u64::from((self & bitmap.mask()).bits() >> bitmap.shift())
    }

    /// The same with one bitmap changed; `None` if `value` has a bit that no service has.
    #[must_use]
    pub fn with_register(self, bitmap: Bitmap, value: u64) -> Option<Self> {
        let value = u8::try_from(value).ok()?;
        let changed = Self::from_bits(u32::from(value) << bitmap.shift())?;
        Some(self.difference(bitmap.mask()) | changed)
    }
}

/// What is offered, and what of it the machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Negotiated {
    supported: Services,
    active: Services,
}

impl Negotiated {
    /// Everything offered is had.
    pub(crate) const fn offering(supported: Services) -> Self {
        Self {
            supported,
            active: supported,
        }
    }

    /// What the machine has.
    pub(crate) const fn active(self) -> Services {
        self.active
    }

    /// The same with one bitmap of what is had changed; `None` if more is asked than is offered.
    pub(crate) fn with_active(self, bitmap: Bitmap, value: u64) -> Option<Self> {
        let active = self.active.with_register(bitmap, value)?;
        self.supported
            .contains(active)
            .then_some(Self { active, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_stand_where_kvm_has_them() {
        for (services, bitmap, value) in [
            (Services::TRNG, Bitmap::Standard, 1),
            (Services::PV_TIME, Bitmap::StandardHypervisor, 1),
            (Services::VENDOR_FEATURES, Bitmap::VendorHypervisor, 1),
            (Services::PTP, Bitmap::VendorHypervisor, 2),
            (
                Services::DISCOVER_IMPL_VERSION,
                Bitmap::VendorHypervisor2,
                1,
            ),
            (Services::DISCOVER_IMPL_CPUS, Bitmap::VendorHypervisor2, 2),
        ] {
            assert_eq!(services.register(bitmap), value);
            assert_eq!(
                Services::empty().with_register(bitmap, value),
                Some(services)
            );
        }
    }

    #[test]
    fn a_bit_without_a_service_cannot_be_set() {
        for (bitmap, value) in [
            (Bitmap::Standard, 2),
            (Bitmap::StandardHypervisor, 2),
            (Bitmap::VendorHypervisor, 4),
            (Bitmap::VendorHypervisor2, 4),
            (Bitmap::Standard, 0x100),
            (Bitmap::Standard, 1 << 32),
        ] {
            assert_eq!(Services::empty().with_register(bitmap, value), None);
        }
    }

    #[test]
    fn negotiation_clears_and_sets_within_what_is_offered() {
        let offered = Negotiated::offering(Services::VENDOR_FEATURES | Services::PTP);
        let without_ptp = offered.with_active(Bitmap::VendorHypervisor, 1).unwrap();
        assert_eq!(without_ptp.active(), Services::VENDOR_FEATURES);
        assert_eq!(
            without_ptp.with_active(Bitmap::VendorHypervisor, 3),
            Some(offered)
        );
        assert_eq!(offered.with_active(Bitmap::Standard, 1), None);
    }
}
