//! Stage 1 translation of the EL1&0 regime, for an access the hardware has already translated.
//!
//! DDI 0487, D8.2 "Address translation". It only recovers the address: permissions, attributes and
//! the access flag have been checked by the CPU. Tables are the guest's, and may change or be
//! nonsense: a walk reads at most four descriptors, and what it cannot follow is an error.
//!
//! Not supported, and named when met: 52-bit addresses (FEAT_LPA, FEAT_LVA, FEAT_LPA2) and
//! big-endian tables.

use vambrace_core::memory::Ipa;

/// The registers that govern the translation, as the guest has set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regime {
    /// SCTLR_EL1.
    pub sctlr: u64,
    /// TCR_EL1.
    pub tcr: u64,
    /// TTBR0_EL1.
    pub ttbr0: u64,
    /// TTBR1_EL1.
    pub ttbr1: u64,
}

/// Why a virtual address could not be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WalkError {
    /// The tables are of a kind that is not supported.
    #[error("the guest uses {0}, which is not supported here")]
    Unsupported(&'static str),
    /// The size or granule in TCR_EL1 is one the architecture does not define.
    #[error("TCR_EL1 {tcr:#x} is not valid")]
    Control {
        /// TCR_EL1.
        tcr: u64,
    },
    /// The address is in neither half of the address space, or its half is switched off.
    #[error("the virtual address {address:#x} is outside the translated ranges")]
    OutsideRange {
        /// The virtual address.
        address: u64,
    },
    /// A descriptor is invalid.
    #[error("the virtual address {address:#x} is not mapped: level {level} has {descriptor:#x}")]
    Invalid {
        /// The virtual address.
        address: u64,
        /// The level of its table, 0 to 3.
        level: u8,
        /// What stands in it.
        descriptor: u64,
    },
    /// A table lies where there is no RAM.
    #[error("the level {level} table entry at {entry} for {address:#x} is outside RAM")]
    TableOutsideRam {
        /// The virtual address.
        address: u64,
        /// The level of the table.
        level: u8,
        /// Where the entry should be.
        entry: Ipa,
    },
}

/// The tables of one half of the address space.
struct Tables {
    /// How many low bits of an address are translated, 16 to 48.
    input_bits: u32,
    granule: Granule,
    base: u64,
}

/// A translation granule by the number of address bits in a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Granule {
    Kib4 = 12,
    Kib16 = 14,
    Kib64 = 16,
}

impl Regime {
    /// Is the MMU on?
    #[must_use]
    pub fn has_tables(&self) -> bool {
        self.sctlr & MMU_ENABLE != 0
    }

    /// The address that `address` stands for. `read` gives the eight bytes at an address in RAM.
    ///
    /// # Errors
    /// [`WalkError`].
    pub fn translate(
        &self,
        address: u64,
        read: impl Fn(Ipa) -> Option<u64>,
    ) -> Result<Ipa, WalkError> {
        let tagged = self.tcr & if high_half(address) { TBI1 } else { TBI0 } != 0;
        if !self.has_tables() {
            let address = if tagged { address & !TAG } else { address };
            let flat = address < 1 << ADDRESS_BITS;
            return if flat {
                Ok(Ipa::new(address))
            } else {
                Err(WalkError::OutsideRange { address })
            };
        }
        if self.sctlr & BIG_ENDIAN != 0 {
            return Err(WalkError::Unsupported(
                "big-endian translation tables (SCTLR_EL1.EE)",
            ));
        }
        if self.tcr & LPA2 != 0 {
            return Err(WalkError::Unsupported(
                "52-bit addresses (TCR_EL1.DS, FEAT_LPA2)",
            ));
        }
        let tables = self.tables(address)?;
        // All bits from the half's size up to bit 55, or to the top, are equal.
        let (top, sign) = if tagged {
            (address << 8, 8)
        } else {
            (address, 0)
        };
        let above = top.cast_signed() >> (tables.input_bits + sign);
        if above != 0 && above != -1 {
            return Err(WalkError::OutsideRange { address });
        }
        tables.walk(address, read)
    }

    fn tables(&self, address: u64) -> Result<Tables, WalkError> {
        let (shift, disabled, granule, base) = if high_half(address) {
            (16, EPD1, self.tcr >> 30 & 3, self.ttbr1)
        } else {
            // TG0 numbers the granules differently from TG1.
            let granule = [2, 3, 1, 0][(self.tcr >> 14 & 3) as usize];
            (0, EPD0, granule, self.ttbr0)
        };
        if self.tcr & disabled != 0 {
            return Err(WalkError::OutsideRange { address });
        }
        let granule = match granule {
            1 => Granule::Kib16,
            2 => Granule::Kib4,
            3 => Granule::Kib64,
            _ => return Err(WalkError::Control { tcr: self.tcr }),
        };
        if granule == Granule::Kib64 && self.tcr >> 32 & 7 == 6 {
            return Err(WalkError::Unsupported(
                "52-bit addresses (TCR_EL1.IPS, FEAT_LPA)",
            ));
        }
        let largest = if granule == Granule::Kib64 { 47 } else { 48 };
        match (self.tcr >> shift & 0x3f) as u32 {
            size if size > largest => Err(WalkError::Control { tcr: self.tcr }),
            0..16 => Err(WalkError::Unsupported(
                "52-bit virtual addresses (FEAT_LVA)",
            )),
            size => Ok(Tables {
                input_bits: 64 - size,
                granule,
                base,
            }),
        }
    }
}

