//! The matrix: preflight's verdicts from files alone, against what every host's kernel then does.
//!
//! Prints every disagreement, how much was compared, and the figure: from where to where a guest can
//! move. The exit code is 1 if there is a disagreement, a pair that is undecided, or a host that
//! could not be asked.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use vambrace_conformance::matrix::{
    Answers, Figure, Outcome, Place, Plan, Profiles, Record, Trial, ask, emulator, probe, with_each,
};
use vambrace_formats::profile::ProfileFile;

/// Holds preflight's verdicts against real kernels
#[derive(Debug, Parser)]
#[command(name = "matrix")]
struct Arguments {
    /// These hosts only, each KERNEL:CPU[:OPTION…], with blanks between them [default: four kernels on
    /// nine CPUs, and six hosts that no rule was made on]
    #[arg(long, value_name = "HOST", num_args = 1.., conflicts_with = "few")]
    hosts: Vec<Place>,
    /// Eleven hosts that together give every kind of reason
    #[arg(long)]
    few: bool,
    /// How many hosts are up at a time
    #[arg(long, value_name = "N", default_value_t = 2)]
    jobs: usize,
    /// Where the profiles and the result go
    #[arg(long, value_name = "FOLDER")]
    output: PathBuf,
    /// Take the profiles that are there already, and probe only hosts without one
    #[arg(long)]
    keep_profiles: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(Finished::Agrees) => ExitCode::SUCCESS,
        Ok(Finished::Disagrees) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("matrix: {reason}");
            ExitCode::FAILURE
        }
    }
}

enum Finished {
    Agrees,
    Disagrees,
}

fn run(arguments: &Arguments) -> Result<Finished, String> {
    let begun = Instant::now();
    let places = arguments.places();
    let folder = &arguments.output;
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let said = |what: &'static str| {
        move |done: usize, of: usize, place: &Place| {
            eprintln!(
                "{:>4} s  {what} {done} of {of}: {place}",
                begun.elapsed().as_secs()
            );
        }
    };
    let profiles = arguments.profiles(&places, said("probed"))?;
    let plan = Plan::new(&profiles);
    let trials: BTreeMap<_, _> = places
        .iter()
        .map(|place| (place, Trial::of(place, &plan, &profiles)))
        .collect();
    println!(
        "{} hosts, {} contracts of hosts, pairs and fleets, {} questions",
        places.len(),
        plan.contracts().count(),
        trials
            .values()
            .map(|trial| trial.questions().len())
            .sum::<usize>()
    );
    let asked = |place: &Place| {
        let trial = &trials[place];
        Ok(Answers::new(trial, ask(place, trial.questions())?))
    };
    let said = said("asked");
    let all = places.len();
    let answers = with_each(&places, arguments.jobs, asked, |done, place| {
        said(done, all, place);
    })?;
    let outcome = Outcome::new(&plan, &profiles, &answers);
    let figure = Figure::new(&plan, &profiles, &answers);
    for finding in &outcome.findings {
        println!("DISAGREEMENT {finding}");
    }
    for fleet in plan.fleets() {
        println!("{fleet}");
    }
    println!("{}\n{figure}", outcome.tally);
    let record = Record::new(emulator()?, &profiles, &outcome, &figure);
    println!("{}", record.made_with());
    let file = folder.join(RESULT);
    fs::write(&file, record.to_json()).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("disagreements: {}", outcome.findings.len());
    match (outcome.findings.len(), figure.undecided().count()) {
        (0, 0) => Ok(Finished::Agrees),
        _ => Ok(Finished::Disagrees),
    }
}

impl Arguments {
    fn places(&self) -> Vec<Place> {
        match (self.few, self.hosts.is_empty()) {
            (true, _) => Place::few(),
            (false, false) => self.hosts.clone(),
            (false, true) => [Place::every(), Place::others()].concat(),
        }
    }

    fn profiles(
        &self,
        places: &[Place],
        said: impl Fn(usize, usize, &Place) + Sync,
    ) -> Result<Profiles, String> {
        let made = |place: &Place| {
            let file = self.output.join(place.file_name());
            if !(self.keep_profiles && file.exists()) {
                probe(place, &file)?;
            }
            read(&file)
        };
        let all = places.len();
        with_each(places, self.jobs, made, |done, place| {
            said(done, all, place);
        })
    }
}

fn read(file: &Path) -> Result<ProfileFile, String> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    ProfileFile::read(&bytes).map_err(|error| format!("{}: {error}", file.display()))
}

const RESULT: &str = "result.json";
