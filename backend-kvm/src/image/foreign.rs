//! Files that are something known and cannot be started here.
//!
//! Without this check they would be taken for flat binaries, and the guest would crash on its
//! first instruction for no reason a person could see.

use super::u32_at;

/// A known kind of file that is not an image, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the file is {kind}: {remedy}")]
pub struct Foreign {
    kind: &'static str,
    remedy: &'static str,
}

/// Refuses files that are known to be something else.
pub(super) fn check(file: &[u8]) -> Result<(), Foreign> {
    let known = SIGNATURES.iter().find(|signature| {
        file.get(signature.offset..)
            .is_some_and(|rest| rest.starts_with(signature.bytes))
    });
    match known {
        Some(signature) => Err(signature.foreign),
        None if is_pe(file) => Err(EFI_APPLICATION),
        None => Ok(()),
    }
}

fn is_pe(file: &[u8]) -> bool {
    let header = u32_at(file, 0x3c).and_then(|offset| usize::try_from(offset).ok());
    file.starts_with(b"MZ") && header.and_then(|at| u32_at(file, at)) == Some(PE_MAGIC)
}

struct Signature {
    offset: usize,
    bytes: &'static [u8],
    foreign: Foreign,
}

const fn signature(
    offset: usize,
    bytes: &'static [u8],
    kind: &'static str,
    remedy: &'static str,
) -> Signature {
    Signature {
        offset,
        bytes,
        foreign: Foreign { kind, remedy },
    }
}

/// The PE signature, `PE\0\0`.
pub(super) const PE_MAGIC: u32 = 0x0000_4550;

const EFI_APPLICATION: Foreign = Foreign {
    kind: "an EFI application",
    remedy: "there is no EFI here; pass an Image or an ELF",
};

/// The kinds people are likely to pass by mistake, first match wins.
const SIGNATURES: &[Signature] = &[
    signature(
        4,
        b"zimg",
        "an EFI zboot kernel (compressed, unpacked by its own EFI stub)",
        "there is no EFI here; pass the kernel's uncompressed arch/arm64/boot/Image",
    ),
    signature(
        0,
        &[0x1f, 0x8b, 0x08],
        "gzip-compressed",
        "unpack it: zcat FILE > Image",
    ),
    signature(
        0,
        &[0x28, 0xb5, 0x2f, 0xfd],
        "zstd-compressed",
        "unpack it: zstdcat FILE > Image",
    ),
    signature(
        0,
        b"\xfd7zXZ\0",
        "xz-compressed",
        "unpack it: xzcat FILE > Image",
    ),
    signature(
        0,
        &[0x04, 0x22, 0x4d, 0x18],
        "lz4-compressed",
        "unpack it: lz4cat FILE > Image",
    ),
    signature(
        0,
        &[0x02, 0x21, 0x4c, 0x18],
        "lz4-compressed",
        "unpack it: lz4cat FILE > Image",
    ),
    signature(
        0,
        &[0x27, 0x05, 0x19, 0x56],
        "a U-Boot uImage",
        "pass the Image it was made from (dumpimage -T kernel extracts it)",
    ),
    signature(
        0,
        &[0xd0, 0x0d, 0xfe, 0xed],
        "a device tree or a FIT image",
        "pass the kernel in it; the machine describes itself",
    ),
    signature(
        0x24,
        &[0x18, 0x28, 0x6f, 0x01],
        "a 32-bit Arm zImage",
        "this machine is 64-bit; build for arm64",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(start: &[u8], offset: usize) -> String {
        let mut file = vec![0; 0x100];
        file[offset..offset + start.len()].copy_from_slice(start);
        check(&file).unwrap_err().to_string()
    }

    #[test]
    fn compressed_kernels_are_named_with_how_to_unpack_them() {
        assert_eq!(
            refusal(&[0x1f, 0x8b, 8, 0], 0),
            "the file is gzip-compressed: unpack it: zcat FILE > Image"
        );
        assert!(refusal(&[0x28, 0xb5, 0x2f, 0xfd], 0).contains("zstdcat"));
        assert!(refusal(&[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], 0).contains("xzcat"));
    }

    #[test]
    fn an_efi_zboot_kernel_is_named() {
        assert!(refusal(b"MZ\0\0zimg", 0).contains("EFI zboot"));
    }

    #[test]
    fn an_efi_application_is_named() {
        let mut file = vec![0; 0x100];
        file[..2].copy_from_slice(b"MZ");
        file[0x3c] = 0x80;
        file[0x80..0x84].copy_from_slice(b"PE\0\0");
        assert_eq!(check(&file), Err(EFI_APPLICATION));
        file.truncate(0x82);
        assert_eq!(check(&file), Ok(()));
    }

    #[test]
    fn a_32_bit_kernel_is_named() {
        assert!(refusal(&0x016f_2818_u32.to_le_bytes(), 0x24).contains("32-bit"));
    }

    #[test]
    fn instructions_are_nothing_known() {
        assert_eq!(check(&[0x1f, 0x20, 0x03, 0xd5]), Ok(()));
        assert_eq!(check(&[0x1f, 0x8b]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
    }
}
