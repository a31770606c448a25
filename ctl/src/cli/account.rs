//! The flags of `login`, `logout`, `setup` and `context`.

use super::number::whole;
use crate::client::Ca;
use crate::print::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The longest life of an API token, in days.
const MAX_DAYS: u64 = 3650;

/// Where a password comes from.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// Read the password from this file instead of the terminal
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    pub(crate) password_file: Option<PathBuf>,

    /// Read the password from standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

impl Password {
    /// Returns whether a person types it.
    pub(crate) fn is_typed(&self) -> bool {
        self.password_file.is_none() && !self.password_stdin
    }
}

/// The flags of `login`.
#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The controller's API, https://HOST:PORT [default: the context's]
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,

    /// The operator's name [default: asked for]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) password: Password,

    /// Days until the token expires, 1 to 3650 [default: 30]
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub(crate) days: Option<u32>,

    #[arg(skip)]
    pub(crate) context: Option<String>,
    #[arg(skip)]
    pub(crate) ca: Option<Ca>,
    #[arg(skip)]
    pub(crate) token_file: Option<PathBuf>,
}

/// The flags of `logout`.
#[derive(Debug)]
pub(crate) struct Logout {
    pub(crate) context: Option<String>,
}

/// The flags of `setup`.
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The link that the controller printed at its first start
    #[arg(value_name = "LINK")]
    pub(crate) link: String,

    /// The name of the first operator [default: asked for]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) password: Password,

    #[arg(skip)]
    pub(crate) ca: Option<Ca>,
}

/// The subcommands of `context`.
#[derive(Debug, Subcommand)]
pub(crate) enum Contexts {
    /// List the contexts; a star marks the current one
    List(Output),
    /// Make a context the current one
    Use(ContextName),
    /// Forget a context and its token
    Remove(ContextName),
}

/// A context's name.
#[derive(Debug, Args)]
pub(crate) struct ContextName {
    /// The context's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Parses days until something expires.
pub(super) fn days(text: &str) -> Result<u32, String> {
    let days = whole::<1, MAX_DAYS>(text)?;
    u32::try_from(days).map_err(|error| error.to_string())
}

/// Parses the name of a context for `--context`.
pub(super) fn context_name(text: &str) -> Result<String, &'static str> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'@')
        });
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 64 letters, digits, . - _ : or @") }
}
