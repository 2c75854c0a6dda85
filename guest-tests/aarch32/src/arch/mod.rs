//! Everything that Rust cannot say: entry, vectors, calls, translation, system registers.
//!
//! All assembly of this crate is in this folder, and the rule next door holds here too: **no CPU reads
//! or writes RAM before its MMU and caches are on, except to fetch instructions.** With the MMU off,
//! data accesses are Strongly-ordered: they do not see the caches through which the monitor wrote
//! the image, must be aligned, and exclusives need not work at all (DDI0406, chapters A3 and B3).
//! So addresses come from `movw` and `movt`, never from a literal pool, and entry state is kept in
//! registers until the section table is on.

pub mod conduit;
pub mod entry;
pub mod it_block;
pub mod registers;
pub mod translation;
pub mod vectors;
