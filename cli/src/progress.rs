//! How far a fetch has come, told on standard error: a bar on a terminal, lines elsewhere.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use vambrace_lab::Progress;

/// Tells the steps of one fetch.
#[derive(Debug)]
pub(crate) struct Teller {
    what: String,
    bar: Option<ProgressBar>,
}

impl Teller {
    /// Tells about `what`.
    pub(crate) fn new(what: String) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(100);
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { what, bar }
    }

    /// Tells one event.
    pub(crate) fn tell(&mut self, progress: Progress<'_>) {
        match (progress, &self.bar) {
            (Progress::Step(step), Some(bar)) => {
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                    bar.set_style(style);
                }
                bar.set_position(0);
                bar.set_message(format!("{}: {step}", self.what));
            }
            (Progress::Percent(percent), Some(bar)) => {
                if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} [{bar:20}] {pos}%")
                {
                    bar.set_style(style);
                }
                bar.set_position(u64::from(percent));
            }
            (Progress::Step(step), None) => say(&format!("{}: {step}", self.what)),
            (Progress::Percent(_), None) => {}
        }
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Says a line on standard error, if anybody listens.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "vambrace: {line}");
}
