//! Loading a plugin in a worker.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::MethodName;
use crate::host::{self, LoadedProvider, Trust};

/// The plugin that a worker loads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    /// The method that the plugin answers.
    pub method: String,
    /// The plugin's file.
    pub path: PathBuf,
    /// Checksums and signatures that the file must have, beside a trusted owner.
    pub trust: Trust,
    /// Whether the worker keeps root; otherwise it drops root before it maps the plugin.
    pub keep_root: bool,
}

impl Load {
    /// Checks the file, confines this process, and maps the plugin. Root is dropped *before* the
    /// plugin is mapped, so its constructors run without root as well.
    ///
    /// # Errors
    /// The reason, as a message.
    pub fn open(&self) -> Result<LoadedProvider, String> {
        let method = MethodName::parse(&self.method).map_err(|error| error.to_string())?;
        // Still as root, so that the plugin's folders need not be readable by its user.
        let checked = host::check(&self.path).map_err(|error| error.to_string())?;
        self.trust.vouch(&checked).map_err(|error| error.to_string())?;
        host::confine(self.keep_root)
            .map_err(|error| format!("cannot confine the worker process: {error}"))?;
        host::load(checked, &method).map_err(|error| error.to_string())
    }
}
