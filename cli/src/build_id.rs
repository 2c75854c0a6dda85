//! The sources this program was built from, as a constant and as a marker in its data.

use vambrace_lab::build_id::BuildId;

/// The id that the build script computed.
pub(crate) const BUILD_ID: BuildId = match BuildId::parse(env!("VAMBRACE_BUILD_ID").as_bytes()) {
    Some(id) => id,
    None => panic!("the build script writes sixteen hexadecimal digits"),
};

/// The id of the program at EL2 that belongs to this one.
pub(crate) const EL2_BUILD_ID: BuildId =
    match BuildId::parse(env!("VAMBRACE_EL2_BUILD_ID").as_bytes()) {
        Some(id) => id,
        None => panic!("the build script writes sixteen hexadecimal digits"),
    };

/// What [`BuildId::find`] looks for, in a program that cannot be run here.
#[used]
static MARKER: &str = concat!("vambrace-build-id=", env!("VAMBRACE_BUILD_ID"), ";");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marker_names_the_id() {
        assert_eq!(BuildId::find(MARKER.as_bytes()), Some(BUILD_ID));
    }
}
