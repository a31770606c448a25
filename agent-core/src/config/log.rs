//! `[log]`: the level and the place of the log.

use super::{Error, value};
use log::LevelFilter;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use std::path::PathBuf;

/// The `[log]` section.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// The lowest severity that is logged.
    pub(crate) level: Level,
    /// The log file; `None`: standard error.
    pub(crate) file: Option<PathBuf>,
}

/// `off`, `error`, `warn`, `info`, `debug` or `trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(pub(crate) LevelFilter);

impl LogSettings {
    pub(super) fn check(&self, found: &mut Vec<Error>) {
        found.extend(self.file.iter().filter_map(|file| value::absolute("log.file", file)));
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: Level(LevelFilter::Info), file: None }
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            D::Error::custom(
                "log.level must be \"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
            )
        })
    }
}
