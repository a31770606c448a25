//! A configuration with everything that is wrong in it, for `--check-config`.

use super::file::{DEFAULT_PATH, text};
use super::text::{Fault, Read, line_of, read};
use super::{Config, Error};
use std::path::{Path, PathBuf};

/// A configuration, as far as it could be understood.
#[derive(Debug)]
pub(crate) struct Examined {
    /// The settings of the file, without the faulty ones.
    pub(crate) config: Config,
    /// The faults, each with file and line.
    pub(crate) problems: Vec<String>,
    path: PathBuf,
    text: String,
}

impl Examined {
    /// Reads the file of [`Config::load`] and applies `override_keys`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn load(
        path: Option<&Path>,
        override_keys: impl FnOnce(&mut Config),
    ) -> Result<Self, Error> {
        let text = match (path, text(path.unwrap_or(Path::new(DEFAULT_PATH)))) {
            (None, Err(Error::Read { source, .. })) if source.is_missing() => String::new(),
            (_, text) => text?,
        };
        let path = path.unwrap_or(Path::new(DEFAULT_PATH)).to_owned();
        let Read { value: config, mut faults, .. } = read::<Config>(&text);
        faults.sort_by_key(|fault| fault.line);
        let place = |Fault { line, why }| format!("{}:{line}: {why}", path.display());
        let problems: Vec<String> = faults.into_iter().map(place).collect();
        let mut config = config.unwrap_or_default();
        override_keys(&mut config);
        let checked = config.check();
        let mut examined = Self { config, problems, path, text };
        let checked = checked.iter().map(|error| examined.placed(error.to_string()));
        let checked: Vec<String> = checked.collect();
        examined.problems.extend(checked);
        Ok(examined)
    }

    /// Puts file and line before a problem that begins with a key, `exec.shell: …`, which the file
    /// sets.
    pub(crate) fn placed(&self, problem: String) -> String {
        let key = problem.split(": ").next().unwrap_or_default();
        match line_of(&self.text, key) {
            Some(line) => format!("{}:{line}: {problem}", self.path.display()),
            None => problem,
        }
    }
}
