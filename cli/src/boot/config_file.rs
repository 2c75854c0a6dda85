//! `--config` and `--dump-config`: the command's options as a TOML file.
//!
//! A key is an option's name, and its value what the command line would have, so there is nothing
//! that one can say and the other cannot. A file is turned into the words of a command line, before
//! those of the real one; what the options mean is decided in one place, by clap. What the real one
//! names has its say alone: of the same option, a list of it too, and of those that cannot stand
//! beside it, the file's is not taken. Paths in a file are relative to it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, ValueHint};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::console::FILE;
use crate::failure::Failure;

/// The options of `command` that the file at `path` says and `line` leaves to it, as words.
pub(super) fn read(
    path: &Path,
    command: &Command,
    line: &ArgMatches,
) -> Result<Vec<OsString>, Failure> {
    let failed =
        |reason: String| Failure::new(format!("cannot use `{}`: {reason}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let place = Place {
        folder,
        command,
        line,
    };
    place.words(&text).map_err(failed)
}

/// What was said on the command line itself, as words.
pub(super) fn words_of(line: &ArgMatches, command: &Command) -> Vec<OsString> {
    let mut words = Vec::new();
    for option in command
        .get_arguments()
        .filter(|option| is_said(option, line))
    {
        let (Some(name), Some(values)) =
            (option.get_long(), line.get_raw(option.get_id().as_str()))
        else {
            continue;
        };
        let takes_value = option
            .get_num_args()
            .is_some_and(|count| count.takes_values());
        if matches!(option.get_action(), ArgAction::SetTrue) && !takes_value {
            words.push(format!("--{name}").into());
            continue;
        }
        words.extend(values.map(|value| {
            let mut word = OsString::from(format!("--{name}="));
            word.push(value);
            word
        }));
    }
    words
}

fn is_said(option: &Arg, line: &ArgMatches) -> bool {
    line.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
}

/// Where a file is read.
struct Place<'a> {
    folder: &'a Path,
    command: &'a Command,
    line: &'a ArgMatches,
}

impl Place<'_> {
    fn words(&self, text: &str) -> Result<Vec<OsString>, String> {
        let Self {
            folder, command, ..
        } = *self;
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            format!("line {line}: {}", error.message())
        })?;
        let mut words = Vec::new();
        for (key, value) in table.get_ref() {
            let at = |reason: String| format!("line {}: {reason}", line_of(text, key.span().start));
            let name = key.get_ref();
            let option = options(command)
                .find(|option| option.get_long() == Some(name))
                .ok_or_else(|| at(unknown(name, command)))?;
            let said = Said {
                option,
                name,
                folder,
            };
            let said = said.words(value).map_err(at)?;
            if !self.gives_way(option) {
                words.extend(said);
            }
        }
        Ok(words)
    }

    /// Is this option, or one that cannot stand beside it, on the command line?
    fn gives_way(&self, option: &Arg) -> bool {
        let conflicts = |one: &Arg, other: &Arg| {
            let conflicts = self.command.get_arg_conflicts_with(one);
            conflicts
                .iter()
                .any(|found| found.get_id() == other.get_id())
        };
        let mut said = self
            .command
            .get_arguments()
            .filter(|said| is_said(said, self.line));
        said.any(|said| {
            said.get_id() == option.get_id() || conflicts(said, option) || conflicts(option, said)
        })
    }
}

/// An option, and the folder that its path starts from.
struct Said<'a> {
    option: &'a Arg,
    name: &'a str,
    folder: &'a Path,
}

