//! What the tests run inside a lab host: one small behaviour for each first argument.
//!
//! It is compiled by the tests themselves, for the host's own target; it is no module of theirs.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio, abort, exit};
use std::thread::sleep;
use std::time::Duration;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bytes", code] => bytes(code.parse().unwrap()),
        ["tell", variable] => tell(variable),
        ["files", ref paths @ ..] => files(paths),
        ["echo"] => io::copy(&mut io::stdin(), &mut io::stdout()).map(|_| ()),
        ["flood", mebibytes] => flood(mebibytes.parse().unwrap()),
        ["abort"] => abort(),
        ["hang"] => hang(),
        ["leave"] => leave(),
        _ => panic!("the probe has no such behaviour: {arguments:?}"),
    }
}

/// Every byte on standard output, the same backwards on standard error.
fn bytes(code: i32) -> io::Result<()> {
    let all: Vec<u8> = (0..=255).collect();
    let reversed: Vec<u8> = (0..=255).rev().collect();
    io::stdout().write_all(&all)?;
    io::stdout().flush()?;
    io::stderr().write_all(&reversed)?;
    exit(code)
}

fn tell(variable: &str) -> io::Result<()> {
    let value = env::var(variable).unwrap_or_default();
    let directory = env::current_dir()?;
    let kvm = fs::metadata("/dev/kvm").is_ok();
    println!("{variable}={value} in {} kvm={kvm}", directory.display());
    Ok(())
}

/// Shows each file with its mode, then leaves `result` in the working directory.
fn files(paths: &[&str]) -> io::Result<()> {
    for path in paths {
        let mode = fs::metadata(path)?.permissions().mode() & 0o777;
        println!("{path} {mode:o} {:?}", fs::read(path)?);
    }
    fs::write("result", [0, 255, 10, 13])?;
    fs::set_permissions("result", fs::Permissions::from_mode(0o750))
}

fn flood(mebibytes: usize) -> io::Result<()> {
    let chunk = vec![b'x'; 1 << 20];
    let mut stdout = io::stdout().lock();
    (0..mebibytes).try_for_each(|_| stdout.write_all(&chunk))
}

fn hang() -> io::Result<()> {
    println!("hanging");
    io::stdout().flush()?;
    loop {
        sleep(Duration::from_secs(60));
    }
}

/// Ends at once, while a child of its own still has its streams.
fn leave() -> io::Result<()> {
    Command::new(env::current_exe()?)
        .arg("hang")
        .stdin(Stdio::null())
        .spawn()?;
    let mut line = [0; 8];
    io::stdin().read_exact(&mut line[..0])?;
    println!("left");
    Ok(())
}
