//! The events that bring the results of tasks to the controller (§6, §7).

use super::encode::encode;
use super::reply;
use crate::caller::Caller;
use crate::clock::{Millis, Seconds};
use crate::shutdown::boxed;
use crate::task::{Ended, Ending, Shape, TaskResult, Tasks};
use agent_wire::Retcode;
use agent_wire::message::{Data, Encoding, Event, EventKind, Response, Usage, line};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Bytes of results that go out together when they come together.
const TOGETHER: usize = 16 << 10;

/// A session's deliveries; they end when this is dropped.
pub(crate) struct Deliveries(JoinHandle<()>);

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends every result that waits for its acknowledgement, oldest first, and then each as it comes.
pub(super) fn deliver(tasks: &Arc<Tasks>, caller: &Caller) -> Deliveries {
    let (tasks, bulk) = (tasks.clone(), caller.bulk.clone());
    Deliveries(tokio::spawn(boxed(async move {
        let mut sent = 0;
        loop {
            let mut next = Some(tasks.next_result(sent).await);
            let mut text = Vec::new();
            while let Some(finished) = next.take() {
                sent = finished.order;
                line(&event(finished), &mut text);
                if text.len() < TOGETHER {
                    next = tasks.result_without_output(sent);
                }
            }
            if bulk.send(text).await.is_err() {
                return;
            }
        }
    })))
}

/// Returns the encoding that a task asked for.
pub(super) fn encoding(base64: bool) -> Encoding {
    if base64 { Encoding::Base64 } else { Encoding::Auto }
}

fn event(result: TaskResult) -> Event {
    let TaskResult { id, shape, run, ended, stdout, stderr, .. } = result;
    let mut outcome = outcome(&id, &ended, shape);
    outcome.dropped = Some(stdout.dropped).filter(|bytes| *bytes > 0);
    let (text, encoded) = encode(stdout.bytes, encoding(shape.base64));
    outcome.data = Some(Data::Text(text));
    outcome.encoding = encoded;
    if shape.separate {
        outcome.stderr_dropped = Some(stderr.dropped).filter(|bytes| *bytes > 0);
        let (text, encoded) = encode(stderr.bytes, encoding(shape.base64));
        outcome.stderr = Some(text);
        outcome.stderr_encoding = encoded;
    }
    Event {
        kind: if run.is_some() { EventKind::Cron } else { EventKind::Task },
        outcome,
        started: ended.started.map(|at| Millis(at).to_string()),
        ended: Millis(ended.at).to_string(),
        due: run.as_ref().and_then(|run| run.at).map(|at| Seconds(at).to_string()),
        name: run.map(|run| run.job),
    }
}

/// Returns how a task ended as a reply, without its output.
pub(super) fn outcome(id: &str, ended: &Ended, shape: Shape) -> Response {
    let failed = |retcode, detail: String| Response::failed(Some(id), retcode, detail);
    let mut response = match &ended.ending {
        Ending::Exited(status) => Response::success(id, u16::from(*status)),
        Ending::Signaled { signal, core } => reply::signaled(id, *signal, *core),
        Ending::TimedOut => failed(
            Retcode::TimedOut,
            format!(
                "after {} s; the whole process tree was killed",
                shape.timeout.unwrap_or_default()
            ),
        ),
        Ending::Cancelled if ended.started.is_none() => {
            failed(Retcode::Cancelled, "on request; before the command began".to_owned())
        }
        Ending::Cancelled => {
            failed(Retcode::Cancelled, "on request; the whole process tree was killed".to_owned())
        }
        Ending::NotStarted { retcode, why } => failed(
            Retcode::ALL
                .into_iter()
                .find(|known| known.number() == *retcode)
                .unwrap_or(Retcode::NotStarted),
            why.clone(),
        ),
        Ending::Interrupted(why) => failed(Retcode::Interrupted, why.clone()),
    };
    response.usage = ended.usage.map(|used| {
        let seconds = |micros| Duration::from_micros(micros).as_secs_f64();
        Usage {
            user: seconds(used.user_us),
            sys: seconds(used.sys_us),
            wall: seconds(used.wall_us),
            max_rss_kib: used.max_rss_kib,
        }
    });
    response
}