impl Tables {
    fn walk(&self, address: u64, read: impl Fn(Ipa) -> Option<u64>) -> Result<Ipa, WalkError> {
        let page_bits = self.granule as u32;
        let stride = page_bits - 3;
        let input = address & ones(self.input_bits);
        let levels = (self.input_bits - page_bits).div_ceil(stride);
        let first_entries = self.input_bits - page_bits - (levels - 1) * stride;
        let mut table = self.base & ones(ADDRESS_BITS) & !ones(first_entries + 3);
        for remaining in (0..levels).rev() {
            let level = 3 - remaining as u8;
            let low_bit = page_bits + remaining * stride;
            let entry = Ipa::new(table + (input >> low_bit & ones(stride)) * 8);
            let descriptor = read(entry).ok_or(WalkError::TableOutsideRam {
                address,
                level,
                entry,
            })?;
            let output = |bits| descriptor & ones(ADDRESS_BITS) & !ones(bits);
            match (descriptor & 3, level) {
                (0b11, 0..3) => table = output(page_bits),
                (0b11, _) => return Ok(Ipa::new(output(low_bit) | input & ones(low_bit))),
                (0b01, _) if self.has_blocks(level) => {
                    return Ok(Ipa::new(output(low_bit) | input & ones(low_bit)));
                }
                _ => {
                    return Err(WalkError::Invalid {
                        address,
                        level,
                        descriptor,
                    });
                }
            }
        }
        // The loop's last round is level 3, which returns; an empty loop has no descriptor.
        Err(WalkError::OutsideRange { address })
    }

    fn has_blocks(&self, level: u8) -> bool {
        level == 2 || level == 1 && self.granule == Granule::Kib4
    }
}

/// Is the address in the half that TTBR1_EL1 translates?
fn high_half(address: u64) -> bool {
    address >> 55 & 1 != 0
}

