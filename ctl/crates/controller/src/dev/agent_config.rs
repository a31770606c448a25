//! A config file for one agent of a trial. A file without our first line belongs to the operator
//! and is not overwritten.

use crate::error::Error;
use crate::files;
use std::path::Path;

/// The start of the first line in a file that may be overwritten.
const MARK: &str = "# Made by BasicAgentController --dev";

/// The rest of that line.
const ADVICE: &str = "which overwrites it at each start. To keep your changes, delete this line.";

/// Writes `base.toml`.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn write(
    base: &Path,
    id: &str,
    ca: &Path,
    port: u16,
    server_name: &str,
) -> Result<(), Error> {
    let with = |ending: &str| format!("{}{ending}", base.display());
    let path = with(".toml");
    let path = Path::new(&path);
    let kept = std::fs::read_to_string(path).is_ok_and(|text| !text.starts_with(MARK));
    if kept {
        log::info!("kept {}: it was edited", path.display());
        return Ok(());
    }
    let text = format!(
        "{MARK}, {ADVICE}\n\
         server = \"127.0.0.1\"\n\
         port = {port}\n\
         host_id = {}\n\
         state_dir = {}\n\
         run_dir = {}\n\
         \n\
         [tls]\n\
         ca = {}\n\
         cert = {}\n\
         key = {}\n\
         server_name = {}\n",
        quoted(id),
        quoted(&with(".state")),
        quoted(&with(".run")),
        quoted(&ca.display().to_string()),
        quoted(&with(".pem")),
        quoted(&with(".key")),
        quoted(server_name),
    );
    files::replace(path, text.as_bytes(), files::PUBLIC)
}

/// Writes a TOML basic string; JSON's escapes are a subset of TOML's.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text goes to memory")
}
