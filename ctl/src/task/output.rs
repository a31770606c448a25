//! `task output`: prints a task's output piece by piece. The host has the output until the task's
//! result is delivered; from then on it is in the result, which the controller stores.

use crate::agent::Agent;
use crate::cli::Output;
use crate::error::Error;
use crate::outcome::decoded;
use crate::terminal::Progress;
use crate::{exit, output, query};
use agent_wire::Method;
use agent_wire::message::{Data, Response};
use agent_wire::reply::TaskOutput;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long the agent is asked to wait for output of a task that has printed nothing new.
const WAIT: Duration = Duration::from_secs(20);

/// The pause before the next request to an agent that did not wait, or is out of reach.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints the output so far; with `--follow`, all output until the task has ended.
///
/// # Errors
/// As [`super::run`].
pub(super) fn run(agent: &Agent<'_>, wanted: &Output) -> Result<ExitCode, Error> {
    let (mut offset, mut replied, mut is_lost) = (0, false, false);
    let mut wait = Duration::ZERO;
    loop {
        let asked = Instant::now();
        let reply = piece(agent, &wanted.task, wanted.stderr, offset, wait);
        let gone = !matches!(&reply, Ok(piece) if !piece.ended || piece.offset <= offset);
        if gone
            && let Agent::Remote(remote) = agent
            && let Ok(Some(event)) =
                remote.controller.result(&remote.host, &wanted.task, Duration::ZERO)
        {
            for piece in rest(&query::response(&event)?, wanted.stderr, offset)? {
                if !print(&piece, &mut offset, wanted.json)? {
                    break;
                }
            }
            break;
        }
        let piece = match reply {
            Ok(piece) => piece,
            // An agent that replied before is expected back.
            Err(error @ (Error::Unreachable(_) | Error::NoReply(_)))
                if wanted.follow && replied =>
            {
                if !std::mem::replace(&mut is_lost, true) {
                    output::error(&format_args!("{}; retrying", error.chain()));
                }
                wait = Duration::ZERO;
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        (replied, is_lost) = (true, false);
        Progress::off();
        let more = piece.next > offset;
        let is_read = !(more || piece.ended) || print(&piece, &mut offset, wanted.json)?;
        if piece.ended || !is_read {
            break;
        }
        match (more, wanted.follow) {
            (true, _) => wait = Duration::ZERO,
            (false, false) => break,
            (false, true) => {
                if !wait.is_zero() && asked.elapsed() < wait {
                    // Nothing new before the time was over: it does not wait.
                    std::thread::sleep(PAUSE);
                }
                wait = WAIT;
            }
        }
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Returns the host's output from `offset` on; if there is none yet, that of the next `wait`.
pub(super) fn piece(
    agent: &Agent<'_>,
    task: &str,
    stderr: bool,
    offset: u64,
    wait: Duration,
) -> Result<TaskOutput, Error> {
    let method = Method::AsyncOutput.name();
    let mut request = serde_json::json!({ "method": method, "task": task, "offset": offset });
    if stderr {
        request["stream"] = "stderr".into();
    }
    if !wait.is_zero() {
        request["wait"] = wait.as_secs().into();
    }
    let reply = agent.request(request)?;
    serde_json::from_str(query::data(&reply)?).map_err(|error| query::unreadable(&error))
}

/// Returns a result's output from `offset` on: one piece, or two if its middle was dropped.
fn rest(result: &Response, stderr: bool, offset: u64) -> Result<Vec<TaskOutput>, Error> {
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
    // Head and tail are each half of the kept output (§5).
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
        Some(TaskOutput { offset, next: offset + new.len() as u64, ended: true, text, base64 })
    });
    Ok(pieces.collect())
}

/// Prints a piece and moves `offset` to its end. Returns `false` if the pipe is closed.
fn print(piece: &TaskOutput, offset: &mut u64, json: bool) -> Result<bool, Error> {
    if piece.offset > *offset {
        output::error(&format_args!("{} bytes are missing here", piece.offset - *offset));
    }
    *offset = piece.next.max(*offset);
    if json {
        let line = serde_json::to_string(piece).expect("a piece serializes to memory");
        return output::piece(format!("{line}\n").as_bytes());
    }
    output::piece(&bytes(piece)?)
}

/// Returns a piece as the command printed it.
pub(super) fn bytes(piece: &TaskOutput) -> Result<Vec<u8>, Error> {
    match (&piece.text, &piece.base64) {
        (Some(text), _) => decoded(text, false),
        (None, base64) => decoded(base64.as_deref().unwrap_or_default(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent_wire::json::parse_object;

    #[test]
    fn the_rest_of_a_result_is_the_output_after_the_offset() {
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
