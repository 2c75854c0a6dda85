//! ELF files made for tests, right or wrong in any field, in either class.

use std::iter;

/// An ELF file with these header fields, segments and named sections.
pub(super) struct Elf {
    /// `EI_CLASS`: 1 is 32-bit, 2 is 64-bit. The tables have its form.
    pub(super) class: u8,
    /// `EI_DATA`: 1 is little-endian.
    pub(super) data: u8,
    /// `e_type`: 2 is an executable.
    pub(super) file_type: u16,
    /// `e_machine`: 40 is 32-bit Arm, 183 is AArch64.
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

    /// The same for A32 and T32 code.
    pub(super) fn arm(entry: u64) -> Self {
        Self {
            class: 1,
            machine: 40,
            ..Self::new(entry)
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
        let form = self.form();
        let mut payload = Vec::new();
        let payload_start = form.header + form.program_header * self.segments.len() as u64;
        let mut program_headers = Vec::new();
        for segment in &self.segments {
            let offset = payload_start + payload.len() as u64;
            program_headers.extend(segment.header(form, offset));
            payload.extend(&segment.bytes);
        }
        let mut names = vec![0];
        let mut section_headers: Vec<u8> =
            iter::repeat_n(0, form.section_header as usize).collect();
        for (name, bytes) in &self.sections {
            let offset = payload_start + payload.len() as u64;
            section_headers.extend(form.section_header(names.len(), 1, offset, bytes.len()));
            names.extend(name.bytes().chain([0]));
            payload.extend(bytes);
        }
        let offset = payload_start + payload.len() as u64;
        section_headers.extend(form.section_header(names.len(), 3, offset, names.len() + 10));
        names.extend(b".shstrtab\0");
        if !self.sections.is_empty() {
            payload.extend(&names);
        }
        let section_start = payload_start + payload.len() as u64;
        let header = self.header(form, section_start);
        let sections = if self.sections.is_empty() {
            Vec::new()
        } else {
            section_headers
        };
        [header, program_headers, payload, sections].concat()
    }

    fn form(&self) -> &'static Form {
        match self.class {
            1 => &ELF32,
            _ => &ELF64,
        }
    }

    fn header(&self, form: &Form, section_start: u64) -> Vec<u8> {
        let mut header = b"\x7fELF".to_vec();
        header.extend([self.class, self.data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(self.file_type.to_le_bytes());
        header.extend(self.machine.to_le_bytes());
        header.extend(1_u32.to_le_bytes());
        let program_start = if self.segments.is_empty() {
            0
        } else {
            form.header
        };
        let (section_start, section_count) = match self.sections.len() {
            0 => (0, 0),
            count => (section_start, count + 2),
        };
        for value in [self.entry, program_start, section_start] {
            form.word(&mut header, value);
        }
        header.extend(0_u32.to_le_bytes());
        let (segments, sections) = (self.segments.len() as u16, section_count as u16);
        for value in [
            form.header as u16,
            form.program_header as u16,
            segments,
            form.section_header as u16,
            sections,
            sections.saturating_sub(1),
        ] {
            header.extend(value.to_le_bytes());
        }
        header
    }
}

impl Segment {
    fn header(&self, form: &Form, offset: u64) -> Vec<u8> {
        let mut header = self.p_type.to_le_bytes().to_vec();
        // The flags come second in one class and second to last in the other.
        let flags = 7_u32.to_le_bytes();
        if form.width == Width::Eight {
            header.extend(flags);
        }
        let file_size = self.p_filesz.unwrap_or(self.bytes.len() as u64);
        let offset = self.p_offset.unwrap_or(offset);
        for value in [offset, self.p_vaddr, self.p_paddr, file_size, self.p_memsz] {
            form.word(&mut header, value);
        }
        if form.width == Width::Four {
            header.extend(flags);
        }
        form.word(&mut header, 4);
        header
    }
}

/// The lengths of what a class has.
struct Form {
    width: Width,
    header: u64,
    program_header: u64,
    section_header: u64,
}

/// How many bytes an address has.
#[derive(PartialEq, Eq)]
enum Width {
    Four,
    Eight,
}

impl Form {
    /// An address, an offset or a size; a 32-bit one loses what it cannot hold.
    fn word(&self, bytes: &mut Vec<u8>, value: u64) {
        match self.width {
            Width::Four => bytes.extend((value as u32).to_le_bytes()),
            Width::Eight => bytes.extend(value.to_le_bytes()),
        }
    }

    fn section_header(&self, name: usize, section_type: u32, offset: u64, size: usize) -> Vec<u8> {
        let mut header = (name as u32).to_le_bytes().to_vec();
        header.extend(section_type.to_le_bytes());
        for value in [0, 0, offset, size as u64] {
            self.word(&mut header, value);
        }
        header.extend([0; 8]);
        for value in [1_u64, 0] {
            self.word(&mut header, value);
        }
        header
    }
}

const ELF32: Form = Form {
    width: Width::Four,
    header: 52,
    program_header: 32,
    section_header: 40,
};
const ELF64: Form = Form {
    width: Width::Eight,
    header: 64,
    program_header: 56,
    section_header: 64,
};
