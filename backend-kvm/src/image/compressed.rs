//! Compressed kernels: gzip files, and EFI zboot images.
//!
//! An EFI zboot image is an EFI program that carries a compressed kernel and unpacks it (Linux,
//! drivers/firmware/efi/libstub/zboot-header.S). There is no EFI here, so what it carries is
//! unpacked for it, before there is a machine. No more comes out than the machine's RAM could hold,
//! and however much that is no more than any kernel has, whatever the file claims: of a header's
//! sizes only the payload's place is believed, and that is checked.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use super::{ImageError, u32_at};

/// The kernel in `file`, of at most `most` bytes; the file itself if it is not compressed.
///
/// # Errors
/// [`ImageError`] says what is wrong with the file.
pub fn unpacked(file: &[u8], most: u64) -> Result<Cow<'_, [u8]>, ImageError> {
    let most = most.min(MOST);
    if is_zboot(file) {
        let payload = zboot_payload(file)?;
        return gunzip(payload, most).map(Cow::Owned);
    }
    if file.starts_with(&GZIP_MAGIC) {
        return gunzip(file, most).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(file))
}

/// Does a file that begins so have to be unpacked?
pub(super) fn is_compressed(head: &[u8]) -> bool {
    is_zboot(head) || head.starts_with(&GZIP_MAGIC)
}

fn is_zboot(file: &[u8]) -> bool {
    file.starts_with(b"MZ") && file.get(4..8) == Some(b"zimg")
}

/// The compressed kernel that an EFI zboot image carries, if it is one by gzip.
fn zboot_payload(file: &[u8]) -> Result<&[u8], ImageError> {
    let place = |offset| u32_at(file, offset).map(|number| number as usize);
    let header = place(PAYLOAD_OFFSET).zip(place(PAYLOAD_SIZE));
    let (Some((offset, size)), Some(name)) = (header, file.get(COMPRESSION..COMPRESSION_END))
    else {
        return Err(truncated(ZBOOT, COMPRESSION_END as u64, file));
    };
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    if name != b"gzip" {
        let name = String::from_utf8_lossy(name).escape_default().to_string();
        return Err(ImageError::Compression { name });
    }
    // Both have 32 bits, so their sum fits.
    let end = offset as u64 + size as u64;
    file.get(offset..)
        .and_then(|rest| rest.get(..size))
        .ok_or_else(|| truncated(ZBOOT, end, file))
}

/// What follows the compressed data, such as a signature, is not looked at.
fn gunzip(bytes: &[u8], most: u64) -> Result<Vec<u8>, ImageError> {
    let mut kernel = Vec::new();
    let read = GzDecoder::new(bytes)
        .take(most.saturating_add(1))
        .read_to_end(&mut kernel);
    match read {
        Ok(size) if size as u64 > most => Err(ImageError::Unpacked { most }),
        Ok(_) => Ok(kernel),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(ImageError::CompressedShort)
        }
        Err(error) => Err(ImageError::CompressedDamaged(error.to_string())),
    }
}

fn truncated(what: &'static str, needed: u64, file: &[u8]) -> ImageError {
    ImageError::Truncated {
        what,
        needed,
        actual: file.len() as u64,
    }
}

