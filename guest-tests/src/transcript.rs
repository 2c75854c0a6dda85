//! The transcript: plain lines, the same on every run.
//!
//! What may differ from run to run is not printed, but named by its kind: `one CPU: SUCCESS`.

/// Writes a line of the transcript. On the boot CPU only: the others' order is chance.
#[macro_export]
macro_rules! line {
    ($($arguments:tt)*) => {
        $crate::console::write_line(::core::format_args!($($arguments)*))
    };
}
