//! The profiles of the lab's hosts, as they are in the tree.

use std::path::Path;

use vambrace_conformance::matrix::Place;
use vambrace_core::contract::HostProfile;
use vambrace_formats::profile::ProfileFile;

/// All of them.
///
/// # Panics
///
/// One is missing or cannot be read.
pub(crate) fn profiles() -> Vec<HostProfile> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts");
    let profile = |place: Place| {
        let file = folder.join(place.file_name());
        let bytes = std::fs::read(&file);
        let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let read = ProfileFile::read(&bytes);
        let read = read.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        read.profile
    };
    let places = Place::every().into_iter().chain(Place::others());
    places.map(profile).collect()
}
