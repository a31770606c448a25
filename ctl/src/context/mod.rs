//! Contexts: the controllers that a person has logged in to, in a file of their own.
//!
//! `file` keeps them, `login` fills them for a `place`, and `list` shows them; `setup` creates the
//! first operator. Everything else gets one with [`chosen`].

mod entry;
mod file;
mod list;
mod login;
mod place;
mod setup;

pub(crate) use entry::{Context, Secret};
pub(crate) use list::{list, remove, use_one};
pub(crate) use login::{login, logout};
pub(crate) use setup::{new_password, setup};

use crate::error::Error;
use crate::suggest;
use agent_wire::json::quote;
use file::Contexts;

/// The variable that names a context, used without `--context`.
const VARIABLE: &str = "BASICAGENT_CONTEXT";

/// Returns the context `name`; without one, that of the variable, or the current one.
///
/// # Errors
/// [`Error::Usage`] if there is none.
pub(crate) fn chosen(name: Option<&str>) -> Result<Context, Error> {
    let contexts = Contexts::read()?;
    let name = chosen_name(&contexts, name).ok_or_else(|| {
        Error::usage(
            "no controller is chosen: use BasicAgentCtl login URL, or --controller URL with \
             --token-file FILE",
        )
    })?;
    contexts.find(&name)
}

/// Returns the name of the context that is meant.
fn chosen_name(contexts: &Contexts, name: Option<&str>) -> Option<String> {
    let variable = || std::env::var(VARIABLE).ok().filter(|name| !name.is_empty());
    name.map(str::to_owned).or_else(variable).or_else(|| contexts.current.clone())
}

impl Contexts {
    /// Returns a context by its name.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none of this name.
    fn find(&self, name: &str) -> Result<Context, Error> {
        match self.contexts.get(name) {
            Some(entry) => Ok(Context { name: name.to_owned(), entry: entry.clone() }),
            None => Err(self.unknown(name)),
        }
    }

    fn unknown(&self, name: &str) -> Error {
        let hint = suggest::nearest(name, self.contexts.keys().cloned());
        Error::usage(format!("there is no context \"{}\"{hint}", quote(name)))
    }
}
