//! The text of every file that git tracks or would track.

use anyhow::{Context, Result};
use std::fmt;

use super::rust_text::RustText;
use crate::process;
use crate::workspace::Workspace;

/// The files of a checkout.
#[derive(Debug)]
pub(super) struct Tree {
    files: Vec<File>,
}

#[derive(Debug)]
pub(super) struct File {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// Code and comments told apart, if the file is Rust.
    rust: Option<RustText>,
}

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) path: String,
    /// Counted from 1; 0 is the file as a whole.
    pub(super) line: usize,
    /// What is wrong, and what to do about it.
    pub(super) message: String,
}

impl Tree {
    pub(super) fn load(workspace: &Workspace) -> Result<Self> {
        let mut list = workspace.command("git");
        // The checkout may belong to another user than the one who tests it.
        list.arg("-c")
            .arg(format!("safe.directory={}", workspace.root.display()));
        list.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let list =
            process::output(list).context("cannot ask git for the files of this checkout")?;
        let mut files = Vec::new();
        for path in list.split_terminator('\0') {
            let file = workspace.root.join(path);
            // What is deleted but not yet committed is still in git's list. What parsers are fed
            // is wrong on purpose.
            if !file.is_file() || path.starts_with(FUZZ_CORPUS) {
                continue;
            }
            let bytes =
                std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            // The rules are about text; golden files and the like are not.
            if let Ok(text) = String::from_utf8(bytes) {
                files.push(File::new(path, text));
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(path, text)| File::new(path, (*text).to_owned()));
        Self {
            files: files.collect(),
        }
    }

    pub(super) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Every Rust file, with its code and its comments told apart.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&File, &RustText)> {
        self.files()
            .filter_map(|file| Some((file, file.rust.as_ref()?)))
    }
}

impl File {
    fn new(path: &str, text: String) -> Self {
        let rust = path.ends_with(".rs").then(|| RustText::of(&text));
        Self {
            path: path.to_owned(),
            text,
            rust,
        }
    }

    /// A finding at a line, counted from 1.
    pub(super) fn at(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }

    /// A finding about the file as a whole.
    pub(super) fn finding(&self, message: impl Into<String>) -> Finding {
        self.at(0, message)
    }

    /// Whether the file holds nothing but tests.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Whether the file is in a folder or below it.
    pub(super) fn is_in(&self, folder: &str) -> bool {
        self.path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

impl Finding {
    /// A finding about a file that is not there.
    pub(super) fn missing(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: 0,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// The inputs that fuzzing begins with.
const FUZZ_CORPUS: &str = "fuzz/corpus/";
