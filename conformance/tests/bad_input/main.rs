//! Bad input: a clear error at once, before any host is started, and nothing lost.

mod command_line;
mod elf;
mod images;
