//! `exec --stream`: both outputs as they come. Whoever ends this process ends the command: the controller
//! cancels what nobody listens to.

use crate::client::Controller;
use crate::error::Error;
use crate::outcome::decoded;
use crate::{exit, outcome, output, query};
use agent_wire::Params;
use agent_wire::json::parse_object;
use agent_wire::message::Response;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// Asks, prints each piece, and gives the command's exit status.
///
/// # Errors
/// [`Error::NotAsked`] and its like, or [`Error::Failed`] when the command did not end by itself.
pub(crate) fn run(
    controller: &Controller,
    host: &str,
    request: &str,
    timeout: Duration,
    json: bool,
) -> Result<ExitCode, Error> {
    let mut lines = controller.stream(host, request, timeout)?;
    while let Some(line) = lines.next_line()? {
        let map = parse_object(&line).map_err(|error| query::unreadable(&error))?;
        let params = Params::new(&map);
        let text_of = |name| params.text(name).ok().flatten();
        if let (None, Some(why)) = (text_of("resp"), text_of("detail")) {
            return Err(Error::Unanswered(why.to_owned()));
        }
        let last = text_of("resp") != Some("output");
        if json {
            if !output::piece(format!("{line}\n").as_bytes())? {
                return Ok(ExitCode::from(exit::EXEC_FAILED));
            }
        } else if !last && !piece(params)? {
            // Nobody reads any more: the command ends with us.
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
    Err(Error::Unanswered("the controller's answer ends before the command's".to_owned()))
}

/// Prints one frame; `false` when nobody reads any more.
fn piece(params: Params<'_>) -> Result<bool, Error> {
    let text_of = |name| params.text(name).map_err(|error| query::unreadable(&error));
    let data = decoded(text_of("data")?.unwrap_or_default(), text_of("encoding")?.is_some())?;
    let going_on = if text_of("stream")? == Some("stderr") {
        // Whoever closed standard error does not want to hear.
        let _ = io::stderr().write_all(&data);
        true
    } else {
        output::piece(&data)?
    };
    if let Ok(Some(dropped)) = params.whole("dropped", "", 1..=u64::MAX) {
        output::error(&format_args!(
            "{dropped} bytes of output are left out here: they were not read in time"
        ));
    }
    Ok(going_on)
}
