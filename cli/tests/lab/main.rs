//! `vambrace lab` as a user meets it: the real program, real hosts, and bad input.
//!
//! The tests want QEMU, the default kernel and the compiler's musl target, which
//! `cargo xtask setup` installs; without them they fail.

mod bad_input;
mod driver;
mod endings;
mod memory_files;
mod passing;
