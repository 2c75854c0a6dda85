//! What was recorded of the lab's hosts, as it stands in the tree: `hosts/`.
//!
//! Nothing here asks a host. A file that is missing or wrong is an error of this repository's, so it
//! ends the program.

use std::fs;
use std::path::PathBuf;

use vambrace_core::contract::HostProfile;
use vambrace_formats::profile::ProfileFile;

use crate::matrix::{Place, Profiles};

/// A file of the folder.
#[must_use]
pub fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "hosts", name].iter().collect()
}

/// The profiles of these hosts.
///
/// # Panics
///
/// One is missing or cannot be read.
#[must_use]
pub fn profiles(places: impl IntoIterator<Item = Place>) -> Profiles {
    let read = |place: Place| {
        let path = file(&place.file_name());
        let bytes = fs::read(&path);
        let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let profile = ProfileFile::read(&bytes);
        let profile = profile.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (place, profile)
    };
    places.into_iter().map(read).collect()
}

/// All of them.
///
/// # Panics
///
/// One is missing or cannot be read.
#[must_use]
pub fn every() -> Profiles {
    profiles([Place::every(), Place::others()].concat())
}

/// What was probed of all of them, without their names.
///
/// # Panics
///
/// One is missing or cannot be read.
#[must_use]
pub fn hosts() -> Vec<HostProfile> {
    let files = every().into_values();
    files.map(|file| file.profile).collect()
}
