//! `sync.bash`: the request's fields to a command, the command's outcome to an answer (§5).

use super::frames::{Frames, MAX_WAITING_PIECES};
use super::reply;
use super::ticket::Cancelled;
use crate::caller::Caller;
use crate::exec::{Captured, End, Executor, Outcome, Spec, StartError};
use crate::shutdown::Stopping;
use agent_wire::Retcode;
use agent_wire::message::{Bash, DEFAULT_TIMEOUT, Data, Encoding, Resp, Response, Usage};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::future;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time;

/// How long the last pieces of a command that was ended by force may take to get into the channel.
const LAST_FRAMES: Duration = Duration::from_millis(500);

/// Runs the command to its end, its time-out or its cancelling, and makes the answer. With `stream` the output goes to
/// `caller` on the way; the answer then has to take the same way, behind it.
pub(super) async fn run(
    id: &str,
    bash: Bash,
    executor: &Executor,
    caller: &Caller,
    mut cancelled: Cancelled,
    stopping: &Stopping,
) -> Response {
    let (encoding, stream) = (bash.encoding, bash.stream);
    let timeout = Duration::from_secs(bash.timeout.unwrap_or(DEFAULT_TIMEOUT));
    let spec = Spec { timeout: Some(timeout), ..Spec::from(&bash) };
    drop(bash);
    let (outcome, [lost, lost_stderr]) = match stream {
        true => streamed(id, spec, timeout, encoding, executor, caller, cancelled).await,
        false => (executor.run(spec, given_up(&mut cancelled)).await, [0, 0]),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return reply::failed(id, &error.into()),
    };
    let mut response = ended(id, outcome.end, timeout, stopping);
    if outcome.killed_for_memory && response.resp == Resp::Failed {
        response.message.push_str("; the memory limit was reached");
    }
    response.usage = outcome.usage.map(|usage| Usage {
        user: usage.user.as_secs_f64(),
        sys: usage.system.as_secs_f64(),
        wall: outcome.wall.as_secs_f64(),
        max_rss_kib: usage.max_rss_kib,
    });
    let some = |bytes: u64| Some(bytes).filter(|bytes| *bytes > 0);
    response.dropped = some(outcome.stdout.dropped + lost);
    let (text, encoded) = carry(outcome.stdout, encoding, stream);
    response.data = Some(Data::Text(text));
    response.encoding = encoded;
    if let Some(stderr) = outcome.stderr {
        response.stderr_dropped = some(stderr.dropped + lost_stderr);
        let (text, encoded) = carry(stderr, encoding, stream);
        response.stderr = Some(text);
        response.stderr_encoding = encoded;
    }
    response
}

/// The outcome, and the bytes that its reader did not take in time.
async fn streamed(
    id: &str,
    spec: Spec,
    timeout: Duration,
    encoding: Encoding,
    executor: &Executor,
    caller: &Caller,
    mut cancelled: Cancelled,
) -> (Result<Outcome, StartError>, [u64; 2]) {
    let (reader, pieces) = mpsc::channel(MAX_WAITING_PIECES);
    let mut frames = Frames::new(id, encoding, pieces, &caller.bulk);
    let outcome = {
        let mut running = std::pin::pin!(executor.stream(spec, reader, given_up(&mut cancelled)));
        tokio::select! {
            biased;
            outcome = &mut running => outcome,
            () = frames.forward() => running.await,
        }
    };
    let patience = match &outcome {
        Ok(Outcome { end: End::Exited(_) | End::Signaled { .. }, wall, .. }) => timeout.saturating_sub(*wall),
        _ => Duration::ZERO,
    };
    tokio::select! {
        biased;
        () = frames.forward() => {}
        () = given_up(&mut cancelled) => {}
        () = time::sleep(patience.max(LAST_FRAMES)) => {}
    }
    (outcome, frames.dropped())
}

/// Resolves once the request is to be given up; once only.
async fn given_up(cancelled: &mut Cancelled) {
    if cancelled.is_terminated() || cancelled.await.is_err() {
        future::pending().await
    }
}

/// The answer to how a command ended, without its output.
fn ended(id: &str, end: End, timeout: Duration, stopping: &Stopping) -> Response {
    match end {
        End::Exited(status) => Response::success(id, u16::from(status)),
        End::Signaled { signal, core } => reply::signaled(id, signal, core),
        End::TimedOut => Response::failed(
            Some(id),
            Retcode::TimedOut,
            format!("after {} s, the whole process tree killed", timeout.as_secs()),
        ),
        End::Cancelled if stopping.has_begun() => Response::failed(
            Some(id),
            Retcode::Cancelled,
            "the agent is shutting down; the whole process tree killed",
        ),
        End::Cancelled => {
            Response::failed(Some(id), Retcode::Cancelled, "on request, the whole process tree killed")
        }
    }
}

/// Output as it travels in an answer; what was streamed is in none.
fn carry(captured: Captured, encoding: Encoding, stream: bool) -> (String, Option<&'static str>) {
    if stream { (String::new(), None) } else { encode(captured.bytes, encoding) }
}

/// Text where it is UTF-8 and nothing else was asked for, else base64. NUL is in no text, and takes six bytes in a string
/// of JSON: a flood of them is not to cost the agent six times the bound.
pub(super) fn encode(bytes: Vec<u8>, encoding: Encoding) -> (String, Option<&'static str>) {
    let bytes = match encoding {
        Encoding::Base64 => bytes,
        Encoding::Auto if bytes.contains(&0) => bytes,
        Encoding::Auto => match String::from_utf8(bytes) {
            Ok(text) => return (text, None),
            Err(error) => error.into_bytes(),
        },
    };
    (STANDARD.encode(bytes), Some("base64"))
}
