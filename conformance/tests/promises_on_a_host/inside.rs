//! What the tests run inside a lab host: `vambrace`, once for each line of a file.
//!
//! A line has its arguments, with one space between them. What comes of each goes to standard
//! output: the exit code and two lengths in a line, then standard output and standard error.
//!
//! It is compiled by the tests themselves, for the host's own target; it is no module of theirs.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

fn main() -> io::Result<()> {
    let list = env::args().nth(1).expect("the list of commands is named");
    let mut told = io::stdout().lock();
    for line in fs::read_to_string(list)?.lines() {
        let mut command = Command::new("/bin/vambrace");
        command.args(line.split(' ')).stdin(Stdio::null());
        let Output {
            status,
            stdout,
            stderr,
        } = command.output()?;
        let code = status.code().unwrap_or(-1);
        writeln!(told, "{code} {} {}", stdout.len(), stderr.len())?;
        told.write_all(&stdout)?;
        told.write_all(&stderr)?;
    }
    Ok(())
}
