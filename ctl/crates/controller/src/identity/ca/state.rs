//! `state.json`: which authority signs, which one comes or goes, and the version of the bundle.
//!
//! Each step of a rotation first writes the files it needs and then replaces this one; so a crash
//! leaves the step done or not begun.

use crate::error::Error;
use crate::files::{self, Access};
use fleet::Digest;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name.
pub(super) const FILE: &str = "state.json";

/// What an authority beside the active one is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Hosts learn to trust it; it signs nothing yet.
    Coming,
    /// Hosts are getting certificates of the active one instead.
    Going,
}

/// The authority beside the active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Other {
    /// Its number, which is its directory's name.
    pub(crate) number: u32,
    /// Whether it comes or goes.
    pub(crate) phase: Phase,
}

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The number of the authority that signs.
    pub(crate) active: u32,
    /// The authority that comes or goes.
    pub(crate) other: Option<Other>,
    /// The newest authority's number; none is used twice.
    pub(super) last: u32,
    /// Grows with each change that hosts have to follow: of the bundle, or of who signs.
    pub(crate) version: u64,
    /// The version since which the bundle is as it is.
    pub(crate) bundle_version: u64,
    /// The SHA-256 of that bundle, in hex.
    pub(super) digest: String,
    /// Since when the active authority signs, in seconds since 1970.
    pub(crate) since: u64,
}

impl State {
    /// Starts with the first authority.
    pub(super) fn first(now: u64) -> Self {
        Self {
            active: 1,
            other: None,
            last: 1,
            version: 0,
            bundle_version: 0,
            digest: String::new(),
            since: now,
        }
    }

    /// Reads the file; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn load(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = files::read(&path, Access::Private)?;
        serde_json::from_slice(&text).map(Some).map_err(Error::content(path))
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn save(&self, dir: &Path) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(self).expect("plain fields go to memory");
        files::replace(&dir.join(FILE), &text, files::PRIVATE)?;
        files::sync_dir(dir)
    }

    /// Counts a bundle that differs from the one before it as a new version; returns whether it
    /// does.
    pub(super) fn note_bundle(&mut self, bundle: &str) -> bool {
        let digest = Digest::of(bundle.as_bytes()).to_string();
        let differs = digest != self.digest;
        if differs {
            self.version += 1;
            self.bundle_version = self.version;
            self.digest = digest;
        }
        differs
    }
}
