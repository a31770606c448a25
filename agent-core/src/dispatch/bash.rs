//! `sync.bash`: the request's fields to a command, the command's outcome to an answer (§5).

use super::reply;
use super::ticket::Cancelled;
use crate::exec::{Captured, End, Executor, Spec};
use crate::shutdown::Stopping;
use agent_wire::message::{Bash, DEFAULT_TIMEOUT, Data, Encoding, Response, StderrMode};
use agent_wire::{InvalidParams, Retcode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// Runs the command to its end, its time-out or its cancelling, and makes the answer.
pub(super) async fn run(
    id: &str,
    bash: Bash,
    executor: &Executor,
    cancelled: Cancelled,
    stopping: &Stopping,
) -> Response {
    if bash.stream {
        return reply::invalid(id, &InvalidParams("stream is not offered by this version".to_owned()));
    }
    let encoding = bash.encoding;
    let timeout = bash.timeout.unwrap_or(DEFAULT_TIMEOUT);
    let spec = Spec {
        cmd: bash.cmd,
        timeout: Some(Duration::from_secs(timeout)),
        user: bash.user,
        group: bash.group,
        cwd: bash.cwd.map(Into::into),
        env: bash.env,
        stdin: bash.stdin.map(String::into_bytes),
        separate_stderr: bash.stderr == StderrMode::Separate,
        max_output: bash.max_output.and_then(|bytes| usize::try_from(bytes).ok()),
    };
    let cancelled = async move {
        if cancelled.await.is_err() {
            std::future::pending().await
        }
    };
    let outcome = match executor.run(spec, cancelled).await {
        Ok(outcome) => outcome,
        Err(error) => return reply::failed(id, &error),
    };
    let mut response = match outcome.end {
        End::Exited(status) => Response::success(id, u16::from(status)),
        End::Signaled { signal, core } => {
            let name = nix::sys::signal::Signal::try_from(signal)
                .map_or("an unnamed signal", |signal| signal.as_str());
            let dumped = if core { ", core dumped" } else { "" };
            let mut response =
                Response::failed(Some(id), Retcode::Signaled, format!("{name} ({signal}){dumped}"));
            response.signal = Some(signal);
            response
        }
        End::TimedOut => Response::failed(
            Some(id),
            Retcode::TimedOut,
            format!("after {timeout} s, the whole process tree killed"),
        ),
        End::Cancelled if stopping.has_begun() => Response::failed(
            Some(id),
            Retcode::Cancelled,
            "the agent is shutting down; the whole process tree killed",
        ),
        End::Cancelled => {
            Response::failed(Some(id), Retcode::Cancelled, "on request, the whole process tree killed")
        }
    };
    let (text, encoded, dropped) = carry(outcome.stdout, encoding);
    response.data = Some(Data::Text(text));
    response.encoding = encoded;
    response.dropped = dropped;
    if let Some(stderr) = outcome.stderr {
        let (text, encoded, dropped) = carry(stderr, encoding);
        response.stderr = Some(text);
        response.stderr_encoding = encoded;
        response.stderr_dropped = dropped;
    }
    response
}

/// Output as it travels: text where it is UTF-8 and nothing else was asked for, else base64; and what was dropped.
fn carry(captured: Captured, encoding: Encoding) -> (String, Option<&'static str>, Option<u64>) {
    let dropped = Some(captured.dropped).filter(|bytes| *bytes > 0);
    let bytes = match encoding {
        Encoding::Base64 => captured.bytes,
        Encoding::Auto => match String::from_utf8(captured.bytes) {
            Ok(text) => return (text, None, dropped),
            Err(error) => error.into_bytes(),
        },
    };
    (STANDARD.encode(bytes), Some("base64"), dropped)
}
