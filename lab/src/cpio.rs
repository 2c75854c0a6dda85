//! The initramfs: an archive in cpio's "newc" form.
//!
//! Linux unpacks it over its root file system before it starts `/init`. Each entry is a header of
//! thirteen numbers in eight hexadecimal digits each behind the magic `070701`, a name that ends in
//! a zero byte, and the content; name and content are padded to four bytes. The entry
//! `TRAILER!!!` ends the archive. Linux makes no directory by itself, so parents are written
//! before what is in them. (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

/// An archive being written, in order.
#[derive(Debug)]
pub struct Archive<W> {
    writer: W,
    written: u64,
    inode: u32,
    directories: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    /// An empty archive that goes to `writer`.
    pub fn new(writer: W) -> Self {
        Self {
            writer,
            written: 0,
            inode: 0,
            directories: BTreeSet::new(),
        }
    }

    /// Adds a directory and those above it, unless they are there already.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn directory(&mut self, path: &str) -> io::Result<()> {
        let path = path.trim_matches('/');
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends {
            let directory = &path[..end];
            if !directory.is_empty() && self.directories.insert(directory.to_owned()) {
                self.entry(directory, DIRECTORY | 0o755, 0)?;
            }
        }
        Ok(())
    }

    /// Adds a file of `length` bytes read from `content`, with the permission bits of `mode`.
    ///
    /// # Errors
    /// What reader and writer report; [`io::ErrorKind::InvalidInput`] for a file of 4 GiB or more;
    /// [`io::ErrorKind::UnexpectedEof`] if the content is shorter than `length` (it changed under us).
    pub fn file(
        &mut self,
        path: &str,
        mode: u32,
        length: u64,
        content: &mut impl Read,
    ) -> io::Result<()> {
        let size = u32::try_from(length).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a file of 4 GiB or more does not fit",
            )
        })?;
        self.parent(path)?;
        self.entry(path, REGULAR | (mode & 0o7777), size)?;
        let copied = io::copy(&mut content.take(length), &mut self.writer)?;
        if copied != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.written += copied;
        self.pad()
    }

    /// Adds a symbolic link at `path` that points to `target`.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn symlink(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.parent(path)?;
        let length = u32::try_from(target.len()).map_err(io::Error::other)?;
        self.entry(path, SYMLINK | 0o777, length)?;
        self.put(target.as_bytes())?;
        self.pad()
    }

    /// Ends the archive and hands back the writer.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn finish(mut self) -> io::Result<W> {
        self.inode = 0;
        self.entry("TRAILER!!!", 0, 0)?;
        self.writer.flush()?;
        Ok(self.writer)
    }

    fn parent(&mut self, path: &str) -> io::Result<()> {
        match path.trim_matches('/').rsplit_once('/') {
            Some((parent, _)) => self.directory(parent),
            None => Ok(()),
        }
    }

    fn entry(&mut self, path: &str, mode: u32, size: u32) -> io::Result<()> {
        let name = path.trim_matches('/');
        let name_size = u32::try_from(name.len() + 1).map_err(io::Error::other)?;
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        // inode, mode, owner, group, links, time, size, device, device of a node, name, checksum
        let fields = [
            self.inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0,
        ];
        self.inode += 1;
        self.put(b"070701")?;
        for field in fields {
            self.put(format!("{field:08X}").as_bytes())?;
        }
        self.put(name.as_bytes())?;
        self.put(b"\0")?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.writer.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        while !self.written.is_multiple_of(4) {
            self.put(b"\0")?;
        }
        Ok(())
    }
}

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(build: impl FnOnce(&mut Archive<Vec<u8>>) -> io::Result<()>) -> Vec<u8> {
        let mut archive = Archive::new(Vec::new());
        build(&mut archive).unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn an_empty_archive_is_the_trailer() {
        let expected = concat!(
            "070701",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000001",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "0000000B",
            "00000000",
            "TRAILER!!!\0\0\0\0"
        );
        assert_eq!(String::from_utf8(archive(|_| Ok(()))).unwrap(), expected);
    }

    #[test]
    fn a_file_in_a_directory_has_these_bytes() {
        let bytes = archive(|a| a.file("/d/f", 0o755, 5, &mut &b"hello"[..]));
        let text = String::from_utf8(bytes).unwrap();
        let directory = concat!(
            "070701", "00000000", "000041ED", "00000000", "00000000", "00000002", "00000000",
            "00000000", "00000000", "00000000", "00000000", "00000000", "00000002", "00000000",
            "d\0"
        );
        let file = concat!(
            "070701",
            "00000001",
            "000081ED",
            "00000000",
            "00000000",
            "00000001",
            "00000000",
            "00000005",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000004",
            "00000000",
            "d/f\0\0\0",
            "hello\0\0\0"
        );
        assert_eq!(&text[..112], directory);
        assert_eq!(&text[112..236], file);
        assert!(text[236..].starts_with("07070100000000"));
    }

    #[test]
    fn a_directory_is_written_once_and_before_its_children() {
        let bytes = archive(|a| {
            a.directory("a/b")?;
            a.directory("a")?;
            a.file("a/b/c", 0o644, 0, &mut io::empty())
        });
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.matches("070701").count(), 4);
        let (a, b, c) = (text.find("a\0"), text.find("a/b\0"), text.find("a/b/c\0"));
        assert!(a < b && b < c);
    }

    #[test]
    fn a_link_carries_its_target() {
        let text = String::from_utf8(archive(|a| a.symlink("bin/x", "/init"))).unwrap();
        assert!(text.contains("0000A1FF"));
        assert!(text.contains("bin/x\0/init\0\0\x00070701"));
    }

    #[test]
    fn content_shorter_than_promised_is_an_error() {
        let mut archive = Archive::new(Vec::new());
        let error = archive
            .file("f", 0o644, 10, &mut &b"short"[..])
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn content_longer_than_promised_is_cut_there() {
        let text =
            String::from_utf8(archive(|a| a.file("f", 0o644, 2, &mut &b"long"[..]))).unwrap();
        assert!(text.contains("f\0lo\0\x00070701"));
    }
}