/// This many low bits set; fewer than 64.
fn ones(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// Without the 52-bit extensions.
const ADDRESS_BITS: u32 = 48;
/// The byte that TBI leaves out of the translation.
const TAG: u64 = 0xff << 56;

/// SCTLR_EL1.M and .EE.
const MMU_ENABLE: u64 = 1;
const BIG_ENDIAN: u64 = 1 << 25;

/// TCR_EL1.EPD0, .EPD1, .TBI0, .TBI1 and .DS.
const EPD0: u64 = 1 << 7;
const EPD1: u64 = 1 << 23;
const TBI0: u64 = 1 << 37;
const TBI1: u64 = 1 << 38;
const LPA2: u64 = 1 << 59;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    const LOW: u64 = 0x4000_0000;
    const HIGH: u64 = 0x4100_0000;

    /// T0SZ = T1SZ = 16, 4 KiB, little-endian, MMU on.
    fn regime() -> Regime {
        Regime {
            sctlr: 1,
            tcr: 0x8010_0010,
            ttbr0: LOW,
            ttbr1: HIGH | 0xabcd << 48 | 1,
        }
    }

    fn translate(regime: Regime, address: u64, entries: &[(u64, u64)]) -> Result<u64, WalkError> {
        let memory: HashMap<_, _> = entries.iter().copied().collect();
        regime
            .translate(address, |ipa| memory.get(&ipa.value()).copied())
            .map(Ipa::value)
    }

    #[test]
    fn with_the_mmu_off_addresses_are_physical() {
        let off = Regime {
            sctlr: 0,
            tcr: 0,
            ttbr0: 0,
            ttbr1: 0,
        };
        assert_eq!(translate(off, 0x0900_0018, &[]), Ok(0x0900_0018));
        assert_eq!(
            translate(off, 1 << 48, &[]),
            Err(WalkError::OutsideRange { address: 1 << 48 })
        );
        let tagged = Regime {
            tcr: 1 << 37,
            ..off
        };
        assert_eq!(
            translate(tagged, 0x5a00_0000_0900_0018, &[]),
            Ok(0x0900_0018)
        );
    }

    #[test]
    fn a_4k_page_is_found_through_four_levels() {
        let entries = [
            (LOW + 8, 0x4000_1003),                       // bits 47:39 = 1
            (0x4000_1000 + 2 * 8, 0x4000_2003),           // bits 38:30 = 2
            (0x4000_2000 + 3 * 8, 0x4000_3003),           // bits 29:21 = 3
            (0x4000_3000 + 4 * 8, 0x0060_0000_0900_0707), // bits 20:12 = 4
        ];
        assert_eq!(
            translate(regime(), 0x80_8060_4018, &entries),
            Ok(0x0900_0018)
        );
    }

    #[test]
    fn blocks_of_1_gib_and_2_mib() {
        let gib = [(LOW, 0x4000_1003), (0x4000_1000 + 5 * 8, 0x4000_0000_0401)];
        assert_eq!(
            translate(regime(), 0x1_4900_0018, &gib),
            Ok(0x4000_0900_0018)
        );
        let mib = [
            (LOW, 0x4000_1003),
            (0x4000_1000, 0x4000_2003),
            (0x4000_2000 + 8, 0x0900_0401),
        ];
        assert_eq!(translate(regime(), 0x21_0018, &mib), Ok(0x0901_0018));
    }

    #[test]
    fn the_high_half_has_tables_of_its_own_and_their_asid_is_no_address() {
        let entries = [(HIGH, 0x4000_1003), (0x4000_1000, 0x401)];
        assert_eq!(
            translate(regime(), 0xffff_0000_0900_0000, &entries),
            Ok(0x0900_0000)
        );
    }

    #[test]
    fn smaller_spaces_start_at_a_later_level() {
        // T0SZ = 25: 39 bits, three levels; T0SZ = 34: 30 bits, two levels.
        let three = Regime {
            tcr: 0x8010_0019,
            ..regime()
        };
        assert_eq!(
            translate(three, 0x0900_0000, &[(LOW, 0x401)]),
            Ok(0x0900_0000)
        );
        let two = Regime {
            tcr: 0x8010_0022,
            ..regime()
        };
        assert_eq!(
            translate(two, 0x0900_0010, &[(LOW + 72 * 8, 0x0900_0401)]),
            Ok(0x0900_0010)
        );
    }

    #[test]
    fn a_16k_page_is_found_through_four_levels() {
        // TG0 = 2, T0SZ = 16: the first table has two entries.
        let regime = Regime {
            tcr: 0x8010_8010,
            ttbr0: LOW + 16,
            ..regime()
        };
        let entries = [
            (LOW + 16 + 8, 0x4000_4003),
            (0x4000_4000 + 2 * 8, 0x4000_8003),
            (0x4000_8000 + 3 * 8, 0x4000_c003),
            (0x4000_c000 + 4 * 8, 0x0900_0403),
        ];
        assert_eq!(
            translate(
                regime,
                1 << 47 | 2 << 36 | 3 << 25 | 4 << 14 | 0x18,
                &entries
            ),
            Ok(0x0900_0018)
        );
        let block = [
            (LOW + 16, 0x4000_4003),
            (0x4000_4000, 0x4000_8003),
            (0x4000_8000, 0x0800_0401),
        ];
        assert_eq!(translate(regime, 0x0100_0018, &block), Ok(0x0900_0018));
    }

    #[test]
    fn a_64k_page_is_found_through_three_levels() {
        // TG0 = 1, T0SZ = 16.
        let regime = Regime {
            tcr: 0x8010_4010,
            ..regime()
        };
        let entries = [
            (LOW + 8, 0x4001_0003),
            (0x4001_0000 + 2 * 8, 0x4002_0003),
            (0x4002_0000 + 3 * 8, 0x0900_0403),
        ];
        assert_eq!(
            translate(regime, 1 << 42 | 2 << 29 | 3 << 16 | 0x18, &entries),
            Ok(0x0900_0018)
        );
        let block = [(LOW, 0x4001_0003), (0x4001_0000, 0x401)];
        assert_eq!(translate(regime, 0x0900_0018, &block), Ok(0x0900_0018));
    }

    #[test]
    fn the_high_half_numbers_its_granules_its_own_way() {
        // TG1 = 1 is 16 KiB, TG1 = 3 is 64 KiB; T1SZ = 28 and 35: two levels and one.
        let kib16 = Regime {
            tcr: 0x401c_0010,
            ..regime()
        };
        assert_eq!(
            translate(kib16, 0xffff_fff0_0900_0018, &[(HIGH + 4 * 8, 0x0800_0401)]),
            Ok(0x0900_0018)
        );
        let kib64 = Regime {
            tcr: 0xc023_0010,
            ..regime()
        };
        assert_eq!(
            translate(
                kib64,
                0xffff_ffff_e900_0018,
                &[(HIGH + 0x900 * 8, 0x0900_0403)]
            ),
            Ok(0x0900_0018)
        );
    }

    #[test]
    fn addresses_between_the_halves_are_outside() {
        for address in [
            1 << 48,
            0x7fff_0000_0000_0000,
            0xfffe_ffff_ffff_ffff,
            0x80_0000_0000_0000,
        ] {
            assert_eq!(
                translate(regime(), address, &[]),
                Err(WalkError::OutsideRange { address })
            );
        }
    }

    #[test]
    fn a_tag_is_ignored_only_where_tbi_says_so() {
        let entries = [(LOW, 0x4000_1003), (0x4000_1000, 0x401)];
        let tagged = Regime {
            tcr: regime().tcr | 1 << 37,
            ..regime()
        };
        assert_eq!(
            translate(tagged, 0x5a00_0000_0900_0000, &entries),
            Ok(0x0900_0000)
        );
        assert!(translate(regime(), 0x5a00_0000_0900_0000, &entries).is_err());
        assert!(translate(tagged, 0x5a01_0000_0900_0000, &entries).is_err());
    }

    #[test]
    fn a_half_that_is_switched_off_is_outside() {
        let regime = Regime {
            tcr: regime().tcr | 1 << 7,
            ..regime()
        };
        assert_eq!(
            translate(regime, 0x1000, &[]),
            Err(WalkError::OutsideRange { address: 0x1000 })
        );
    }

    #[test]
    fn invalid_descriptors_are_named_with_their_level() {
        let invalid = |level, descriptor| {
            Err(WalkError::Invalid {
                address: 0,
                level,
                descriptor,
            })
        };
        assert_eq!(translate(regime(), 0, &[(LOW, 0)]), invalid(0, 0));
        assert_eq!(
            translate(regime(), 0, &[(LOW, 0x4000_1001)]),
            invalid(0, 0x4000_1001)
        );
        let chain = [
            (LOW, 0x4000_1003),
            (0x4000_1000, 0x4000_2003),
            (0x4000_2000, 0x4000_3003),
        ];
        let last = [&chain[..], &[(0x4000_3000, 0x0900_0001)]].concat();
        assert_eq!(translate(regime(), 0, &last), invalid(3, 0x0900_0001));
    }

    #[test]
    fn a_table_outside_ram_is_an_error() {
        let error = WalkError::TableOutsideRam {
            address: 0,
            level: 0,
            entry: Ipa::new(LOW),
        };
        assert_eq!(translate(regime(), 0, &[]), Err(error));
    }

    #[test]
    fn a_table_that_points_to_itself_ends_at_level_3() {
        let entries = [(LOW, LOW | 3)];
        assert_eq!(translate(regime(), 0x18, &entries), Ok(LOW | 0x18));
    }

    #[test]
    fn what_is_not_supported_is_named() {
        for (regime, name) in [
            (
                Regime {
                    sctlr: 1 | 1 << 25,
                    ..regime()
                },
                "big-endian",
            ),
            (
                Regime {
                    tcr: regime().tcr | 1 << 59,
                    ..regime()
                },
                "FEAT_LPA2",
            ),
            (
                Regime {
                    tcr: 0x6_8010_4010,
                    ..regime()
                },
                "FEAT_LPA)",
            ),
            (
                Regime {
                    tcr: 0x8010_000f,
                    ..regime()
                },
                "FEAT_LVA",
            ),
        ] {
            let error = translate(regime, 0, &[]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn reserved_sizes_and_granules_are_errors() {
        for tcr in [0x8010_0031, 0x8010_c010, 0x8010_4030] {
            let regime = Regime { tcr, ..regime() };
            assert_eq!(translate(regime, 0, &[]), Err(WalkError::Control { tcr }));
        }
        let high = Regime {
            tcr: 0x0010_0010,
            ..regime()
        };
        assert_eq!(
            translate(high, u64::MAX, &[]),
            Err(WalkError::Control { tcr: 0x0010_0010 })
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn any_registers_and_tables_end_after_four_descriptors(
            tcr: u64, ttbr0: u64, ttbr1: u64, address: u64, low_bits in 0..2_u32,
            descriptors in prop::array::uniform4(any::<u64>()),
        ) {
            let reads = std::cell::Cell::new(0);
            // Most random values are refused at once; half of them get legal control registers.
            let tcr = if low_bits == 0 { tcr } else { tcr & !(1 << 59 | 0x3f_003f) | 0x10_0010 };
            let regime = Regime { sctlr: 1, tcr, ttbr0, ttbr1 };
            let result = regime.translate(address, |_| {
                reads.set(reads.get() + 1);
                descriptors.get(reads.get() - 1).copied()
            });
            prop_assert!(reads.get() <= 4);
            if let Ok(ipa) = result {
                prop_assert!(ipa.value() < 1 << 48);
            }
        }
    }
}
