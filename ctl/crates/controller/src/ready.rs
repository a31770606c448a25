//! The ready file: the addresses in use, for a program that starts the controller on port 0.

use crate::error::Error;
use crate::files;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::Path;

/// The addresses in use.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    /// The addresses where agents connect.
    pub(crate) listen: Vec<SocketAddr>,
    /// The address of the API.
    pub(crate) http: SocketAddr,
}

impl Ready {
    /// Writes the file as a whole: a reader never sees half of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string(self).expect("addresses go to memory");
        files::replace(path, format!("{text}\n").as_bytes(), files::PUBLIC)
    }
}
