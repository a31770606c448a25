//! `task output`: what a task has printed, piece by piece.

use crate::cli::Output;
use crate::client::Controller;
use crate::error::Error;
use crate::outcome::decoded;
use crate::{exit, output, query};
use serde::Deserialize;
use std::process::ExitCode;
use std::time::Duration;

/// How often a task that prints nothing is asked again: the agent has nothing to wait on.
const INTERVAL: Duration = Duration::from_secs(1);

/// `async.output`'s data (§6).
#[derive(Deserialize)]
struct Piece {
    offset: u64,
    next: u64,
    ended: bool,
    text: Option<String>,
    base64: Option<String>,
}

/// Prints what there is or, to follow it, all until the task has ended.
///
/// # Errors
/// As [`super::run`].
pub(super) fn run(controller: &Controller, host: &str, wanted: &Output) -> Result<ExitCode, Error> {
    let mut request = serde_json::json!({ "method": "async.output", "task": wanted.task });
    if wanted.stderr {
        request["stream"] = "stderr".into();
    }
    let (mut offset, mut answered, mut away) = (0, false, false);
    loop {
        request["offset"] = offset.into();
        let answer = match super::ask(controller, host, &request) {
            Ok(answer) => answer,
            // Once it has answered, the agent comes back.
            Err(error @ (Error::Away(_) | Error::Unanswered(_))) if wanted.follow && answered => {
                if !std::mem::replace(&mut away, true) {
                    output::error(&format_args!("{error}; waiting for it"));
                }
                std::thread::sleep(INTERVAL);
                continue;
            }
            Err(error) => return Err(error),
        };
        (answered, away) = (true, false);
        let data = query::data(&answer)?;
        let piece: Piece = serde_json::from_str(data).map_err(|error| query::unreadable(&error))?;
        if piece.offset > offset {
            output::error(&format_args!("{} bytes are left out here", piece.offset - offset));
        }
        let more = piece.next > offset;
        if more || !wanted.follow || piece.ended {
            let going_on = if wanted.json {
                output::piece(format!("{data}\n").as_bytes())?
            } else {
                let bytes = match (&piece.text, &piece.base64) {
                    (Some(text), _) => decoded(text, false)?,
                    (None, base64) => decoded(base64.as_deref().unwrap_or_default(), true)?,
                };
                output::piece(&bytes)?
            };
            if !going_on {
                break;
            }
        }
        offset = piece.next.max(offset);
        match (more, wanted.follow && !piece.ended) {
            (true, _) => {}
            (false, true) => std::thread::sleep(INTERVAL),
            (false, false) => break,
        }
    }
    Ok(ExitCode::from(exit::DONE))
}
