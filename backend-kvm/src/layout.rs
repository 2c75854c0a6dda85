//! The machine's memory map and interrupt numbers: QEMU's `virt` board.
//!
//! Images built for that board run here unmodified, because everything they may have hard-wired
//! lies where it lies there.
//!
//! ```text
//! 0x0000_0000 ┌──────────────────────────┐
//!             │ flash (--bios)           │  64 MiB at most, read-only
//! 0x0800_0000 ├──────────────────────────┤
//!             │ GIC distributor          │  64 KiB; of a GICv2 4 KiB of them
//! 0x0801_0000 ├──────────────────────────┤
//!             │ GICv2 CPU interface      │  8 KiB of 64, where there is one
//! 0x0808_0000 ├──────────────────────────┤
//!             │ GICv3 ITS                │  128 KiB, where there is one
//! 0x080A_0000 ├──────────────────────────┤
//!             │ GICv3 redistributors     │  128 KiB a vCPU, the first 123
//! 0x0900_0000 ├──────────────────────────┤
//!             │ PL011                    │  4 KiB                      SPI 1  = INTID 33
//! 0x0901_0000 ├──────────────────────────┤
//!             │ PL031                    │  4 KiB, where there is one  SPI 2  = INTID 34
//! 0x0903_0000 ├──────────────────────────┤
//!             │ PL061                    │  4 KiB, where there is one  SPI 7  = INTID 39
//! 0x090A_0000 ├──────────────────────────┤
//!             │ stolen time              │  64 bytes a vCPU, where it is promised
//! 0x0A00_0000 ├──────────────────────────┤
//!             │ virtio-mmio              │  32 × 512 bytes, where used SPI 16… = INTID 48…
//! 0x0A00_4000 ├──────────────────────────┤
//! 0x4000_0000 ├──────────────────────────┤
//!             │ RAM                      │  one piece
//!             ├──────────────────────────┤  next multiple of 1 GiB
//!             │ GICv3 redistributors     │  128 KiB a vCPU, from the 124th on
//!             └──────────────────────────┘
//! ```
//!
//! The second redistributor region lies as low as RAM allows: above a fixed address it would not
//! fit hosts that have only 36 bits of guest-physical address space.
//!
//! Interrupts (INTID): hypervisor timer 26, virtual timer 27, secure physical timer 29, physical
//! timer 30 (PPIs 10, 11, 13, 14); PL011 33 (SPI 1), PL031 34, PL061 39, virtio-mmio from 48 on.

use vambrace_core::memory::Ipa;
use vambrace_core::vcpu::Mpidr;

use crate::address::{ByteSize, Region};

/// Where one machine's parts lie, for its number of vCPUs and its RAM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    vcpus: u16,
    ram: Region,
}

/// Why there is no layout for a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A machine has to have a vCPU.
    #[error("cannot lay out a machine without vCPUs: ask for 1 to {MAXIMUM_VCPUS} (--cpus)")]
    NoVcpus,
    /// More than a GICv3 of KVM serves.
    #[error(
        "cannot lay out a machine with {asked} vCPUs: KVM's GICv3 serves at most {MAXIMUM_VCPUS}; \
         ask for fewer (--cpus)"
    )]
    TooManyVcpus {
        /// How many were asked for.
        asked: u16,
    },
    /// RAM or the redistributors above it do not fit the address space.
    #[error(
        "cannot lay out {ram} of RAM: the machine would end at {end:#x}, and this host gives a \
         guest {bits} bits of physical address space; ask for less (--memory)",
        ram = ByteSize(*ram)
    )]
    AddressSpace {
        /// Bytes of RAM asked for.
        ram: u64,
        /// The first address after the machine's last part.
        end: u64,
        /// The width of the guest's physical addresses.
        bits: u8,
    },
}

/// The interrupt controller of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterruptController {
    /// A GICv2, with a distributor and a CPU interface (IHI0048).
    GicV2,
    /// A GICv3, with a distributor and a redistributor for each vCPU (IHI0069).
    GicV3,
    /// The same, and an ITS, which makes interrupts of messages.
    GicV3WithIts,
}

/// Some neighbouring GICv3 redistributors, one for each vCPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedistributorRegion {
    /// How many redistributors it holds; never 0.
    pub count: u16,
    /// Where they lie, [`REDISTRIBUTOR_SIZE`] bytes each.
    pub region: Region,
}

