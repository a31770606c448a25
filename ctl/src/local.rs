//! `-c METHOD` on this machine: the plugin is loaded into this process and called once.

use crate::error::Error;
use crate::{exit, output};
use agent_wire::json::one_line;
use plugin_api::host::{self, HostError};
use plugin_api::{Context, MethodName};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The longest answer taken, in bytes. There is no agent to protect here: only nonsense is refused.
const MAX_REPLY: usize = 1 << 30;

/// Calls `method` and prints its data.
///
/// # Errors
/// [`Error::NotAsked`] when there is no plugin that can be loaded, [`Error::Failed`] with its own error.
pub(crate) fn run(dirs: &[PathBuf], method: &str, args: &str) -> Result<ExitCode, Error> {
    let method =
        MethodName::parse(method).map_err(|why| Error::NotAsked(format!("{}: {why}", one_line(method))))?;
    let provider = host::open(dirs, &method).map_err(|why| Error::NotAsked(why.to_string()))?;
    // No deadline: whoever asks here can interrupt it.
    let context = Context::new(nix::unistd::getuid().as_raw(), Duration::ZERO, MAX_REPLY);
    match provider.call(args, &context) {
        Ok(data) => output::json(&data).map(|()| ExitCode::from(exit::DONE)),
        Err(HostError::Provider(why)) => Err(Error::Failed(format!("{method}: {why}"))),
        Err(why) => Err(Error::Failed(why.to_string())),
    }
}
