//! A field of an ID register: where it is, what its values mean, who may change it.

use core::fmt;

use super::table::{FIELD_COUNT, FIELDS};
use super::{IdRegister, KernelRelease, Rule, Sign};

/// One of the fields that the table knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field(u16);

/// In which releases of Linux KVM lets a VMM lower a field.
///
/// What a host's own kernel accepts is found by trying; this says which kernel would have accepted
/// it. A field of an AArch32 register can be lowered only on a CPU whose EL0 can be in AArch32;
/// elsewhere the register reads as zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writable {
    /// In none: the guest sees what the host has.
    Never,
    /// In this release and all later ones. Most fields came between two of those that were looked
    /// at; of these it is the later.
    Since(KernelRelease),
}

/// What the table says of one field.
#[derive(Debug)]
pub(super) struct FieldRow {
    pub(super) register: IdRegister,
    pub(super) name: &'static str,
    pub(super) lsb: u8,
    pub(super) width: u8,
    pub(super) sign: Sign,
    pub(super) rule: Rule,
    pub(super) safe: u8,
    pub(super) writable: Writable,
    pub(super) feature: Option<&'static str>,
    pub(super) values: &'static [(u8, &'static str)],
}

impl Field {
    /// How many there are.
    pub const COUNT: usize = FIELDS.len();

    /// The field at a place in the table, which only the table itself and its walkers may name.
    pub(super) const fn at(index: u16) -> Self {
        Self(index)
    }

    /// Its place in [`all`](Self::all), below [`COUNT`](Self::COUNT).
    pub(crate) const fn index(self) -> u16 {
        self.0
    }

