//! What a node shows a NATS server: credentials as `nsc generate creds` writes them, or the seed of
//! an nkey. They are never logged.

use crate::error::Error;
use crate::files::{self, Access};
use async_nats::ConnectOptions;
use nkeys::KeyPair;
use std::fmt;
use std::path::Path;

/// The line before the token in a file of credentials.
const JWT: &str = "-----BEGIN NATS USER JWT-----";

/// The credentials.
#[derive(Clone)]
pub(super) enum Credentials {
    /// A signed token with its key: the text of the file.
    User(String),
    /// The seed of an nkey.
    Seed(String),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User(_) => "User",
            Self::Seed(_) => "Seed",
        })
    }
}

impl Credentials {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, others can read it, or it holds something else.
    pub(super) fn load(path: &Path) -> Result<Self, Error> {
        let text = String::from_utf8(files::read(path, Access::Private)?);
        let text = text
            .map_err(|_| Error::Content { path: path.to_owned(), why: "not a text".to_owned() })?;
        if text.contains(JWT) {
            ConnectOptions::with_credentials(&text).map_err(Error::content(path))?;
            return Ok(Self::User(text));
        }
        let seed = text.trim();
        match KeyPair::from_seed(seed) {
            Ok(_) => Ok(Self::Seed(seed.to_owned())),
            Err(_) => Err(Error::Content {
                path: path.to_owned(),
                why: "neither credentials (as nsc generate creds writes them) nor the seed of an \
                      nkey (one line that begins with SU)"
                    .to_owned(),
            }),
        }
    }

    /// Returns the options of a connection that shows them.
    pub(super) fn options(&self) -> ConnectOptions {
        match self {
            // The text was read in `load`.
            Self::User(text) => ConnectOptions::with_credentials(text).unwrap_or_default(),
            Self::Seed(seed) => ConnectOptions::with_nkey(seed.clone()),
        }
    }
}
