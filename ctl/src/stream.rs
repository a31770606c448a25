//! `exec --stream`: prints both outputs as they arrive. Ending this process kills the command,
//! because the controller cancels a request whose client is gone.

use crate::cli::Remote;
use crate::error::Error;
use crate::outcome::decoded;
use crate::{exit, outcome, output, query};
use agent_wire::Params;
use agent_wire::json::parse_object;
use agent_wire::message::Response;
use controller_api::Problem;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// Sends the request, prints each frame, and returns the command's exit status.
///
/// # Errors
/// [`Error::Failed`] if the command did not exit by itself; any other [`Error`] without a reply.
pub(crate) fn run(
    remote: &Remote,
    request: &str,
    timeout: Duration,
    json: bool,
) -> Result<ExitCode, Error> {
    let mut lines = remote.controller.stream(&remote.host, request, timeout)?;
    while let Some(line) = lines.next_line()? {
        let map = parse_object(&line).map_err(|error| query::unreadable(&error))?;
        let params = Params::new(&map);
        let text_of = |name| params.text(name).ok().flatten();
        let resp = text_of("resp");
        if resp.is_none()
            && let Ok(Problem { detail, .. }) = serde_json::from_str(&line)
        {
            return Err(Error::no_reply(detail));
        }
        let last = resp != Some("output");
        if json {
            if !output::piece(format!("{line}\n").as_bytes())? {
                return Ok(ExitCode::from(exit::EXEC_FAILED));
            }
        } else if !last && !piece(params)? {
            // The pipe is closed: exiting kills the command.
            return Ok(ExitCode::from(exit::EXEC_FAILED));
        }
        if last {
            let response = Response::parse(&map).map_err(|error| query::unreadable(&error))?;
            if !json {
                outcome::print_outputs(&response)?;
            }
            return outcome::status(&response);
        }
    }
    Err(Error::no_reply("the controller's reply ends without the command's result"))
}

/// Prints one frame. Returns `false` if the pipe is closed.
fn piece(params: Params<'_>) -> Result<bool, Error> {
    let text_of = |name| params.text(name).map_err(|error| query::unreadable(&error));
    let data = decoded(text_of("data")?.unwrap_or_default(), text_of("encoding")?.is_some())?;
    let going_on = if text_of("stream")? == Some("stderr") {
        // A closed standard error is not an error.
        let _ = io::stderr().write_all(&data);
        true
    } else {
        output::piece(&data)?
    };
    if let Ok(Some(dropped)) = params.whole("dropped", "", 1..=u64::MAX) {
        output::error(&format_args!(
            "{dropped} bytes of output are missing here: they were not read in time"
        ));
    }
    Ok(going_on)
}
