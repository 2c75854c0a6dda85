//! Threads with stacks of the size that they need.
//!
//! Where every mapping may have huge pages, the 2 MiB that Rust gives a thread can be one: its first push
//! would clear all of it and keep it in memory. A quarter of that can be none, and is a hundred times what
//! any thread of a machine has been seen to use.

use std::thread::Builder;

/// A thread to be, with its name.
pub fn named(name: impl Into<String>) -> Builder {
    Builder::new().name(name.into()).stack_size(STACK)
}

const STACK: usize = 512 << 10;
