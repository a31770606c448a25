//! A config file for one agent of a trial. A file that someone has taken over (its first line gone) is
//! left alone.

use crate::error::Error;
use crate::files;
use std::path::Path;

/// Marks a file that may be written again.
const MARK: &str = "# Made by BasicAgentController --dev, which writes it again at each start. To keep your \
                    changes, delete this line.";

/// Writes `base.toml`.
///
/// # Errors
/// When it can't be written, or a path is not UTF-8.
pub(super) fn write(base: &Path, id: &str, ca: &Path, port: u16, server_name: &str) -> Result<(), Error> {
    let with = |ending: &str| format!("{}{ending}", base.display());
    let path = with(".toml");
    let path = Path::new(&path);
    let kept = std::fs::read_to_string(path).is_ok_and(|text| !text.starts_with(MARK));
    if kept {
        log::info!("{} is yours: left as it is", path.display());
        return Ok(());
    }
    let text = format!(
        "{MARK}\n\
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

/// A TOML basic string: JSON's escapes are a subset of TOML's.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text goes to memory")
}
