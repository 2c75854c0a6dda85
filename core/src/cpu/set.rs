//! A value for every ID register: what one CPU has, or what one guest was promised.
//!
//! Nothing is left out and nothing defaults: a set is made of one answer for each register.

use core::cmp::Ordering;
use core::fmt;

use super::{Field, IdRegister, Rule, Sign};

/// A value for every [`IdRegister`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdRegisters([u64; IdRegister::COUNT]);

/// A field in which two sets differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub field: Field,
    /// The value on the left.
    pub left: u64,
    /// The value on the right.
    pub right: u64,
    /// Which promises more: `Greater` if the left does, `None` if they cannot be compared.
    pub order: Option<Ordering>,
}

/// A register in which two sets differ outside all fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unnamed {
    /// Which.
    pub register: IdRegister,
    /// The bits in no field, on the left.
    pub left: u64,
    /// The bits in no field, on the right.
    pub right: u64,
}

/// A field cannot be lowered to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LowerError {
    /// The field, which keeps its value.
    pub field: Field,
    /// The value that it has.
    pub from: u64,
    /// The value that it should have had.
    pub to: u64,
    /// Why not.
    pub refusal: Refusal,
}

/// Why a field cannot be lowered to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The field has not so many bits.
    TooWide,
    /// The architecture reserves the value: no CPU has it, and what a guest makes of it is unknown.
    Reserved,
    /// Linux knows no rule for the field, and no kernel lets one change it.
    Hidden,
    /// A guest that believes in the new value may fail on a CPU that has the old one.
    NotSafe,
}

impl IdRegisters {
    /// A set that has for every register what `value` says of it.
    pub fn from_fn(mut value: impl FnMut(IdRegister) -> u64) -> Self {
        let mut values = [0; IdRegister::COUNT];
        for (register, slot) in IdRegister::all().zip(&mut values) {
            *slot = value(register);
        }
        Self(values)
    }

    /// The same, unless `value` has no answer for some register: its first failure.
    ///
    /// # Errors
    ///
    /// What `value` fails with.
    pub fn try_from_fn<E>(mut value: impl FnMut(IdRegister) -> Result<u64, E>) -> Result<Self, E> {
        let mut values = [0; IdRegister::COUNT];
        for (register, slot) in IdRegister::all().zip(&mut values) {
            *slot = value(register)?;
        }
        Ok(Self(values))
    }

