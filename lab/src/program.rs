//! The arm64 program that becomes a lab host's init.

use std::path::{Path, PathBuf};

use crate::build_id::BuildId;
use crate::error::Error;

/// A static arm64 `vambrace`, with the build id its marker names.
#[derive(Clone)]
pub struct Program {
    path: PathBuf,
    image: Vec<u8>,
    build_id: BuildId,
}

impl Program {
    /// The one at `path`.
    ///
    /// # Errors
    /// It cannot be read, is not a static arm64 program, or carries no marker of ours.
    pub fn open(path: &Path) -> Result<Self, Error> {
        crate::executable::check(path)?;
        let image = std::fs::read(path).map_err(|source| Error::File {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let build_id = BuildId::find(&image).ok_or_else(|| Error::NotExecutable {
            path: path.to_owned(),
            reason: "it is not a vambrace (it carries no build id)".into(),
        })?;
        Ok(Self {
            path: path.to_owned(),
            image,
            build_id,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The sources it was built from.
    #[must_use]
    pub fn build_id(&self) -> BuildId {
        self.build_id
    }

    pub(crate) fn image(&self) -> &[u8] {
        &self.image
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program")
            .field("path", &self.path)
            .field("build_id", &self.build_id)
            .finish_non_exhaustive()
    }
}
