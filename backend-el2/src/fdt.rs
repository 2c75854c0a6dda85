//! A flattened device tree, read where it lies.
//!
//! A tree is walked once before it is believed: one that is damaged is refused as a whole. What is
//! read of it afterwards is there or it is not. Nothing is copied, and nothing can panic: what a
//! library would say then takes a tenth of the image. (Devicetree Specification v0.4, chapter 5)

use core::iter;

/// A node: its name, and what stands behind that in the tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    name: &'a [u8],
    content: Tokens<'a>,
}

/// The root of the tree in `blob`; `None` if that is no tree, or not a whole one.
#[must_use]
pub fn root(blob: &[u8]) -> Option<Node<'_>> {
    let cell = |index: usize| big_endian(blob.get(4 * index..)?.get(..4)?);
    let block = |start: usize, size: usize| {
        let [start, size] = [cell(start)?, cell(size)?];
        let start = blob.get(usize::try_from(start).ok()?..)?;
        start.get(..usize::try_from(size).ok()?)
    };
    if cell(0)? != MAGIC.into() || cell(6)? > VERSION.into() {
        return None;
    }
    let mut content = Tokens {
        structure: block(2, 9)?,
        names: block(3, 8)?,
    };
    if !content.are_whole() {
        return None;
    }
    match content.next()? {
        Token::Begin(name) => Some(Node { name, content }),
        Token::Property { .. } | Token::EndNode | Token::End => None,
    }
}

/// A number of one or two cells.
#[must_use]
pub fn big_endian(bytes: &[u8]) -> Option<u64> {
    match *bytes {
        [a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d]).into()),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

impl<'a> Node<'a> {
    /// Is this its name, whatever address stands behind it?
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        self.name.split(|byte| *byte == b'@').next() == Some(name.as_bytes())
    }

    /// The value of a property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&'a [u8]> {
        // A node's properties stand before the nodes in it (§5.4.2).
        let mut properties = self.content.map_while(|token| match token {
            Token::Property { name, value } => Some((name, value)),
            Token::Begin(_) | Token::EndNode | Token::End => None,
        });
        let (_, value) = properties.find(|(found, _)| *found == name.as_bytes())?;
        Some(value)
    }

    /// The nodes in it, in their order, without those in them.
    pub fn children(&self) -> impl Iterator<Item = Self> + use<'a> {
        let mut tokens = self.content;
        let mut depth = 0_u32;
        iter::from_fn(move || {
            loop {
                match tokens.next()? {
                    Token::Begin(name) => {
                        depth += 1;
                        if depth == 1 {
                            let content = tokens;
                            return Some(Self { name, content });
                        }
                    }
                    Token::EndNode => depth = depth.checked_sub(1)?,
                    Token::Property { .. } | Token::End => {}
                }
            }
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    Begin(&'a [u8]),
    Property { name: &'a [u8], value: &'a [u8] },
    EndNode,
    End,
}

/// What is left of the structure, and all names of properties.
#[derive(Debug, Clone, Copy)]
struct Tokens<'a> {
    structure: &'a [u8],
    names: &'a [u8],
}

impl<'a> Tokens<'a> {
    /// Does each node end, and then the tree?
    fn are_whole(mut self) -> bool {
        let mut depth = 0_u32;
        loop {
            match (self.next(), depth) {
                (Some(Token::Begin(_)), _) => depth += 1,
                (Some(Token::Property { .. }), 1..) => {}
                (Some(Token::EndNode), 1..) => depth -= 1,
                (Some(Token::End), 0) => return true,
                (_, _) => return false,
            }
        }
    }

    fn cell(&mut self) -> Option<u32> {
        let cell = self.structure.split_off(..4)?.first_chunk()?;
        Some(u32::from_be_bytes(*cell))
    }

    /// So many bytes, and those behind them up to the next cell.
    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let padded = length.checked_next_multiple_of(4)?;
        self.structure.split_off(..padded)?.get(..length)
    }

    fn property(&mut self) -> Option<Token<'a>> {
        let [length, name] = [self.cell()?, self.cell()?];
        let name = self.names.get(usize::try_from(name).ok()?..)?;
        Some(Token::Property {
            name: text(name)?,
            value: self.bytes(usize::try_from(length).ok()?)?,
        })
    }

    fn begin(&mut self) -> Option<Token<'a>> {
        let name = text(self.structure)?;
        self.bytes(name.len() + 1)?;
        Some(Token::Begin(name))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            return match self.cell()? {
                BEGIN_NODE => self.begin(),
                PROPERTY => self.property(),
                END_NODE => Some(Token::EndNode),
                END => Some(Token::End),
                NOP => continue,
                _ => None,
            };
        }
    }
}