impl Layout {
    /// Lays out a machine with this many vCPUs and this RAM, which starts at [`RAM_BASE`].
    ///
    /// # Errors
    /// [`LayoutError::NoVcpus`] and [`LayoutError::TooManyVcpus`].
    pub fn new(vcpus: u16, ram: Region) -> Result<Self, LayoutError> {
        match vcpus {
            0 => Err(LayoutError::NoVcpus),
            1..=MAXIMUM_VCPUS => Ok(Self { vcpus, ram }),
            asked => Err(LayoutError::TooManyVcpus { asked }),
        }
    }

    /// How many vCPUs there are.
    #[must_use]
    pub fn vcpus(&self) -> u16 {
        self.vcpus
    }

    /// Where RAM lies.
    #[must_use]
    pub fn ram(&self) -> Region {
        self.ram
    }

    /// Where the GIC's redistributors lie, in the order of vCPUs: one region, or two.
    pub fn redistributors(&self) -> impl Iterator<Item = RedistributorRegion> + use<> {
        let low = self.vcpus.min(LOW_REDISTRIBUTORS);
        let high = self.vcpus - low;
        let region = |base, count: u16| RedistributorRegion {
            count,
            region: Region::fixed(base, u64::from(count) * REDISTRIBUTOR_SIZE),
        };
        let second = self.second_redistributors();
        [
            Some(region(REDISTRIBUTORS, low)),
            (high != 0).then(|| region(second, high)),
        ]
        .into_iter()
        .flatten()
    }

    /// The first address after the machine's last part.
    #[must_use]
    pub fn end(&self) -> Ipa {
        let last = self
            .redistributors()
            .last()
            .map_or(Ipa::new(0), |last| last.region.end());
        last.max(self.ram.end())
    }

    /// Checks that everything lies below `1 << bits`, the VM's guest-physical address space.
    ///
    /// # Errors
    /// [`LayoutError::AddressSpace`].
    pub fn check_address_space(&self, bits: u8) -> Result<(), LayoutError> {
        let end = self.end().value();
        let fits = bits >= 64 || end <= 1 << bits;
        let error = LayoutError::AddressSpace {
            ram: self.ram.size(),
            end,
            bits,
        };
        if fits { Ok(()) } else { Err(error) }
    }

    fn second_redistributors(&self) -> u64 {
        // RAM is at most `MAXIMUM_RAM`, so this cannot wrap.
        self.ram.end().value().next_multiple_of(1 << 30)
    }
}

/// The affinity of the vCPU with this KVM id, as KVM itself numbers them.
///
/// A cluster has sixteen vCPUs, so that one SGI register write reaches all of it.
#[must_use]
pub fn mpidr(vcpu: u16) -> Mpidr {
    let vcpu = u64::from(vcpu);
    Mpidr::from_register(vcpu & 0xf | (vcpu >> 4 & 0xff) << 8 | (vcpu >> 12) << 16)
}

/// Where the structure of stolen time of the vCPU with this KVM id lies (DEN0057 §3.2.2).
#[must_use]
pub fn stolen_time(vcpu: u16) -> Ipa {
    Ipa::new(STOLEN_TIME.base().value() + u64::from(vcpu) * STOLEN_TIME_SIZE)
}

/// The INTID of a shared peripheral interrupt.
#[must_use]
pub const fn spi(number: u32) -> u32 {
    32 + number
}

/// Where a virtio slot lies, if the board has it.
pub(crate) fn virtio_slot(index: u32) -> Option<Region> {
    let base = VIRTIO_MMIO.base().value() + u64::from(index) * VIRTIO_MMIO_SIZE;
    Region::new(Ipa::new(base), VIRTIO_MMIO_SIZE).filter(|slot| VIRTIO_MMIO.contains(*slot))
}

/// The INTID of a private peripheral interrupt.
#[must_use]
pub const fn ppi(number: u32) -> u32 {
    16 + number
}