    /// Every register with its value, by rising encoding.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (IdRegister, u64)> + Clone {
        IdRegister::all().zip(self.0.iter().copied())
    }

    /// The value of a register.
    #[must_use]
    pub fn get(&self, register: IdRegister) -> u64 {
        let value = self.0.get(usize::from(register.index()));
        value.copied().unwrap_or_default()
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, field: Field) -> u64 {
        field.extract(self.get(field.register()))
    }

    /// Gives a register another value, reserved bits included.
    pub fn set(&mut self, register: IdRegister, value: u64) {
        if let Some(slot) = self.0.get_mut(usize::from(register.index())) {
            *slot = value;
        }
    }

    /// The same with one field changed, whatever its rule says. `None` if the value does not fit.
    #[must_use]
    pub fn with(&self, field: Field, value: u64) -> Option<Self> {
        let register = field.register();
        let mut changed = *self;
        changed.set(register, field.insert(self.get(register), value)?);
        Some(changed)
    }

    /// Lowers a field: what is promised of it becomes no more than it was.
    ///
    /// Whether a kernel agrees is its own affair ([`Field::writable`]).
    ///
    /// # Errors
    ///
    /// The value does not fit, is reserved, or is not safe instead of the one that the field has.
    /// Nothing has changed.
    pub fn lower(&mut self, field: Field, to: u64) -> Result<(), LowerError> {
        let from = self.field(field);
        let refused = |refusal| LowerError {
            field,
            from,
            to,
            refusal,
        };
        let lowered = self
            .with(field, to)
            .ok_or_else(|| refused(Refusal::TooWide))?;
        if let Some(refusal) = refusal(field, from, to) {
            return Err(refused(refusal));
        }
        *self = lowered;
        Ok(())
    }

    /// Every field in which the two differ, in the order of [`Field::all`].
    pub fn compare<'a>(&'a self, right: &'a Self) -> impl Iterator<Item = Difference> + 'a {
        let registers = self.iter().zip(right.0.iter().copied());
        let registers = registers.filter(|((_, left), right)| left != right);
        registers.flat_map(|((register, left), right)| {
            register
                .fields()
                .filter_map(move |field| difference(field, left, right))
        })
    }

    /// Every register in which the two differ in bits that are in no field. Such bits have no rule:
    /// KVM takes them only as they are.
    pub fn compare_unnamed<'a>(&'a self, right: &'a Self) -> impl Iterator<Item = Unnamed> + 'a {
        self.iter()
            .zip(right.0.iter().copied())
            .filter_map(|((register, left), right)| {
                let unnamed = !register.named_bits();
                let (left, right) = (left & unnamed, right & unnamed);
                (left != right).then_some(Unnamed {
                    register,
                    left,
                    right,
                })
            })
    }

    /// What CPUs of all these kinds may promise together: of every field the value that is safe on
    /// each, as Linux tells user space on a machine that has them all; of the bits in no field those
    /// that all have set. `None` of none.
    pub fn common<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let mut sets = sets.into_iter();
        let first = *sets.next()?;
        Some(sets.fold(first, |common, set| common.common_of_two(set)))
    }

    fn common_of_two(&self, other: &Self) -> Self {
        Self::from_fn(|register| {
            let (left, right) = (self.get(register), other.get(register));
            if left == right {
                return left;
            }
            let unnamed = left & right & !register.named_bits();
            register.fields().fold(unnamed, |value, field| {
                value | field.place(field.safe(field.extract(left), field.extract(right)))
            })
        })
    }
}

fn difference(field: Field, left: u64, right: u64) -> Option<Difference> {
    let (left, right) = (field.extract(left), field.extract(right));
    (left != right).then(|| Difference {
        field,
        left,
        right,
        order: field.order(left, right),
    })
}

/// Why a field may not have a value that it is wide enough for.
fn refusal(field: Field, from: u64, to: u64) -> Option<Refusal> {
    if from == to {
        return None;
    }
    if field.rule() == Rule::Hidden {
        return Some(Refusal::Hidden);
    }
    if !field.may_lower(from, to) {
        return Some(Refusal::NotSafe);
    }
    is_reserved(field, to).then_some(Refusal::Reserved)
}

/// Whether a value lies in a gap of those that have a name. One beyond them all may have been given
/// a meaning since the table was written.
fn is_reserved(field: Field, value: u64) -> bool {
    let number = field.number(value);
    let mut above = field.values().map(|(named, _)| field.number(named));
    field.value_name(value).is_none() && above.any(|named| named > number)
}

/// Only what is not zero: most registers of most CPUs are.
impl fmt::Debug for IdRegisters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (register, value) in self.iter().filter(|(_, value)| *value != 0) {
            map.entry(&register, &format_args!("{value:#x}"));
        }
        map.finish()
    }
}

impl fmt::Display for LowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            field, from, to, ..
        } = *self;
        let (from, to) = (Value(field, from), Value(field, to));
        write!(f, "{field} cannot be lowered from {from} to {to}: ")?;
        match self.refusal {
            Refusal::TooWide => write!(f, "{} is its greatest value", field.limit()),
            Refusal::Reserved => {
                f.write_str("the architecture reserves that value; it has")?;
                field
                    .values()
                    .try_for_each(|(value, _)| write!(f, " {}", Value(field, value)))
            }
            Refusal::Hidden => {
                f.write_str("Linux hides the field and no kernel lets one change it; leave it")
            }
            Refusal::NotSafe => write!(f, "only {} promises less", Lesser(field)),
        }
    }
}

impl core::error::Error for LowerError {}

