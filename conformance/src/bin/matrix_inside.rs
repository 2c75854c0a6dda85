//! `matrix_inside GUEST QUESTIONS ANSWERS`: answers a file's questions on this machine's kernel.
//!
//! `matrix` sends it into every host. A question is a line and so is its answer, in the same order.
//! What cannot be tried is an answer too, so the exit code is not 0 only if there are no answers.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use vambrace_conformance::matrix::{Question, answer};
use vambrace_kvm::sys;

/// Tries contracts, registers and guests on this machine's KVM
#[derive(Debug, Parser)]
#[command(name = "matrix_inside")]
struct Arguments {
    /// The guest that prints what it reads
    guest: PathBuf,
    /// A question a line
    questions: PathBuf,
    /// Where the answers go
    answers: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("matrix_inside: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let read = |path: &PathBuf| {
        fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    let guest = read(&arguments.guest)?;
    let questions = read(&arguments.questions)?;
    let host = sys::open().map_err(|error| error.to_string())?;
    let mut answers = String::new();
    for line in String::from_utf8_lossy(&questions).lines() {
        let question: Question =
            serde_json::from_str(line).map_err(|error| format!("not a question: {error}"))?;
        let answer = answer(&host, &guest, &question);
        answers += &serde_json::to_string(&answer).map_err(|error| error.to_string())?;
        answers.push('\n');
    }
    fs::write(&arguments.answers, answers)
        .map_err(|error| format!("cannot write {}: {error}", arguments.answers.display()))
}
