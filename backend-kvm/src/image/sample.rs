//! ELF files made for tests, right or wrong in any field.

/// An ELF file with these header fields, segments and named sections.
pub(super) struct Elf {
    /// `EI_CLASS`: 2 is 64-bit.
    pub(super) class: u8,
    /// `EI_DATA`: 1 is little-endian.
    pub(super) data: u8,
    /// `e_type`: 2 is an executable.
    pub(super) file_type: u16,
    /// `e_machine`: 183 is AArch64.
    pub(super) machine: u16,
    entry: u64,
    segments: Vec<Segment>,
    sections: Vec<(&'static str, Vec<u8>)>,
}

/// One program header and the bytes it points to.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) p_type: u32,
    pub(super) p_vaddr: u64,
    p_paddr: u64,
    p_memsz: u64,
    bytes: Vec<u8>,
    /// In place of the true offset.
    pub(super) p_offset: Option<u64>,
    /// In place of the true length.
    pub(super) p_filesz: Option<u64>,
}

/// A `PT_LOAD` segment with equal addresses.
pub(super) fn load(address: u64, bytes: &[u8], memory_size: u64) -> Segment {
    Segment {
        p_type: 1,
        p_vaddr: address,
        p_paddr: address,
        p_memsz: memory_size,
        bytes: bytes.to_vec(),
        p_offset: None,
        p_filesz: None,
    }
}

impl Elf {
    pub(super) fn new(entry: u64) -> Self {
        Self {
            class: 2,
            data: 1,
            file_type: 2,
            machine: 183,
            entry,
            segments: Vec::new(),
            sections: Vec::new(),
        }
    }

    pub(super) fn segment(mut self, segment: Segment) -> Self {
        self.segments.push(segment);
        self
    }

    pub(super) fn section(mut self, name: &'static str, bytes: &[u8]) -> Self {
        self.sections.push((name, bytes.to_vec()));
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        let payload_start = 64 + 56 * self.segments.len() as u64;
        let mut program_headers = Vec::new();
        for segment in &self.segments {
            let offset = payload_start + payload.len() as u64;
            program_headers.extend(segment.header(offset));
            payload.extend(&segment.bytes);
        }
        let mut names = vec![0];
        let mut section_headers = vec![0; 64];
        for (name, bytes) in &self.sections {
            let offset = payload_start + payload.len() as u64;
            section_headers.extend(section_header(names.len(), 1, offset, bytes.len()));
            names.extend(name.bytes().chain([0]));
            payload.extend(bytes);
        }
        let offset = payload_start + payload.len() as u64;
        section_headers.extend(section_header(names.len(), 3, offset, names.len() + 10));
        names.extend(b".shstrtab\0");
        if !self.sections.is_empty() {
            payload.extend(&names);
        }
        let section_start = payload_start + payload.len() as u64;
        let header = self.header(section_start);
        let sections = if self.sections.is_empty() {
            Vec::new()
        } else {
            section_headers
        };
        [header, program_headers, payload, sections].concat()
    }

    fn header(&self, section_start: u64) -> Vec<u8> {
        let mut header = b"\x7fELF".to_vec();
        header.extend([self.class, self.data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(self.file_type.to_le_bytes());
        header.extend(self.machine.to_le_bytes());
        header.extend(1_u32.to_le_bytes());
        let program_start = if self.segments.is_empty() { 0_u64 } else { 64 };
        let (section_start, section_count) = match self.sections.len() {
            0 => (0, 0),
            count => (section_start, count + 2),
        };
        for value in [self.entry, program_start, section_start] {
            header.extend(value.to_le_bytes());
        }
        header.extend(0_u32.to_le_bytes());
        let (segments, sections) = (self.segments.len() as u16, section_count as u16);
        for value in [64, 56, segments, 64, sections, sections.saturating_sub(1)] {
            header.extend(value.to_le_bytes());
        }
        header
    }
}

impl Segment {
    fn header(&self, offset: u64) -> Vec<u8> {
        let mut header = self.p_type.to_le_bytes().to_vec();
        header.extend(7_u32.to_le_bytes());
        let file_size = self.p_filesz.unwrap_or(self.bytes.len() as u64);
        let offset = self.p_offset.unwrap_or(offset);
        for value in [
            offset,
            self.p_vaddr,
            self.p_paddr,
            file_size,
            self.p_memsz,
            4,
        ] {
            header.extend(value.to_le_bytes());
        }
        header
    }
}

fn section_header(name: usize, section_type: u32, offset: u64, size: usize) -> Vec<u8> {
    let mut header = (name as u32).to_le_bytes().to_vec();
    header.extend(section_type.to_le_bytes());
    for value in [0, 0, offset, size as u64] {
        header.extend(value.to_le_bytes());
    }
    header.extend([0; 8]);
    for value in [1_u64, 0] {
        header.extend(value.to_le_bytes());
    }
    header
}