/// A value with its name, if it has one.
struct Value(Field, u64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(field, value) = *self;
        match field.value_name(value) {
            Some(name) => write!(f, "{value} ({name})"),
            None => write!(f, "{value}"),
        }
    }
}

/// Which values promise less than another.
struct Lesser(Field);

impl fmt::Display for Lesser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(field) = *self;
        match (field.rule(), field.sign()) {
            (Rule::LowerSafe, Sign::Unsigned) => f.write_str("a lesser value"),
            (Rule::LowerSafe, Sign::Signed) => {
                let limit = field.limit();
                write!(f, "a lesser value ({limit} is {})", field.number(limit))
            }
            (Rule::HigherSafe, _) => f.write_str("a greater value"),
            (Rule::HigherOrZeroSafe, _) => f.write_str("0 or a greater value"),
            (Rule::Exact, _) => write!(f, "{}", Value(field, field.safe_value())),
            (Rule::Hidden, _) => f.write_str("0"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Field {
        Field::named(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn with(fields: &[(&str, u64)]) -> IdRegisters {
        let zero = IdRegisters::from_fn(|_| 0);
        fields.iter().fold(zero, |set, (name, value)| {
            set.with(field(name), *value).unwrap()
        })
    }

    /// Sets that differ in every field, also in bits that no field has.
    fn assorted() -> [IdRegisters; 4] {
        [
            IdRegisters::from_fn(|_| 0x1032_5476_98ba_dcfe),
            IdRegisters::from_fn(|register| {
                u64::from(register.encoding()).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            }),
            IdRegisters::from_fn(|_| 0xf0f1_1f2e_0d5c_4b3a),
            IdRegisters::from_fn(|_| u64::MAX),
        ]
    }

    #[test]
    fn a_set_keeps_the_value_of_each_register() {
        let mut set = IdRegisters::from_fn(|register| u64::from(register.encoding()));
        assert_eq!(set.get(IdRegister::ID_AA64PFR0_EL1), 0xc020);
        assert!(
            set.iter()
                .all(|(register, value)| value == u64::from(register.encoding()))
        );
        set.set(IdRegister::CTR_EL0, 0x8444_c004);
        assert_eq!(set.get(IdRegister::CTR_EL0), 0x8444_c004);
        assert_eq!(set.field(field("CTR_EL0.CWG")), 4);
        assert_eq!(set.get(IdRegister::ID_AA64MMFR4_EL1), 0xc03c);
    }

    #[test]
    fn a_set_lacks_no_register() {
        let set = IdRegisters::try_from_fn(|register| {
            (register != IdRegister::CTR_EL0)
                .then_some(0)
                .ok_or(register)
        });
        assert_eq!(set, Err(IdRegister::CTR_EL0));
    }

    #[test]
    fn a_field_is_changed_without_its_neighbours() {
        let set = IdRegisters::from_fn(|_| u64::MAX);
        let changed = set.with(Field::ID_AA64PFR0_EL1_SVE, 0).unwrap();
        assert_eq!(
            changed.get(IdRegister::ID_AA64PFR0_EL1),
            0xffff_fff0_ffff_ffff
        );
        assert_eq!(changed.get(IdRegister::ID_AA64PFR1_EL1), u64::MAX);
        assert_eq!(set.with(Field::CTR_EL0_IDC, 2), None);
    }

    #[test]
    fn a_field_is_lowered_and_not_raised() {
        let mut set = with(&[("ID_AA64PFR0_EL1.RAS", 2)]);
        set.lower(field("ID_AA64PFR0_EL1.RAS"), 1).unwrap();
        assert_eq!(set.get(IdRegister::ID_AA64PFR0_EL1), 0x1000_0000);
        let error = set.lower(field("ID_AA64PFR0_EL1.RAS"), 2).unwrap_err();
        assert_eq!(error.refusal, Refusal::NotSafe);
        assert_eq!(
            error.to_string(),
            "ID_AA64PFR0_EL1.RAS cannot be lowered from 1 (IMP) to 2 (V1P1): only a lesser value promises less"
        );
        assert_eq!(set.get(IdRegister::ID_AA64PFR0_EL1), 0x1000_0000);
    }

    #[test]
    fn a_field_keeps_its_value_without_complaint() {
        for set in assorted() {
            let mut lowered = set;
            for field in Field::all() {
                lowered.lower(field, set.field(field)).unwrap();
            }
            assert_eq!(lowered, set);
        }
    }

    #[test]
    fn every_refusal_says_why_and_what_is_possible() {
        for (name, from, to, message) in [
            (
                "ID_AA64PFR0_EL1.EL0",
                2,
                0,
                "ID_AA64PFR0_EL1.EL0 cannot be lowered from 2 (AARCH32) to 0: \
                 the architecture reserves that value; it has 1 (IMP) 2 (AARCH32)",
            ),
            (
                "ID_AA64PFR0_EL1.FP",
                15,
                0,
                "ID_AA64PFR0_EL1.FP cannot be lowered from 15 (NI) to 0 (IMP): \
                 only a lesser value (15 is -1) promises less",
            ),
            (
                "ID_AA64MMFR0_EL1.TGran4_2",
                2,
                3,
                "ID_AA64MMFR0_EL1.TGran4_2 cannot be lowered from 2 (IMP) to 3 (52_BIT): \
                 only 1 (NI) promises less",
            ),
            (
                "CTR_EL0.CWG",
                4,
                3,
                "CTR_EL0.CWG cannot be lowered from 4 to 3: only 0 or a greater value promises less",
            ),
            (
                "ID_AA64MMFR1_EL1.SpecSEI",
                1,
                0,
                "ID_AA64MMFR1_EL1.SpecSEI cannot be lowered from 1 (IMP) to 0 (NI): \
                 only a greater value promises less",
            ),
            (
                "ID_AA64PFR0_EL1.RME",
                1,
                0,
                "ID_AA64PFR0_EL1.RME cannot be lowered from 1 (IMP) to 0 (NI): \
                 Linux hides the field and no kernel lets one change it; leave it",
            ),
            (
                "CTR_EL0.IDC",
                1,
                2,
                "CTR_EL0.IDC cannot be lowered from 1 to 2: 1 is its greatest value",
            ),
        ] {
            let before = with(&[(name, from)]);
            let mut set = before;
            let error = set.lower(field(name), to).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(set, before);
        }
    }

    #[test]
    fn a_value_that_is_newer_than_the_table_is_no_gap() {
        let mut set = with(&[("ID_AA64ISAR0_EL1.AES", 5), ("ID_AA64MMFR0_EL1.TGran4", 5)]);
        set.lower(field("ID_AA64ISAR0_EL1.AES"), 4).unwrap();
        set.lower(field("ID_AA64MMFR0_EL1.TGran4"), 4).unwrap();
        let error = set.lower(field("ID_AA64MMFR0_EL1.TGran4"), 14).unwrap_err();
        assert_eq!(error.refusal, Refusal::Reserved);
    }

    #[test]
    fn a_difference_names_the_field_both_values_and_who_promises_more() {
        let left = with(&[
            ("ID_AA64PFR0_EL1.SVE", 1),
            ("ID_AA64DFR0_EL1.DoubleLock", 15),
            ("ID_AA64ISAR1_EL1.APA", 1),
        ]);
        let right = with(&[("ID_AA64ISAR1_EL1.APA", 5), ("CTR_EL0.IDC", 1)]);
        let found: Vec<_> = left
            .compare(&right)
            .map(|found| {
                (
                    found.field.to_string(),
                    found.left,
                    found.right,
                    found.order,
                )
            })
            .collect();
        let expected = [
            ("ID_AA64PFR0_EL1.SVE", 1, 0, Some(Ordering::Greater)),
            ("ID_AA64DFR0_EL1.DoubleLock", 15, 0, Some(Ordering::Less)),
            ("ID_AA64ISAR1_EL1.APA", 1, 5, None),
            ("CTR_EL0.IDC", 0, 1, Some(Ordering::Less)),
        ];
        assert_eq!(
            found,
            expected.map(|(name, left, right, order)| (name.to_owned(), left, right, order))
        );
        assert_eq!(left.compare_unnamed(&right).count(), 0);
    }

    #[test]
    fn a_difference_outside_all_fields_is_a_difference() {
        let mut left = IdRegisters::from_fn(|_| 0);
        let right = left;
        // Bit 31 of CTR_EL0 is RES1.
        left.set(IdRegister::CTR_EL0, 0x8000_0004);
        let found: Vec<_> = left.compare_unnamed(&right).collect();
        assert_eq!(
            found,
            [Unnamed {
                register: IdRegister::CTR_EL0,
                left: 0x8000_0000,
                right: 0,
            }]
        );
        assert_eq!(left.compare(&right).count(), 1);
    }

    #[test]
    fn sets_without_a_difference_are_equal() {
        for left in assorted() {
            for right in assorted() {
                let differences =
                    left.compare(&right).count() + left.compare_unnamed(&right).count();
                assert_eq!(differences == 0, left == right);
            }
        }
    }

    #[test]
    fn one_machine_of_two_kinds_of_core_promises_what_both_have() {
        let big = with(&[
            ("ID_AA64PFR0_EL1.SVE", 1),
            ("ID_AA64PFR0_EL1.EL0", 1),
            ("ID_AA64ISAR1_EL1.APA", 5),
            ("ID_AA64DFR0_EL1.DoubleLock", 15),
            ("ID_AA64MMFR0_EL1.TGran4_2", 3),
            ("CTR_EL0.CWG", 4),
            ("CTR_EL0.L1Ip", 3),
        ]);
        let little = with(&[
            ("ID_AA64PFR0_EL1.EL0", 2),
            ("ID_AA64ISAR1_EL1.APA", 1),
            ("ID_AA64MMFR0_EL1.TGran4_2", 2),
            ("ID_AA64MMFR1_EL1.SpecSEI", 1),
            ("CTR_EL0.CWG", 5),
            ("CTR_EL0.L1Ip", 2),
        ]);
        let promise = with(&[
            ("ID_AA64PFR0_EL1.EL0", 1),
            ("ID_AA64DFR0_EL1.DoubleLock", 15),
            ("ID_AA64MMFR0_EL1.TGran4_2", 1),
            ("ID_AA64MMFR1_EL1.SpecSEI", 1),
            ("CTR_EL0.CWG", 5),
            ("CTR_EL0.L1Ip", 2),
        ]);
        assert_eq!(IdRegisters::common([&big, &little]), Some(promise));
    }

    #[test]
    fn what_is_reserved_is_promised_if_all_have_it() {
        let mut left = IdRegisters::from_fn(|_| 0);
        let mut right = left;
        left.set(IdRegister::CTR_EL0, 0xc000_0004);
        right.set(IdRegister::CTR_EL0, 0x8000_0003);
        let common = IdRegisters::common([&left, &right]).unwrap();
        assert_eq!(common.get(IdRegister::CTR_EL0), 0x8000_0003);
    }

    #[test]
    fn nobody_promises_nothing_and_one_promises_what_it_has() {
        assert_eq!(IdRegisters::common([]), None);
        for set in assorted() {
            assert_eq!(IdRegisters::common([&set]), Some(set));
            assert_eq!(IdRegisters::common([&set, &set]), Some(set));
        }
    }

    #[test]
    fn what_several_promise_together_is_no_more_than_each_has_in_any_order() {
        let [a, b, c, d] = assorted();
        let common = IdRegisters::common([&a, &b, &c, &d]).unwrap();
        assert_eq!(IdRegisters::common([&d, &b, &a, &c]), Some(common));
        for set in [a, b, c, d] {
            for difference in common.compare(&set) {
                assert_eq!(difference.order, Some(Ordering::Less), "{difference:?}");
            }
        }
    }

    #[test]
    fn debug_names_what_is_there() {
        let set = with(&[("ID_AA64PFR0_EL1.SVE", 1)]);
        assert_eq!(format!("{set:?}"), "{ID_AA64PFR0_EL1: 0x100000000}");
    }
}