    /// Every field, register by register, the highest of each first.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator + Clone {
        (0..FIELD_COUNT).map(Self)
    }

    /// The field of that full name: `ID_AA64PFR0_EL1.SVE`. Capitals and small letters are the same,
    /// because Linux and others write the architecture's names in capitals alone.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (register, field) = name.split_once('.')?;
        IdRegister::named(register)?.field(field)
    }

    /// The register that it is in.
    #[must_use]
    pub fn register(self) -> IdRegister {
        self.row().register
    }

    /// Its name within the register; `Display` gives both.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The feature that it announces, by the architecture's name: `FEAT_SVE` (DDI 0487, A2); of
    /// several the first. `None` if it is a number, or if no one name fits.
    #[must_use]
    pub fn feature(self) -> Option<&'static str> {
        self.row().feature
    }

    /// Its lowest bit.
    #[must_use]
    pub fn lsb(self) -> u32 {
        u32::from(self.row().lsb)
    }

    /// How many bits it has, 1 to 8.
    #[must_use]
    pub fn width(self) -> u32 {
        u32::from(self.row().width)
    }

    /// Its greatest value, which has all bits set.
    #[must_use]
    pub fn limit(self) -> u64 {
        u64::MAX.wrapping_shr(u64::BITS.wrapping_sub(self.width()))
    }

    /// Its bits in the register.
    #[must_use]
    pub fn mask(self) -> u64 {
        self.limit().wrapping_shl(self.lsb())
    }

    /// Whether its values count from zero, or up from below it.
    #[must_use]
    pub fn sign(self) -> Sign {
        self.row().sign
    }

    /// How Linux finds one value for CPUs that differ, as KVM applies it.
    #[must_use]
    pub fn rule(self) -> Rule {
        self.row().rule
    }

    /// The value that Linux falls back to; under [`Rule::Exact`], where two CPUs differ.
    #[must_use]
    pub fn safe_value(self) -> u64 {
        u64::from(self.row().safe)
    }

    /// Which releases let a VMM lower it.
    #[must_use]
    pub fn writable(self) -> Writable {
        self.row().writable
    }

    /// The architecture's name for a value: `IMP`.
    #[must_use]
    pub fn value_name(self, value: u64) -> Option<&'static str> {
        let mut values = self.row().values.iter();
        let (_, name) = values.find(|(named, _)| u64::from(*named) == value)?;
        Some(name)
    }

    /// The values that the architecture has names for, with their names, rising; none if the field
    /// is a number.
    pub fn values(self) -> impl ExactSizeIterator<Item = (u64, &'static str)> + Clone {
        let values = self.row().values.iter();
        values.map(|(value, name)| (u64::from(*value), *name))
    }

    /// The number that a value stands for: of a signed field's, 15 is -1. Bits above the field's
    /// width are ignored.
    #[must_use]
    pub fn number(self, value: u64) -> i64 {
        let above = u64::BITS.wrapping_sub(self.width());
        let top = value.wrapping_shl(above);
        match self.sign() {
            Sign::Unsigned => top.wrapping_shr(above).cast_signed(),
            Sign::Signed => top.cast_signed().wrapping_shr(above),
        }
    }

    /// The field's value in a value of its register.
    #[must_use]
    pub fn extract(self, register: u64) -> u64 {
        register.wrapping_shr(self.lsb()) & self.limit()
    }

    /// A value of its register with the field changed. `None` if the value does not fit.
    #[must_use]
    pub fn insert(self, register: u64, value: u64) -> Option<u64> {
        let fits = value <= self.limit();
        fits.then(|| register & !self.mask() | self.place(value))
    }

    /// The value at the field's place in its register, cut to its width.
    pub(super) fn place(self, value: u64) -> u64 {
        value.wrapping_shl(self.lsb()) & self.mask()
    }

    fn row(self) -> &'static FieldRow {
        let [first, ..] = &FIELDS;
        // Only this module and the table make a field, and only of what is in the table.
        FIELDS.get(usize::from(self.0)).unwrap_or(first)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.register(), self.name())
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Field {
        Field::named(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    #[test]
    fn a_field_is_where_the_architecture_has_it() {
        for (field, name, lsb, width) in [
            (
                Field::ID_AA64PFR0_EL1_SVE,
                "ID_AA64PFR0_EL1.SVE",
                32_u32,
                4_u32,
            ),
            (Field::ID_AA64PFR0_EL1_CSV3, "ID_AA64PFR0_EL1.CSV3", 60, 4),
            (Field::ID_AA64PFR0_EL1_EL0, "ID_AA64PFR0_EL1.EL0", 0, 4),
            (Field::ID_AA64PFR1_EL1_SSBS, "ID_AA64PFR1_EL1.SSBS", 4, 4),
            (
                Field::ID_AA64DFR0_EL1_PMUVER,
                "ID_AA64DFR0_EL1.PMUVer",
                8,
                4,
            ),
            (
                Field::ID_AA64MMFR0_EL1_PARANGE,
                "ID_AA64MMFR0_EL1.PARange",
                0,
                4,
            ),
            (Field::CTR_EL0_IDC, "CTR_EL0.IDC", 28, 1),
            (Field::CTR_EL0_IMINLINE, "CTR_EL0.IminLine", 0, 4),
        ] {
            assert_eq!(field.to_string(), name);
            assert_eq!(Field::named(name), Some(field));
            assert_eq!((field.lsb(), field.width()), (lsb, width), "{name}");
        }
        assert_eq!(field("CTR_EL0.L1Ip").mask(), 0xc000);
        assert_eq!(field("CTR_EL0.TminLine").mask(), 0x3f_0000_0000);
        assert_eq!(field("ID_AA64DFR1_EL1.ABL_CMPs").limit(), 0xff);
    }

    #[test]
    fn a_name_without_its_register_or_of_nothing_is_none() {
        for name in ["", "SVE", "ID_AA64PFR0_EL1", "ID_AA64PFR0_EL1."] {
            assert_eq!(Field::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_may_be_written_in_capitals_or_small_letters() {
        for field in Field::all() {
            let name = field.to_string();
            assert_eq!(Field::named(&name.to_ascii_uppercase()), Some(field));
            assert_eq!(Field::named(&name.to_ascii_lowercase()), Some(field));
        }
    }

    #[test]
    fn every_field_is_found_by_its_name() {
        assert_eq!(Field::COUNT, 406);
        assert_eq!(Field::all().count(), 406);
        for field in Field::all() {
            assert_eq!(Field::named(&field.to_string()), Some(field));
        }
    }

    #[test]
    fn exactly_these_fields_are_signed() {
        let signed = Field::all().filter(|field| field.sign() == Sign::Signed);
        let signed: Vec<String> = signed.map(|field| field.to_string()).collect();
        assert_eq!(
            signed,
            [
                "ID_MMFR0_EL1.InnerShr",
                "ID_MMFR0_EL1.OuterShr",
                "ID_DFR1_EL1.MTPMU",
                "ID_AA64PFR0_EL1.AdvSIMD",
                "ID_AA64PFR0_EL1.FP",
                "ID_AA64PFR1_EL1.MTE_frac",
                "ID_AA64DFR0_EL1.MTPMU",
                "ID_AA64DFR0_EL1.DoubleLock",
                "ID_AA64MMFR0_EL1.TGran4",
                "ID_AA64MMFR0_EL1.TGran64",
                "ID_AA64MMFR4_EL1.E2H0",
            ]
        );
    }

    #[test]
    fn the_value_of_a_signed_field_counts_from_below_zero() {
        let fp = field("ID_AA64PFR0_EL1.FP");
        assert_eq!(fp.number(15), -1);
        assert_eq!(fp.number(1), 1);
        assert_eq!(fp.value_name(15), Some("NI"));
        assert_eq!(field("ID_AA64MMFR4_EL1.E2H0").number(14), -2);
        assert_eq!(Field::ID_AA64PFR0_EL1_SVE.number(15), 15);
        assert_eq!(Field::CTR_EL0_IDC.number(3), 1);
    }

    #[test]
    fn values_have_the_names_of_the_architecture() {
        let csv2 = Field::ID_AA64PFR0_EL1_CSV2;
        assert_eq!(csv2.value_name(2), Some("CSV2_2"));
        assert_eq!(csv2.value_name(4), None);
        let gic: Vec<_> = Field::ID_AA64PFR0_EL1_GIC.values().collect();
        assert_eq!(gic, [(0, "NI"), (1, "IMP"), (3, "V4P1")]);
        assert_eq!(field("CTR_EL0.CWG").values().len(), 0);
    }

    #[test]
    fn features_have_the_names_of_the_architecture() {
        for (name, feature) in [
            ("ID_AA64PFR0_EL1.SVE", Some("FEAT_SVE")),
            ("ID_AA64ISAR0_EL1.Atomic", Some("FEAT_LSE")),
            ("ID_AA64ISAR1_EL1.APA", Some("FEAT_PACQARMA5")),
            ("ID_AA64MMFR2_EL1.FWB", Some("FEAT_S2FWB")),
            ("ID_AA64MMFR1_EL1.ETS", Some("FEAT_ETS2")),
            ("ID_ISAR6_EL1.I8MM", Some("FEAT_AA32I8MM")),
            ("ID_AA64DFR0_EL1.WRPs", None),
            ("CTR_EL0.DIC", None),
        ] {
            assert_eq!(field(name).feature(), feature, "{name}");
        }
    }

    #[test]
    fn what_a_kernel_lets_one_lower_is_known_by_kernel() {
        let since = |major, minor| Writable::Since(KernelRelease::new(major, minor));
        for (name, writable) in [
            ("ID_AA64PFR0_EL1.CSV2", since(5, 10)),
            ("ID_AA64PFR0_EL1.CSV3", since(5, 11)),
            ("ID_AA64DFR0_EL1.PMUVer", since(6, 2)),
            ("ID_DFR0_EL1.PerfMon", since(6, 2)),
            ("ID_AA64PFR1_EL1.SSBS", since(6, 12)),
            ("ID_AA64PFR0_EL1.RAS", since(7, 3)),
            ("ID_AA64MMFR0_EL1.TGran4_2", since(7, 3)),
            ("ID_AA64PFR0_EL1.SVE", Writable::Never),
            ("ID_AA64MMFR2_EL1.EVT", Writable::Never),
            ("CTR_EL0.CWG", Writable::Never),
        ] {
            assert_eq!(field(name).writable(), writable, "{name}");
        }
    }

    #[test]
    fn as_many_fields_can_be_lowered_as_were_counted_on_each_kernel() {
        let lowered = |major, minor| {
            let of_aarch64 = Field::all().filter(|field| {
                let name = field.register().name();
                name.starts_with("ID_AA64") || name == "CTR_EL0"
            });
            let able = |field: &Field| match field.writable() {
                Writable::Never => false,
                Writable::Since(first) => first <= KernelRelease::new(major, minor),
            };
            of_aarch64.filter(able).count()
        };
        assert_eq!(lowered(5, 9), 0);
        assert_eq!(lowered(5, 10), 1);
        assert_eq!(lowered(6, 1), 2);
        assert_eq!(lowered(6, 2), 3);
        assert_eq!(lowered(6, 12), 101);
        assert_eq!(lowered(7, 3), 126);
    }

    #[test]
    fn what_is_inserted_is_extracted_and_nothing_else_changes() {
        for field in Field::all() {
            for value in 0..=field.limit() {
                for register in [0, u64::MAX, 0x0123_4567_89ab_cdef] {
                    let changed = field.insert(register, value).unwrap();
                    assert_eq!(field.extract(changed), value, "{field}");
                    assert_eq!((changed ^ register) & !field.mask(), 0, "{field}");
                }
            }
        }
        let register = Field::ID_AA64PFR0_EL1_SVE.insert(0x1101_1111, 1);
        assert_eq!(register, Some(0x1_1101_1111));
    }

    #[test]
    fn a_value_that_does_not_fit_is_not_inserted() {
        for field in Field::all() {
            assert_eq!(field.insert(0, field.limit() + 1), None, "{field}");
            assert_eq!(field.insert(0, u64::MAX), None, "{field}");
        }
    }
}
