//! ELF files by the byte, right and wrong (System V ABI, "Object Files").

/// An executable with one program header a segment.
#[derive(Debug, Clone)]
pub(crate) struct Elf {
    /// EI_CLASS: 1 is 32-bit, 2 is 64-bit.
    pub(crate) class: u8,
    /// e_machine: 183 is AArch64, 62 is x86-64, 40 is 32-bit Arm.
    pub(crate) machine: u16,
    /// Where each segment lies, and how long it is; none has bytes in the file.
    pub(crate) segments: Vec<(u64, u64)>,
}

impl Elf {
    /// An AArch64 executable.
    pub(crate) fn with_segments(segments: &[(u64, u64)]) -> Self {
        Self {
            class: 2,
            machine: 183,
            segments: segments.to_vec(),
        }
    }

    /// The file. A 32-bit one has a header and nothing else.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let entry = self.segments.first().map_or(0, |(base, _)| *base);
        let mut file = vec![0x7F, b'E', b'L', b'F', self.class, 1, 1];
        file.resize(16, 0);
        file.extend(2_u16.to_le_bytes()); // e_type: ET_EXEC
        file.extend(self.machine.to_le_bytes());
        file.extend(1_u32.to_le_bytes()); // e_version
        if self.class == 1 {
            file.resize(52, 0);
            return file;
        }
        file.extend(entry.to_le_bytes());
        file.extend(64_u64.to_le_bytes()); // e_phoff
        file.extend(0_u64.to_le_bytes()); // e_shoff
        file.extend(0_u32.to_le_bytes()); // e_flags
        let count = u16::try_from(self.segments.len()).unwrap();
        // e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx
        file.extend(
            [64, 56, count, 64, 0, 0]
                .into_iter()
                .flat_map(u16::to_le_bytes),
        );
        file.extend(
            self.segments
                .iter()
                .flat_map(|segment| program_header(*segment)),
        );
        file
    }
}

fn program_header((base, size): (u64, u64)) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend([1_u32, 7].into_iter().flat_map(u32::to_le_bytes)); // PT_LOAD, read-write-execute
    // p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
    header.extend(
        [0, base, base, 0, size, 8]
            .into_iter()
            .flat_map(u64::to_le_bytes),
    );
    header
}