impl Said<'_> {
    fn words(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<OsString>, String> {
        let name = self.name;
        match value.get_ref() {
            DeValue::Array(items) if matches!(self.option.get_action(), ArgAction::Append) => {
                items.iter().map(|item| self.word(item)).collect()
            }
            DeValue::Array(_) => Err("one value"),
            _ => self.word(value).map(|word| vec![word]),
        }
        .map_err(|expected: &str| format!("`{name}` is not {expected}"))
    }

    fn word(&self, value: &Spanned<DeValue<'_>>) -> Result<OsString, &'static str> {
        let text = match (value.get_ref(), is_flag(self.option)) {
            (DeValue::Boolean(truth), true) => truth.to_string(),
            (_, true) => return Err("true or false"),
            (DeValue::String(text), false) => text.to_string(),
            (DeValue::Integer(number), false) if number.radix() == 10 => {
                number.as_str().replace('_', "")
            }
            (_, false) => return Err("a text or a decimal number"),
        };
        let mut word = OsString::from(format!("--{}=", self.name));
        match (is_path(self.option), text.strip_prefix(FILE)) {
            (true, _) => word.push(self.folder.join(text)),
            (false, Some(path)) if leads_to_files(self.option) => {
                word.push(FILE);
                word.push(self.folder.join(path));
            }
            (false, _) => word.push(text),
        }
        Ok(word)
    }
}

/// What was said of `command`, by a file or by the command line, as a file.
pub(super) fn write(matches: &ArgMatches, command: &Command) -> Result<String, Failure> {
    let mut table = toml::Table::new();
    for option in options(command) {
        let id = option.get_id().as_str();
        let (Some(name), Some(values)) = (option.get_long(), matches.get_raw(id)) else {
            continue;
        };
        if matches.value_source(id) == Some(ValueSource::DefaultValue) {
            continue;
        }
        let mut values = values
            .map(|value| to_toml(option, Path::new(value)))
            .collect::<Result<Vec<_>, _>>()?;
        let value = match option.get_action() {
            ArgAction::Append => toml::Value::Array(values),
            _ => values.pop().expect("an option that was said has a value"),
        };
        table.insert(name.to_owned(), value);
    }
    Ok(table.to_string())
}

/// Paths are made absolute: whoever reads the file may be elsewhere.
fn to_toml(option: &Arg, value: &Path) -> Result<toml::Value, Failure> {
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map_err(|error| Failure::new(format!("cannot tell where we are: {error}")))
    };
    let behind = value.to_str().and_then(|text| text.strip_prefix(FILE));
    let value = match behind.filter(|_| leads_to_files(option)) {
        Some(path) => {
            let mut word = OsString::from(FILE);
            word.push(absolute(Path::new(path))?);
            PathBuf::from(word)
        }
        None if is_path(option) => absolute(value)?,
        None => value.to_owned(),
    };
    let Some(text) = value.to_str() else {
        return Err(Failure::new(format!(
            "`{}` cannot be written as TOML: it is not UTF-8",
            value.display()
        )));
    };
    Ok(match (is_flag(option), text.parse::<i64>()) {
        (true, _) => toml::Value::Boolean(text == "true"),
        (false, Ok(number)) if number.to_string() == text => toml::Value::Integer(number),
        (false, _) => toml::Value::String(text.to_owned()),
    })
}

/// What a file can say: every option that is about the machine.
fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|option| {
        let name = option.get_long();
        !option.is_hide_set() && name.is_some_and(|name| !NOT_IN_FILES.contains(&name))
    })
}

fn is_flag(option: &Arg) -> bool {
    let values = option.get_possible_values();
    values.len() == 2
        && values
            .iter()
            .all(|value| value.matches("true", false) || value.matches("false", false))
}

fn is_path(option: &Arg) -> bool {
    option.get_value_hint() == ValueHint::AnyPath
}

/// Is `file=` before a path one of its values?
fn leads_to_files(option: &Arg) -> bool {
    option.get_long() == Some("console")
}

fn unknown(name: &str, command: &Command) -> String {
    let mut names: Vec<_> = options(command).filter_map(Arg::get_long).collect();
    names.sort_unstable();
    format!("`{name}` is no option: there are {}", names.join(", "))
}

/// Counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

