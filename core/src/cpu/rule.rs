//! Which of two values promises less, and what both may promise.
//!
//! A value is *safe* instead of another if a guest that believes in it also works on a CPU that has
//! the other. For most fields that is the lesser one, in the field's own sign: an instruction more
//! harms nobody. The exceptions are Linux's (`enum ftr_type`), which has kept user space alive on
//! CPUs of two kinds for as long as there were any, and by which KVM judges what it is told.

use core::cmp::{Ordering, Reverse};

use super::Field;

/// How one value is found for CPUs that differ: the type of an `arm64_ftr_bits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// `FTR_LOWER_SAFE`: the lesser promises less.
    LowerSafe,
    /// `FTR_HIGHER_SAFE`: the greater promises less (SError may be taken speculatively: a guest that
    /// is prepared for it is prepared for its absence).
    HigherSafe,
    /// `FTR_HIGHER_OR_ZERO_SAFE`: zero, which says nothing, promises least; else the greater does
    /// (a granule of memory: who reckons with a greater one is right about a lesser).
    HigherOrZeroSafe,
    /// `FTR_EXACT`: only the safe value promises less than any other. Two others that differ cannot
    /// be compared: a pointer signed by one algorithm is wrong for the other.
    Exact,
    /// Linux knows no such field and tells nobody of it: it reads as zero. So zero promises less,
    /// and two other values cannot be compared.
    Hidden,
}

/// How the bits of a field are a number (DDI 0487, D24.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// From zero up.
    Unsigned,
    /// Two's complement: all bits set is -1, which mostly means "not there".
    Signed,
}

/// Values are those of the field; bits above its width are ignored.
impl Field {
    /// Which promises more: `Greater` if `left` does. `None` if neither is safe instead of the other.
    #[must_use]
    pub fn order(self, left: u64, right: u64) -> Option<Ordering> {
        let (left, right) = (left & self.limit(), right & self.limit());
        match self.rule() {
            Rule::LowerSafe => Some(self.number(left).cmp(&self.number(right))),
            Rule::HigherSafe => Some(self.number(right).cmp(&self.number(left))),
            Rule::HigherOrZeroSafe => Some(promise_of_size(left).cmp(&promise_of_size(right))),
            Rule::Exact => order_exactly(left, right, self.safe_value()),
            Rule::Hidden => order_exactly(left, right, 0),
        }
    }

    /// The value that both may promise; what Linux gives user space on a machine with both CPUs.
    ///
    /// Where neither is safe instead of the other it is a third, which promises less than each.
    #[must_use]
    pub fn safe(self, left: u64, right: u64) -> u64 {
        let value = match (self.order(left, right), self.rule()) {
            (Some(Ordering::Less | Ordering::Equal), _) => left,
            (Some(Ordering::Greater), _) => right,
            (None, Rule::Hidden) => 0,
            (None, _) => self.safe_value(),
        };
        value & self.limit()
    }

    /// Whether a guest may be told `to` on a CPU that has `from`. Of a field that Linux hides only
    /// what it is: no kernel was ever asked to change it.
    #[must_use]
    pub fn may_lower(self, from: u64, to: u64) -> bool {
        match self.order(to, from) {
            Some(Ordering::Equal) => true,
            Some(Ordering::Less) => self.rule() != Rule::Hidden,
            Some(Ordering::Greater) | None => false,
        }
    }
}

/// What a size promises, least first: nothing, then from the greatest size down.
fn promise_of_size(size: u64) -> (bool, Reverse<u64>) {
    (size != 0, Reverse(size))
}

