//! `task output`: what a task has printed, piece by piece. The host has it until the task's result is delivered; from
//! then on it is in the result, which the controller keeps.

use crate::cli::Output;
use crate::client::Controller;
use crate::error::Error;
use crate::outcome::decoded;
use crate::{exit, output, query};
use agent_wire::message::{Data, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::time::Duration;

/// How often a task that prints nothing is asked again: the agent has nothing to wait on.
const INTERVAL: Duration = Duration::from_secs(1);

/// `async.output`'s data (§6).
#[derive(Deserialize, Serialize)]
struct Piece {
    offset: u64,
    next: u64,
    ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// Prints what there is or, to follow it, all until the task has ended.
///
/// # Errors
/// As [`super::run`].
pub(super) fn run(controller: &Controller, host: &str, wanted: &Output) -> Result<ExitCode, Error> {
    let (mut offset, mut answered, mut away) = (0, false, false);
    loop {
        let asked = piece(controller, host, wanted, offset);
        let gone = !matches!(&asked, Ok(piece) if !piece.ended || piece.offset <= offset);
        if gone && let Ok(Some(event)) = controller.result(host, &wanted.task, Duration::ZERO) {
            for piece in rest(&query::response(&event)?, wanted.stderr, offset)? {
                if !print(&piece, &mut offset, wanted.json)? {
                    break;
                }
            }
            break;
        }
        let piece = match asked {
            Ok(piece) => piece,
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
        let more = piece.next > offset;
        let is_read = !(more || piece.ended) || print(&piece, &mut offset, wanted.json)?;
        if piece.ended || !is_read {
            break;
        }
        match (more, wanted.follow) {
            (true, _) => {}
            (false, true) => std::thread::sleep(INTERVAL),
            (false, false) => break,
        }
    }
    Ok(ExitCode::from(exit::DONE))
}

/// What the host has from `offset` on.
fn piece(controller: &Controller, host: &str, wanted: &Output, offset: u64) -> Result<Piece, Error> {
    let mut request = serde_json::json!({ "method": "async.output", "task": wanted.task, "offset": offset });
    if wanted.stderr {
        request["stream"] = "stderr".into();
    }
    let answer = super::ask(controller, host, &request)?;
    serde_json::from_str(query::data(&answer)?).map_err(|error| query::unreadable(&error))
}

/// What a result has from `offset` on: one piece, or two where its middle was left out.
fn rest(result: &Response, stderr: bool, offset: u64) -> Result<Vec<Piece>, Error> {
    let (text, encoding, dropped) = if stderr {
        (result.stderr.as_deref(), result.stderr_encoding, result.stderr_dropped)
    } else {
        let text = match &result.data {
            Some(Data::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        (text, result.encoding, result.dropped)
    };
    let bytes = decoded(text.unwrap_or_default(), encoding.is_some())?;
    let dropped = dropped.unwrap_or(0);
    // Head and tail are each half of what is kept (§5).
    let (head, tail) = bytes.split_at(if dropped > 0 { bytes.len() / 2 } else { bytes.len() });
    let parts = [(0, head), (head.len() as u64 + dropped, tail)];
    let pieces = parts.into_iter().filter_map(|(start, part)| {
        let known = usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX);
        let new = part.get(known..).filter(|new| !new.is_empty())?;
        let (text, base64) = match std::str::from_utf8(new) {
            Ok(text) => (Some(text.to_owned()), None),
            Err(_) => (None, Some(STANDARD.encode(new))),
        };
        let offset = offset.max(start);
        Some(Piece { offset, next: offset + new.len() as u64, ended: true, text, base64 })
    });
    Ok(pieces.collect())
}

/// Prints a piece, which `offset` moves on to the end of; `false` when nobody reads any more.
fn print(piece: &Piece, offset: &mut u64, json: bool) -> Result<bool, Error> {
    if piece.offset > *offset {
        output::error(&format_args!("{} bytes are left out here", piece.offset - *offset));
    }
    *offset = piece.next.max(*offset);
    if json {
        let line = serde_json::to_string(piece).expect("a piece goes to memory");
        return output::piece(format!("{line}\n").as_bytes());
    }
    output::piece(&match (&piece.text, &piece.base64) {
        (Some(text), _) => decoded(text, false)?,
        (None, base64) => decoded(base64.as_deref().unwrap_or_default(), true)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_wire::json::parse_object;

    #[test]
    fn the_rest_of_a_result_is_what_is_not_known_yet() {
        let result = |text: &str| Response::parse(&parse_object(text).unwrap()).unwrap();
        let whole = result(
            r#"{"resp":"success","retcode":0,"data":"abcdef","stderr":"/wA=","stderr_encoding":"base64"}"#,
        );
        let cut = result(r#"{"resp":"success","retcode":0,"data":"abcdef","dropped":10}"#);
        for (result, stderr, offset, wanted) in [
            (&whole, false, 0, &[(0, "abcdef")][..]),
            (&whole, false, 4, &[(4, "ef")]),
            (&whole, false, 6, &[]),
            (&whole, false, u64::MAX, &[]),
            (&whole, true, 1, &[(1, "\0")]),
            (&cut, false, 0, &[(0, "abc"), (13, "def")]),
            (&cut, false, 2, &[(2, "c"), (13, "def")]),
            (&cut, false, 8, &[(13, "def")]),
            (&cut, false, 15, &[(15, "f")]),
            (&cut, true, 0, &[]),
        ] {
            let found = rest(result, stderr, offset).unwrap();
            let found: Vec<(u64, &str)> =
                found.iter().map(|piece| (piece.offset, piece.text.as_deref().unwrap())).collect();
            assert_eq!(found, wanted, "{offset}");
        }
    }
}
