//! The ready file: the addresses in use, for a program that starts the controller on port 0.

use crate::error::Error;
use crate::files;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::Path;

/// The addresses in use.
#[derive(Serialize)]
pub(crate) struct Ready {
    /// The addresses where agents connect.
    pub(crate) listen: Vec<SocketAddr>,
    /// The address of the API.
    pub(crate) http: SocketAddr,
    /// The link for the first operator, where there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) setup: Option<String>,
}

impl Ready {
    /// Writes the file as a whole: a reader never sees half of it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string(self).expect("addresses go to memory");
        let mode = if self.setup.is_some() { files::PRIVATE } else { files::PUBLIC };
        files::replace(path, format!("{text}\n").as_bytes(), mode)
    }
}