/// Options about this one call of the command.
const NOT_IN_FILES: [&str; 5] = ["config", "dump-config", "dump-dtb", "json", "help"];

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::super::{Arguments, Line};
    use super::*;

    fn read_of(text: &str) -> Result<Vec<OsString>, String> {
        read_beside(text, &["--config=f"])
    }

    fn read_beside(text: &str, line: &[&str]) -> Result<Vec<OsString>, String> {
        let command = Line::command();
        let line = command.clone().get_matches_from([&["boot"], line].concat());
        let place = Place {
            folder: Path::new("/machines"),
            command: &command,
            line: &line,
        };
        place.words(text)
    }

    #[test]
    fn what_the_command_line_names_is_not_taken_from_the_file() {
        let beside = |text: &str, line: &str| read_beside(text, &["--config=f", line]).unwrap();
        assert_eq!(
            beside("disk = [\"a\", \"b\"]\ncpus = 2", "--disk=c"),
            ["--cpus=2"]
        );
        assert_eq!(beside("kernel = \"k\"\ncpus = 2", "--bios=b"), ["--cpus=2"]);
        assert_eq!(beside("bios = \"b\"\ncpus = 2", "--kernel=k"), ["--cpus=2"]);
        for line in ["--firmware=core", "--with=trng"] {
            assert_eq!(beside("contract = \"c\"\ncpus = 2", line), ["--cpus=2"]);
        }
        assert_eq!(
            beside("psci = \"1.0\"\ncpus = 2", "--contract=c"),
            ["--cpus=2"]
        );
    }

    #[test]
    fn the_console_may_be_a_file_beside_the_file() {
        let words = read_of("console = \"file=log\"").unwrap();
        assert_eq!(words, ["--console=file=/machines/log"]);
        assert_eq!(read_of("console = \"pty\"").unwrap(), ["--console=pty"]);
        let here = std::env::current_dir().unwrap();
        let text = dumped(&["--kernel=/k", "--console=file=log"]);
        let expected = format!("console = \"file={}\"", here.join("log").display());
        assert!(text.contains(&expected), "{text}");
    }

    #[test]
    fn a_list_is_only_for_what_may_be_said_often() {
        let error = read_of("cpus = [1, 2]").unwrap_err();
        assert_eq!(error, "line 1: `cpus` is not one value");
        assert!(read_of("disk = [\"a\", \"b\"]").is_ok());
    }

    #[test]
    fn the_command_line_is_known_by_what_it_said() {
        let command = Line::command();
        let said = [
            "--bios=b",
            "--json",
            "--no-reboot",
            "--disk=a",
            "--disk=c,readonly",
        ];
        let line = command
            .clone()
            .get_matches_from([&["boot"], &said[..]].concat());
        let mut words = words_of(&line, &command);
        words.sort();
        let expected = [
            "--bios=b",
            "--disk=a",
            "--disk=c,readonly",
            "--json",
            "--no-reboot=true",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn a_file_says_what_the_command_line_would() {
        let text = "kernel = \"vmlinuz\"\ncpus = 4\nmemory = \"1G\"\nwith = [\"trng\", \"pv-time\"]\n\
                    no-reboot = true\nappend = \"quiet\"\n";
        let mut words = read_of(text).unwrap();
        words.sort();
        assert_eq!(
            words,
            [
                "--append=quiet",
                "--cpus=4",
                "--kernel=/machines/vmlinuz",
                "--memory=1G",
                "--no-reboot=true",
                "--with=pv-time",
                "--with=trng"
            ]
        );
    }

    #[test]
    fn an_absolute_path_stays() {
        let words = read_of("initrd = \"/boot/initrd\"").unwrap();
        assert_eq!(words, ["--initrd=/boot/initrd"]);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error = read_of("cpus = 1\n\nkernal = \"x\"\n").unwrap_err();
        assert!(
            error.starts_with("line 3: `kernal` is no option: there are append, balloon, bios,"),
            "{error}"
        );
        for call in [
            "config",
            "dump-config",
            "dump-dtb",
            "json",
            "help",
            "called",
        ] {
            assert!(read_of(&format!("{call} = true")).is_err(), "{call}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_with_its_line() {
        for (text, expected) in [
            (
                "cpus = 1.5",
                "line 1: `cpus` is not a text or a decimal number",
            ),
            (
                "\nno-reboot = \"yes\"",
                "line 2: `no-reboot` is not true or false",
            ),
            (
                "[cpus]\nn = 1",
                "line 1: `cpus` is not a text or a decimal number",
            ),
            ("cpus =", "line 1: "),
            ("cpus = 1\ncpus = 2", "line 2: "),
        ] {
            let error = read_of(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    fn dumped(words: &[&str]) -> String {
        let command = Line::command();
        let matches = command
            .clone()
            .get_matches_from([&["boot"], words].concat());
        Arguments::from_arg_matches(&matches).unwrap();
        write(&matches, &command).unwrap()
    }

    #[test]
    fn what_is_dumped_is_read_back() {
        let words = [
            "--kernel=/k",
            "--cpus=4",
            "--memory=1G",
            "--with=trng",
            "--no-reboot",
        ];
        let text = dumped(&words);
        assert!(
            text.contains("cpus = 4\n") && text.contains("no-reboot = true\n"),
            "{text}"
        );
        let again: Vec<_> = read_of(&text).unwrap();
        let again: Vec<_> = again.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(dumped(&again), text);
    }

    #[test]
    fn what_was_not_said_is_not_dumped() {
        assert_eq!(dumped(&["--kernel=/k"]), "kernel = \"/k\"\n");
    }

    #[test]
    fn a_relative_path_is_dumped_as_an_absolute_one() {
        let here = std::env::current_dir().unwrap();
        let expected = format!("kernel = \"{}\"\n", here.join("k").display());
        assert_eq!(dumped(&["--kernel=k"]), expected);
    }
}