/// The INTID of a vCPU's performance monitor, where it is promised (PPI 7).
pub const PMU_INTERRUPT: u32 = ppi(PMU_PPI);
/// The same as a private interrupt's number.
pub const PMU_PPI: u32 = 7;
/// Flash, where a CPU without a kernel starts.
pub const FLASH: Region = Region::fixed(0, 64 << 20);
/// That and the bank behind it, where firmware looks for its variables.
pub const FLASH_BANKS: Region = Region::fixed(0, 128 << 20);
/// The GIC's distributor. Of a GICv2's frame only the first 4 KiB are used.
pub const GIC_DISTRIBUTOR: Region = Region::fixed(0x0800_0000, 0x1_0000);
/// A GICv2's CPU interface. Of its frame only the first 8 KiB are used.
pub const GIC_CPU_INTERFACE: Region = Region::fixed(0x0801_0000, 0x1_0000);
/// A GICv3's ITS: its control frame and its translation frame.
pub const GIC_ITS: Region = Region::fixed(0x0808_0000, 0x2_0000);
/// How many vCPUs a GICv2 serves.
pub const GIC_V2_VCPUS: u16 = 8;
/// One vCPU's redistributor: its RD_base and SGI_base frames.
pub const REDISTRIBUTOR_SIZE: u64 = 0x2_0000;
/// How many redistributors fit below the PL011.
pub const LOW_REDISTRIBUTORS: u16 = 123;
/// The PL011 UART, the console.
pub const PL011: Region = Region::fixed(0x0900_0000, 0x1000);
/// The PL031 real-time clock.
pub const PL031: Region = Region::fixed(0x0901_0000, 0x1000);
/// The PL061 GPIO controller; its line 3 is the power button.
pub const PL061: Region = Region::fixed(0x0903_0000, 0x1000);
/// The structures of stolen time of all vCPUs: RAM, with the alignment that DEN0057 wants.
pub const STOLEN_TIME: Region = Region::fixed(0x090a_0000, 0x1_0000);
/// One vCPU's structure of stolen time.
pub const STOLEN_TIME_SIZE: u64 = 64;
/// The transports of virtio devices.
pub const VIRTIO_MMIO: Region = Region::fixed(0x0a00_0000, 0x4000);
/// One of them.
pub const VIRTIO_MMIO_SIZE: u64 = 0x200;
/// How many of them there is room for.
pub const VIRTIO_SLOTS: u64 = VIRTIO_MMIO.size() / VIRTIO_MMIO_SIZE;
/// Where RAM starts.
pub const RAM_BASE: Ipa = Ipa::new(0x4000_0000);
/// The greatest RAM: it and what lies above it stay within 48 bits.
pub const MAXIMUM_RAM: u64 = (1 << 48) - (4 << 30);
/// How many vCPUs a GICv3 of KVM serves.
pub const MAXIMUM_VCPUS: u16 = 512;

/// How many interrupts the GIC has: 32 private ones and the board's 256 shared ones.
pub const INTERRUPTS: u32 = 288;
/// The PL011's shared peripheral interrupt (its INTID is 33).
pub const PL011_SPI: u32 = 1;
/// The PL031's shared peripheral interrupt.
pub const PL031_SPI: u32 = 2;
/// The PL061's shared peripheral interrupt.
pub const PL061_SPI: u32 = 7;
/// The shared peripheral interrupt of the first virtio-mmio transport; the others' follow.
pub const VIRTIO_MMIO_SPI: u32 = 16;
/// The secure physical timer's private peripheral interrupt.
pub const SECURE_TIMER_PPI: u32 = 13;
/// The EL1 physical timer's private peripheral interrupt.
pub const PHYSICAL_TIMER_PPI: u32 = 14;
/// The EL1 virtual timer's private peripheral interrupt.
pub const VIRTUAL_TIMER_PPI: u32 = 11;
/// The EL2 physical timer's private peripheral interrupt.
pub const HYPERVISOR_TIMER_PPI: u32 = 10;

