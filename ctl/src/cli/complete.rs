//! The flags of `complete`, which the shells' completions call.

use super::account::context_name;
use crate::client::{Ca, Choice, Controller, ca};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The flags of `complete`.
#[derive(Debug, Args)]
pub(crate) struct Complete {
    /// The kind of value to complete
    #[arg(value_enum)]
    pub(crate) kind: Kind,
    /// The beginning of the word
    #[arg(allow_hyphen_values = true)]
    pub(crate) begin: String,
    /// The words of the line, which choose the controller
    #[arg(last = true)]
    words: Vec<String>,
}

/// The kinds of values that can be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The id of a host, or a list of them.
    Hosts,
    /// The labels of a selector.
    Labels,
}

impl Complete {
    /// Returns the controller that the line names, or the current context's; `None` if the line is
    /// wrong about it.
    pub(crate) fn controller(&self) -> Option<Controller> {
        let value = |flag: &str| {
            let joined =
                |word: &String| word.strip_prefix(flag)?.strip_prefix('=').map(str::to_owned);
            let next = || {
                let at = self.words.iter().position(|word| word == flag)?;
                self.words.get(at + 1).cloned()
            };
            self.words.iter().find_map(joined).or_else(next)
        };
        let choice = match value("--controller") {
            Some(url) => Choice::Flags {
                url,
                token_file: value("--token-file").map(PathBuf::from),
                ca: value("--ca").map_or(Ok(Ca::System), |text| ca(&text)).ok()?,
            },
            None => {
                Choice::Context(value("--context").as_deref().map(context_name).transpose().ok()?)
            }
        };
        Some(Controller::new(choice))
    }
}
