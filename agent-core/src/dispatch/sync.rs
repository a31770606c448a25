//! `sync.bash` and `sync.cancel`: a request's fields to a command, its outcome to a reply (§5).

use super::encode::encode;
use super::failure::{Failure, Finished, Routed};
use super::frames::{Frames, MAX_WAITING_PIECES};
use super::reply;
use super::route::Call;
use super::ticket::{Cancelled, IdKind};
use crate::caller::Replies;
use crate::exec::{Captured, CommandEnd, Executor, Outcome, Spec, StartError};
use crate::shutdown::Stopping;
use agent_wire::Retcode;
use agent_wire::message::{
    Bash, Cancel, DEFAULT_TIMEOUT, Data, Encoding, MAX_SYNC_TIMEOUT, Resp, Response, Usage,
};
use std::future;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time;

/// How long the last output of a command that was killed may take to get into the session's queue.
const LAST_FRAMES: Duration = Duration::from_millis(500);

/// `sync.bash`.
pub(super) fn bash(call: &mut Call<'_>) -> Routed {
    let bash = Bash::parse(call.params(), MAX_SYNC_TIMEOUT)?;
    let caller = call.caller;
    let stopping = call.dispatcher.stopping.clone();
    let channel = caller.bulk.clone();
    // A reply must not overtake its own output.
    let replies = if bash.stream { &caller.bulk } else { &caller.replies };
    call.later_if_admitted(
        IdKind::Request,
        Vec::new(),
        bash,
        replies,
        |id, bash, services, cancelled| async move {
            run(&id, bash, &services.executor, &channel, cancelled, &stopping).await
        },
    )
}

/// `sync.cancel`.
pub(super) fn cancel(call: &Call<'_>) -> Routed {
    let Cancel { target } = Cancel::parse(call.params())?;
    match call.dispatcher.running.cancel(&target) {
        true => Ok(Some(Response::success(call.id(), 0))),
        false => Err(Failure::NotRunning(target)),
    }
}

/// Runs the command until it ends, times out or is cancelled, and makes the reply. With `stream`
/// the output goes to `channel` while it runs; the reply then takes the same way, behind it.
async fn run(
    id: &str,
    bash: Bash,
    executor: &Executor,
    channel: &Replies,
    mut cancelled: Cancelled,
    stopping: &Stopping,
) -> Finished {
    let (encoding, stream) = (bash.encoding, bash.stream);
    let timeout = Duration::from_secs(bash.timeout.unwrap_or(DEFAULT_TIMEOUT));
    let spec = Spec { timeout: Some(timeout), ..Spec::from(&bash) };
    drop(bash);
    let (outcome, [lost, lost_stderr]) = match stream {
        true => streamed(id, spec, timeout, encoding, executor, channel, cancelled).await,
        false => (executor.run(spec, is_cancelled(&mut cancelled)).await, [0, 0]),
    };
    let outcome = outcome?;
    let mut response = ended(id, &outcome, timeout, stopping);
    if outcome.killed_for_memory && response.resp == Resp::Failed {
        response.message.push_str("; the memory limit was reached");
    }
    response.usage = outcome.usage.map(|usage| Usage {
        user: usage.user.as_secs_f64(),
        sys: usage.system.as_secs_f64(),
        wall: outcome.wall.as_secs_f64(),
        max_rss_kib: usage.max_rss_kib,
    });
    let unless_zero = |bytes: u64| Some(bytes).filter(|bytes| *bytes > 0);
    response.dropped = unless_zero(outcome.stdout.dropped + lost);
    let (text, encoded) = carry(outcome.stdout, encoding, stream);
    response.data = Some(Data::Text(text));
    response.encoding = encoded;
    if let Some(stderr) = outcome.stderr {
        response.stderr_dropped = unless_zero(stderr.dropped + lost_stderr);
        let (text, encoded) = carry(stderr, encoding, stream);
        response.stderr = Some(text);
        response.stderr_encoding = encoded;
    }
    Ok(response)
}

/// Runs the command and forwards its output. Returns the outcome, and how many bytes of each stream
/// the session did not take in time.
async fn streamed(
    id: &str,
    spec: Spec,
    timeout: Duration,
    encoding: Encoding,
    executor: &Executor,
    channel: &Replies,
    mut cancelled: Cancelled,
) -> (Result<Outcome, StartError>, [u64; 2]) {
    let (reader, pieces) = mpsc::channel(MAX_WAITING_PIECES);
    let mut frames = Frames::new(id, encoding, pieces, channel);
    let outcome = {
        let mut running =
            std::pin::pin!(executor.stream(spec, reader, is_cancelled(&mut cancelled)));
        tokio::select! {
            biased;
            outcome = &mut running => outcome,
            () = frames.forward() => running.await,
        }
    };
    let patience = match &outcome {
        Ok(Outcome { end: CommandEnd::Exited(_) | CommandEnd::Signaled { .. }, wall, .. }) => {
            timeout.saturating_sub(*wall)
        }
        _ => Duration::ZERO,
    };
    tokio::select! {
        biased;
        () = frames.forward() => {}
        () = is_cancelled(&mut cancelled) => {}
        () = time::sleep(patience.max(LAST_FRAMES)) => {}
    }
    (outcome, frames.dropped())
}

/// Resolves once the request is cancelled; only once.
async fn is_cancelled(cancelled: &mut Cancelled) {
    if cancelled.is_terminated() || cancelled.await.is_err() {
        future::pending().await
    }
}

/// Returns the reply to how a command ended, without its output.
fn ended(id: &str, outcome: &Outcome, timeout: Duration, stopping: &Stopping) -> Response {
    let consequence = match outcome.started {
        Some(_) => "the whole process tree was killed",
        None => "before the command began",
    };
    match outcome.end {
        CommandEnd::Exited(status) => Response::success(id, u16::from(status)),
        CommandEnd::Signaled { signal, core } => reply::signaled(id, signal, core),
        CommandEnd::TimedOut => Response::failed(
            Some(id),
            Retcode::TimedOut,
            format!("after {} s; {consequence}", timeout.as_secs()),
        ),
        CommandEnd::Cancelled if stopping.has_begun() => Response::failed(
            Some(id),
            Retcode::Cancelled,
            format!("the agent is shutting down; {consequence}"),
        ),
        CommandEnd::Cancelled => {
            Response::failed(Some(id), Retcode::Cancelled, format!("on request; {consequence}"))
        }
    }
}

/// Returns output as a reply carries it; output that was streamed is not sent again.
fn carry(captured: Captured, encoding: Encoding, stream: bool) -> (String, Option<&'static str>) {
    if stream { (String::new(), None) } else { encode(captured.bytes, encoding) }
}