pub(crate) const REDISTRIBUTORS: u64 = 0x080a_0000;

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(vcpus: u16, ram: u64) -> Layout {
        Layout::new(vcpus, Region::new(RAM_BASE, ram).unwrap()).unwrap()
    }

    fn redistributors(vcpus: u16, ram: u64) -> Vec<(u64, u64, u16)> {
        let regions = layout(vcpus, ram).redistributors();
        regions
            .map(|r| (r.region.base().value(), r.region.size(), r.count))
            .collect()
    }

    #[test]
    fn one_vcpu_has_one_redistributor() {
        assert_eq!(redistributors(1, 0x800_0000), [(0x080a_0000, 0x2_0000, 1)]);
    }

    #[test]
    fn the_123rd_redistributor_ends_where_the_pl011_starts() {
        assert_eq!(
            redistributors(123, 0x800_0000),
            [(0x080a_0000, 0xf6_0000, 123)]
        );
        assert_eq!(0x080a_0000 + 0xf6_0000, 0x0900_0000);
    }

    #[test]
    fn the_124th_redistributor_lies_above_ram() {
        assert_eq!(
            redistributors(124, 0x800_0000),
            [(0x080a_0000, 0xf6_0000, 123), (0x8000_0000, 0x2_0000, 1)]
        );
    }

    #[test]
    fn the_second_region_follows_ram_up() {
        assert_eq!(
            redistributors(512, 0x1_0000_0000)[1],
            (0x1_4000_0000, 0x30a_0000, 389) // RAM ends at 5 GiB exactly
        );
    }

    #[test]
    fn no_two_parts_of_the_board_share_an_address() {
        let ram = Region::new(RAM_BASE, 0x800_0000).unwrap();
        let high = Layout::new(512, ram).unwrap();
        let mut parts = vec![
            FLASH_BANKS,
            GIC_DISTRIBUTOR,
            GIC_CPU_INTERFACE,
            GIC_ITS,
            PL011,
            PL031,
            PL061,
            STOLEN_TIME,
            VIRTIO_MMIO,
            ram,
        ];
        parts.extend(high.redistributors().map(|part| part.region));
        parts.sort_by_key(|part| part.base());
        for pair in parts.windows(2) {
            assert!(pair[0].end() <= pair[1].base(), "{pair:?}");
        }
    }

    #[test]
    fn the_its_lies_right_below_the_redistributors() {
        assert_eq!(GIC_ITS.base().value(), 0x0808_0000);
        assert_eq!(GIC_ITS.end().value(), 0x080a_0000);
    }

    #[test]
    fn a_machine_has_1_to_512_vcpus() {
        let ram = Region::new(RAM_BASE, 0x800_0000).unwrap();
        assert_eq!(Layout::new(0, ram), Err(LayoutError::NoVcpus));
        assert_eq!(
            Layout::new(513, ram),
            Err(LayoutError::TooManyVcpus { asked: 513 })
        );
        assert!(Layout::new(512, ram).is_ok());
    }

    #[test]
    fn the_second_region_counts_against_the_address_space() {
        let ram = (1 << 36) - 0x4000_0000;
        assert_eq!(layout(123, ram).check_address_space(36), Ok(()));
        let error = layout(124, ram).check_address_space(36).unwrap_err();
        assert_eq!(
            error,
            LayoutError::AddressSpace {
                ram,
                end: 0x10_0002_0000,
                bits: 36
            },
            "{error}"
        );
        assert_eq!(layout(124, ram).check_address_space(64), Ok(()));
    }

    #[test]
    fn the_greatest_machine_does_not_wrap() {
        assert_eq!(layout(512, MAXIMUM_RAM).check_address_space(48), Ok(()));
    }

    #[test]
    fn affinities_are_kvms() {
        assert_eq!(mpidr(0).value(), 0);
        assert_eq!(mpidr(15).value(), 0xf);
        assert_eq!(mpidr(16).value(), 0x100);
        assert_eq!(mpidr(511).value(), 0x1f0f);
        assert_eq!(mpidr(0xffff).value(), 0xf_ff0f);
    }

    #[test]
    fn stolen_time_of_every_vcpu_fits_its_64_kib() {
        assert_eq!(stolen_time(0).value(), 0x090a_0000);
        assert_eq!(stolen_time(1).value(), 0x090a_0040);
        assert_eq!(stolen_time(511).value(), 0x090a_7fc0);
        assert_eq!(STOLEN_TIME.end().value(), 0x090b_0000);
    }

    #[test]
    fn interrupt_numbers_are_those_of_the_board() {
        assert_eq!(spi(PL011_SPI), 33);
        assert_eq!(ppi(VIRTUAL_TIMER_PPI), 27);
        assert_eq!(ppi(PHYSICAL_TIMER_PPI), 30);
        assert_eq!(ppi(HYPERVISOR_TIMER_PPI), 26);
        assert_eq!(ppi(SECURE_TIMER_PPI), 29);
    }
}