fn order_exactly(left: u64, right: u64, safe: u64) -> Option<Ordering> {
    if left == right {
        Some(Ordering::Equal)
    } else if left == safe {
        Some(Ordering::Less)
    } else if right == safe {
        Some(Ordering::Greater)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ordering::{Equal, Greater, Less};

    fn field(name: &str) -> Field {
        Field::named(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    #[test]
    fn the_lesser_promises_less_in_the_sign_of_the_field() {
        let sve = Field::ID_AA64PFR0_EL1_SVE;
        assert_eq!(sve.rule(), Rule::LowerSafe);
        assert_eq!(sve.order(1, 0), Some(Greater));
        assert_eq!(sve.safe(1, 15), 1);
        let fp = field("ID_AA64PFR0_EL1.FP");
        assert_eq!(fp.order(15, 0), Some(Less));
        assert_eq!(fp.order(1, 0), Some(Greater));
        assert_eq!(fp.safe(15, 1), 15);
        // Newer CPUs lack the OS double lock, and a guest that was promised it cannot move there.
        let double_lock = field("ID_AA64DFR0_EL1.DoubleLock");
        assert_eq!(double_lock.safe(0, 15), 15);
        assert!(!double_lock.may_lower(15, 0));
    }

    #[test]
    fn a_greater_granule_promises_less_and_zero_promises_nothing() {
        let granule = field("CTR_EL0.CWG");
        assert_eq!(granule.rule(), Rule::HigherOrZeroSafe);
        assert_eq!(granule.order(4, 5), Some(Greater));
        assert_eq!(granule.safe(4, 5), 5);
        assert_eq!(granule.order(0, 5), Some(Less));
        assert_eq!(granule.safe(0, 5), 0);
        assert_eq!(granule.order(0, 0), Some(Equal));
    }

    #[test]
    fn a_speculative_serror_is_the_greater_and_safe() {
        let spec_sei = field("ID_AA64MMFR1_EL1.SpecSEI");
        assert_eq!(spec_sei.rule(), Rule::HigherSafe);
        assert_eq!(spec_sei.safe(0, 1), 1);
        assert!(spec_sei.may_lower(0, 1));
        assert!(!spec_sei.may_lower(1, 0));
    }

    #[test]
    fn an_exact_field_has_one_value_that_is_safe_and_others_that_are_not() {
        let address_authentication = Field::ID_AA64ISAR1_EL1_APA;
        assert_eq!(address_authentication.rule(), Rule::Exact);
        assert_eq!(address_authentication.order(1, 5), None);
        assert_eq!(address_authentication.safe(1, 5), 0);
        assert_eq!(address_authentication.order(0, 5), Some(Less));
        let granule = field("ID_AA64MMFR0_EL1.TGran4_2");
        assert_eq!(granule.safe(0, 2), 1);
        assert!(granule.may_lower(2, 1));
        assert!(!granule.may_lower(2, 0));
        assert_eq!(field("CTR_EL0.L1Ip").safe(2, 3), 2);
    }

    #[test]
    fn kvm_compares_the_versions_of_debug_and_pmu_where_linux_does_not() {
        for field in [
            Field::ID_AA64DFR0_EL1_PMUVER,
            Field::ID_AA64DFR0_EL1_DEBUGVER,
            field("ID_DFR0_EL1.PerfMon"),
        ] {
            assert_eq!(field.rule(), Rule::LowerSafe, "{field}");
            assert!(field.may_lower(8, 6), "{field}");
        }
    }

    #[test]
    fn a_hidden_field_is_not_lowered_even_to_nothing() {
        let realms = field("ID_AA64PFR0_EL1.RME");
        assert_eq!(realms.rule(), Rule::Hidden);
        assert!(realms.may_lower(1, 1));
        assert!(!realms.may_lower(1, 0));
        assert_eq!(realms.safe(1, 2), 0);
    }

    #[test]
    fn as_many_fields_follow_each_rule_as_in_linux() {
        let count = |rule| Field::all().filter(|field| field.rule() == rule).count();
        assert_eq!(count(Rule::LowerSafe), 272);
        assert_eq!(count(Rule::HigherSafe), 2);
        assert_eq!(count(Rule::HigherOrZeroSafe), 2);
        assert_eq!(count(Rule::Exact), 40);
        assert_eq!(count(Rule::Hidden), 90);
    }

    /// Every field with all pairs of its values. Those of eight bits are numbers that Linux hides;
    /// for them as many as the others have.
    fn every_pair(mut claim: impl FnMut(Field, u64, u64)) {
        for field in Field::all() {
            let limit = field.limit().min(15);
            for left in 0..=limit {
                for right in 0..=limit {
                    claim(field, left, right);
                }
            }
        }
    }

    #[test]
    fn order_is_the_same_from_both_sides_and_equal_only_for_one_value() {
        every_pair(|field, left, right| {
            let order = field.order(left, right);
            assert_eq!(order.map(Ordering::reverse), field.order(right, left));
            assert_eq!(order == Some(Equal), left == right, "{field}");
        });
    }

    #[test]
    fn order_is_transitive() {
        every_pair(|field, low, middle| {
            if field.order(low, middle) == Some(Less) {
                for high in 0..=field.limit().min(15) {
                    if field.order(middle, high) == Some(Less) {
                        assert_eq!(field.order(low, high), Some(Less), "{field}");
                    }
                }
            }
        });
    }

    #[test]
    fn what_is_safe_promises_no_more_than_either() {
        every_pair(|field, left, right| {
            let safe = field.safe(left, right);
            for one in [left, right] {
                let order = field.order(safe, one);
                assert!(
                    matches!(order, Some(Less | Equal)),
                    "{field} {left} {right}"
                );
            }
        });
    }

    #[test]
    fn nothing_that_both_may_promise_promises_more_than_what_is_safe() {
        every_pair(|field, left, right| {
            let safe = field.safe(left, right);
            for other in 0..=field.limit().min(15) {
                let below = |one| matches!(field.order(other, one), Some(Less | Equal));
                assert!(!below(left) || !below(right) || below(safe), "{field}");
            }
        });
    }

    #[test]
    fn what_is_safe_depends_on_no_order_of_the_cpus() {
        every_pair(|field, left, right| {
            let safe = field.safe(left, right);
            assert_eq!(safe, field.safe(right, left), "{field}");
            assert_eq!(field.safe(left, left), left, "{field}");
            for third in 0..=field.limit().min(15) {
                let other_way = field.safe(left, field.safe(right, third));
                assert_eq!(field.safe(safe, third), other_way, "{field}");
            }
        });
    }

    #[test]
    fn a_value_may_be_lowered_to_what_is_safe_unless_the_field_is_hidden() {
        every_pair(|field, left, right| {
            let safe = field.safe(left, right);
            let hidden = field.rule() == Rule::Hidden;
            assert_eq!(
                field.may_lower(left, safe),
                !hidden || left == safe,
                "{field}"
            );
        });
    }

    #[test]
    fn bits_above_the_width_of_a_field_are_ignored() {
        every_pair(|field, left, right| {
            let beyond = field.limit() + 1;
            assert_eq!(field.order(left + beyond, right), field.order(left, right));
            assert_eq!(field.safe(left + beyond, right), field.safe(left, right));
        });
    }
}
