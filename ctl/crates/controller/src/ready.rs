//! The ready file: which addresses were taken, for whoever started the controller on port 0.

use crate::error::Error;
use crate::files;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::Path;

/// The addresses in use.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    /// Where agents connect.
    pub(crate) listen: Vec<SocketAddr>,
    /// Where the API is.
    pub(crate) http: SocketAddr,
}

impl Ready {
    /// Writes the file whole or not at all: a reader never sees half of it.
    ///
    /// # Errors
    /// When it can't be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string(self).expect("addresses go to memory");
        files::replace(path, format!("{text}\n").as_bytes(), files::PUBLIC)
    }
}