/// More than ten times what distributions' kernels have: what is longer is none, and is not to fill
/// this host's memory before that is known.
const MOST: u64 = 512 << 20;
/// ID1, ID2 and the one method there is (RFC 1952 §2.3.1).
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const ZBOOT: &str = "EFI zboot kernel";
const PAYLOAD_OFFSET: usize = 8;
const PAYLOAD_SIZE: usize = 12;
/// The method's name, which zeroes fill up.
const COMPRESSION: usize = 24;
const COMPRESSION_END: usize = 56;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zboot(method: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut file = vec![0; 0x1000];
        file[..2].copy_from_slice(b"MZ");
        file[4..8].copy_from_slice(b"zimg");
        file[8..12].copy_from_slice(&0x1000_u32.to_le_bytes());
        let size = u32::try_from(payload.len()).unwrap();
        file[12..16].copy_from_slice(&size.to_le_bytes());
        file[24..24 + method.len()].copy_from_slice(method);
        file.extend_from_slice(payload);
        file
    }

    #[test]
    fn what_is_not_compressed_stays_as_it_is() {
        for file in [&b""[..], b"MZ", b"\x7fELF", b"\x1f\x8b"] {
            assert_eq!(unpacked(file, MIB).unwrap(), file);
        }
    }

    #[test]
    fn a_gzip_file_is_unpacked() {
        assert_eq!(unpacked(&gzip(b"kernel"), MIB).unwrap().as_ref(), b"kernel");
    }

    #[test]
    fn what_follows_the_compressed_data_is_ignored() {
        let file = [gzip(b"kernel"), b"signature".to_vec()].concat();
        assert_eq!(unpacked(&file, MIB).unwrap().as_ref(), b"kernel");
    }

    #[test]
    fn an_efi_zboot_image_is_unpacked() {
        let file = zboot(b"gzip", &gzip(b"kernel"));
        assert_eq!(unpacked(&file, MIB).unwrap().as_ref(), b"kernel");
    }

    #[test]
    fn another_compression_is_named() {
        let error = unpacked(&zboot(b"lz4", b"..."), MIB).unwrap_err();
        assert!(error.to_string().contains("by `lz4`"), "{error}");
        let error = unpacked(&zboot(&[0xff, 0x1b], b"..."), MIB).unwrap_err();
        assert!(error.to_string().contains(r"\u{1b}"), "{error}");
    }

    #[test]
    fn a_payload_that_leaves_the_file_is_refused() {
        let whole = zboot(b"gzip", &gzip(b"kernel"));
        for (field, value) in [(8, 0x1001_u32), (8, u32::MAX), (12, u32::MAX)] {
            let mut file = whole.clone();
            file[field..field + 4].copy_from_slice(&value.to_le_bytes());
            let result = unpacked(&file, MIB);
            assert!(
                matches!(result, Err(ImageError::Truncated { .. })),
                "{result:?}"
            );
        }
    }

    #[test]
    fn a_header_cut_off_anywhere_is_refused() {
        let whole = zboot(b"gzip", &gzip(b"kernel"));
        for length in [8, 11, 15, 24, 55] {
            let result = unpacked(&whole[..length], MIB);
            assert!(
                matches!(result, Err(ImageError::Truncated { .. })),
                "{length}: {result:?}"
            );
        }
    }

    #[test]
    fn compressed_data_cut_off_anywhere_is_refused() {
        let file = gzip(&[7; 10_000]);
        for length in 3..file.len() {
            let result = unpacked(&file[..length], MIB);
            assert_eq!(result, Err(ImageError::CompressedShort), "{length}");
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let mut file = gzip(b"kernel");
        let checksum = file.len() - 8;
        file[checksum] ^= 1;
        let result = unpacked(&file, MIB);
        assert!(
            matches!(result, Err(ImageError::CompressedDamaged(_))),
            "{result:?}"
        );
    }

    #[test]
    fn a_bomb_stops_at_the_size_of_ram() {
        let bomb = gzip(&vec![0; 4 << 20]);
        assert!(bomb.len() < 8 << 10);
        let result = unpacked(&bomb, MIB);
        assert_eq!(result, Err(ImageError::Unpacked { most: MIB }));
        assert_eq!(unpacked(&bomb, 4 * MIB).unwrap().len(), 4 << 20);
    }

    #[test]
    fn a_bomb_stops_at_512_mib_however_much_ram_there_is() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let piece = vec![0; 1 << 20];
        (0..513).for_each(|_| encoder.write_all(&piece).unwrap());
        let bomb = encoder.finish().unwrap();
        let result = unpacked(&bomb, 64 << 30);
        assert_eq!(result, Err(ImageError::Unpacked { most: 512 << 20 }));
    }
}
