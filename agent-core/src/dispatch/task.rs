//! `async.*`: requests about tasks, and the events that bring their results (§6).

use super::bash::encode;
use super::reply;
use crate::caller::Caller;
use crate::clock::{Millis, Seconds};
use crate::exec::unfinished;
use crate::shutdown::boxed;
use crate::task::{
    Ended, Ending, OutputChunk, Phase, Shape, Status, Submission, Submitted, TaskResult, Tasks,
};
use agent_wire::Retcode;
use agent_wire::message::{
    Data, Encoding, Event, EventKind, OutputFrom, Response, TaskId, TaskList, Usage, line,
};
use agent_wire::reply::{TaskOutput, TaskState, TaskStatus};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// `async.bash`.
pub(super) async fn submit(id: &str, submission: Submission, tasks: &Tasks) -> Response {
    match tasks.submit(id, submission).await {
        Ok(Submitted::Accepted) => Response::success(id, 0).with_message(Response::ACCEPTED),
        Ok(Submitted::Known(status)) => reply::with_data(id, &view(&status)).with_message("Known"),
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// `async.status`.
pub(super) fn status(id: &str, task: &TaskId, tasks: &Tasks) -> Response {
    match tasks.status(&task.0) {
        Ok(status) => reply::with_data(id, &view(&status)),
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// `async.list`.
pub(super) fn list(id: &str, asked: &TaskList, tasks: &Tasks) -> Response {
    let limit = usize::try_from(asked.limit).unwrap_or(usize::MAX);
    match tasks.list(asked.after.as_deref(), limit) {
        Ok(list) => reply::with_data(id, &list.iter().map(view).collect::<Vec<_>>()),
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// `async.cancel`: answered with the task's state of this moment; its result follows when it has ended.
pub(super) async fn cancel(id: &str, task: &TaskId, tasks: &Tasks) -> Response {
    match tasks.cancel(&task.0).await {
        Ok(status) => reply::with_data(id, &view(&status)),
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// `async.output`.
pub(super) async fn output(id: &str, from: &OutputFrom, tasks: &Tasks) -> Response {
    let asked = tasks.output(&from.task.0, from.offset, from.stderr);
    let OutputChunk { offset, mut bytes, ended, base64 } = match asked {
        Ok(piece) => piece,
        Err(error) => return reply::failed(id, &error.into()),
    };
    if !ended && !base64 {
        // The rest of a character that is cut comes with the next piece.
        let cut = unfinished(&bytes);
        if cut < bytes.len() {
            bytes.truncate(bytes.len() - cut);
        }
    }
    let next = offset + bytes.len() as u64;
    let (text, base64) = match encode(bytes, encoding(base64)) {
        (text, None) => (Some(text), None),
        (encoded, Some(_)) => (None, Some(encoded)),
    };
    reply::with_data(id, &TaskOutput { offset, next, ended, text, base64 })
}

/// `async.ack`: once this is answered, the result is not sent again.
pub(super) async fn acknowledge(id: &str, task: &TaskId, tasks: &Tasks) -> Response {
    match tasks.acknowledge(&task.0).await {
        Ok(()) => Response::success(id, 0),
        Err(error) => reply::failed(id, &error.into()),
    }
}

fn encoding(base64: bool) -> Encoding {
    if base64 { Encoding::Base64 } else { Encoding::Auto }
}

/// Bytes of results that go out together when they come together.
const TOGETHER: usize = 16 << 10;

/// A session's deliveries; they end when it is dropped.
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

fn event(finished: TaskResult) -> Event {
    let TaskResult { id, shape, run, ended, stdout, stderr, .. } = finished;
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
        started: time(ended.started.unwrap_or(ended.at)),
        ended: time(ended.at),
        due: run.as_ref().and_then(|run| run.at).map(|at| Seconds(at).to_string()),
        name: run.map(|run| run.job),
    }
}

fn outcome(id: &str, ended: &Ended, shape: Shape) -> Response {
    let failed = |retcode, detail: String| Response::failed(Some(id), retcode, detail);
    let mut response = match &ended.ending {
        Ending::Exited(status) => Response::success(id, u16::from(*status)),
        Ending::Signaled { signal, core } => reply::signaled(id, *signal, *core),
        Ending::TimedOut => failed(
            Retcode::TimedOut,
            format!("after {} s, the whole process tree killed", shape.timeout.unwrap_or_default()),
        ),
        Ending::Cancelled => failed(Retcode::Cancelled, "on request, the whole process tree killed".to_owned()),
        Ending::NotStarted { retcode, why } => failed(
            Retcode::ALL.into_iter().find(|known| known.number() == *retcode).unwrap_or(Retcode::NotStarted),
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

/// One task as `async.status` and `async.list` tell it.
pub(super) fn view(status: &Status) -> TaskStatus<'_> {
    let Status { id, accepted, shape, phase, run } = status;
    let mut view = TaskStatus {
        task: Cow::Borrowed(id),
        state: TaskState::Waiting,
        due: run.as_ref().and_then(|run| run.at).map(|at| Seconds(at).to_string()),
        accepted: Some(time(*accepted)),
        started: None,
        ended: None,
        acknowledged: None,
        resp: None,
        retcode: None,
        message: None,
    };
    match phase {
        Phase::Waiting(_) => {}
        Phase::Running(begun) => {
            view.state = TaskState::Running;
            view.started = Some(time(begun.at));
        }
        Phase::Ended { ended, acked, .. } => {
            let outcome = outcome(id, ended, *shape);
            view.state = TaskState::Ended;
            view.started = ended.started.map(time);
            view.ended = Some(time(ended.at));
            view.acknowledged = Some(*acked);
            view.resp = Some(outcome.resp);
            view.retcode = Some(outcome.retcode);
            view.message = Some(outcome.message.into());
        }
    }
    view
}

/// RFC 3339 in UTC, of milliseconds since 1970.
fn time(ms: u64) -> String {
    Millis(ms).to_string()
}