/// What stands before the first zero byte.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    let length = bytes.iter().position(|byte| *byte == 0)?;
    bytes.get(..length)
}

pub(crate) const MAGIC: u32 = 0xd00d_feed;
/// Newer ones are read as well, unless they say that this reader cannot.
pub(crate) const VERSION: u32 = 17;
pub(crate) const BEGIN_NODE: u32 = 1;
pub(crate) const END_NODE: u32 = 2;
pub(crate) const PROPERTY: u32 = 3;
pub(crate) const NOP: u32 = 4;
pub(crate) const END: u32 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device_tree::Description;
    use crate::layout::Range;
    use dtoolkit::fdt::{Fdt, FdtNode};
    use dtoolkit::{Node as _, Property as _};

    fn blob() -> Vec<u8> {
        let description = Description {
            ram: Range::new(0x4000_0000, 0x800_0000).unwrap(),
            vcpus: 2,
            psci_version: 0x1_0001,
            arguments: Some("quiet"),
        };
        description.to_blob().unwrap().to_vec()
    }

    /// A header, these tokens, and the name `a`.
    fn tree(tokens: &[u32]) -> Vec<u8> {
        let structure = 4 * tokens.len() as u32;
        let header = [
            0xd00d_feed,
            0,
            40,
            40 + structure,
            0,
            17,
            16,
            0,
            2,
            structure,
        ];
        let cells = header.iter().chain(tokens);
        let mut blob: Vec<u8> = cells.flat_map(|cell| cell.to_be_bytes()).collect();
        blob.extend(b"a\0");
        blob
    }

    /// Looks at everything below a node; how many nodes that is.
    fn walk(node: Node<'_>) -> usize {
        assert_eq!(node.property("no property has this name"), None);
        1 + node.children().map(walk).sum::<usize>()
    }

    fn compare(ours: Node<'_>, theirs: &FdtNode<'_>) {
        assert_eq!(ours.name, theirs.name().as_bytes());
        for property in theirs.properties() {
            assert_eq!(ours.property(property.name()), Some(property.value()));
        }
        assert_eq!(ours.children().count(), theirs.children().count());
        for (ours, theirs) in ours.children().zip(theirs.children()) {
            compare(ours, &theirs);
        }
    }

    #[test]
    fn another_reader_finds_the_same() {
        let blob = blob();
        compare(root(&blob).unwrap(), &Fdt::new(&blob).unwrap().root());
        assert_eq!(walk(root(&blob).unwrap()), 11);
    }

    #[test]
    fn a_node_is_known_without_its_address() {
        let blob = blob();
        let cpus = |node: &Node<'_>| node.is_named("cpus");
        let cpus = root(&blob).unwrap().children().find(cpus).unwrap();
        let names: Vec<_> = cpus.children().map(|cpu| cpu.name).collect();
        assert_eq!(names, [b"cpu@0", b"cpu@1"]);
        assert!(cpus.children().all(|cpu| cpu.is_named("cpu")));
        assert!(!cpus.is_named("cpu"));
    }

    #[test]
    fn a_value_of_no_bytes_is_a_value() {
        let marked = tree(&[1, 0, 3, 0, 0, 2, 9]);
        assert_eq!(root(&marked).unwrap().property("a"), Some(&[][..]));
    }

    #[test]
    fn what_means_nothing_is_skipped() {
        let padded = tree(&[4, 1, 0, 4, 4, 2, 4, 9]);
        assert_eq!(root(&padded).map(walk), Some(1));
    }

    #[test]
    fn a_tree_that_does_not_end_is_refused() {
        for tokens in [
            &[][..],
            &[9],
            &[1, 0],
            &[1, 0, 9],
            &[1, 0, 2],
            &[1, 0, 2, 2, 9],
            &[1, 0, 5, 2, 9],
            &[3, 0, 0, 1, 0, 2, 9],
            &[1, 0, 3, 0, 2, 2, 9],
            &[1, 0, 3, u32::MAX, 0, 2, 9],
        ] {
            assert!(root(&tree(tokens)).is_none(), "{tokens:?}");
        }
    }

    #[test]
    fn what_only_a_newer_reader_understands_is_refused() {
        let mut blob = blob();
        blob[24..28].copy_from_slice(&18_u32.to_be_bytes());
        assert!(root(&blob).is_none());
    }

    #[test]
    fn no_byte_that_is_wrong_or_missing_can_cause_a_panic() {
        let blob = blob();
        for length in 0..blob.len() {
            assert!(root(&blob[..length]).is_none());
        }
        for place in 0..blob.len() {
            for value in [0, 3, 0xff] {
                let mut damaged = blob.clone();
                damaged[place] = value;
                let _ = root(&damaged).map(walk);
            }
        }
    }
}
