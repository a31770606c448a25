//! `async.*`: requests about tasks (§6).

use super::encode::{encode, first_part};
use super::events::{encoding, outcome};
use super::failure::Routed;
use super::order::Named;
use super::route::Call;
use super::ticket::IdKind;
use super::{Services, reply};
use crate::clock::{Millis, Seconds};
use crate::task::{self, OutputChunk, Phase, Status, Submission, Submitted};
use agent_wire::message::{
    Ack, Bash, MAX_TASK_TIMEOUT, NotAfter, OutputFrom, Response, TaskId, TaskList,
};
use agent_wire::reply::{TaskOutput, TaskState, TaskStatus};
use agent_wire::{InvalidParams, Params};
use std::borrow::Cow;
use std::pin::pin;
use std::time::Duration;
use tokio::time;

/// `async.bash`.
pub(super) fn submit(call: &mut Call<'_>) -> Routed {
    let (bash, not_after) = command(call.params())?;
    let replies = &call.caller.replies;
    let about = vec![Named::Task(call.id().to_owned())];
    call.later_if_admitted(IdKind::Task, about, bash, replies, move |id, bash, services, _| {
        let submission = Submission::new(bash).until(not_after);
        async move {
            match services.tasks.submit(&id, submission).await? {
                Submitted::Accepted => {
                    Ok(Response::success(&id, 0).with_message(Response::ACCEPTED))
                }
                Submitted::Known(status) => {
                    Ok(reply::with_data(&id, &status_of(&status))?.with_message("Known"))
                }
            }
        }
    })
}

/// Reads the command of an `async.bash`, and the time until which it may be accepted.
pub(super) fn command(params: Params<'_>) -> Result<(Bash, Option<Millis>), InvalidParams> {
    let bash = Bash::parse(params, MAX_TASK_TIMEOUT)?;
    if bash.stream {
        let why = "stream is for sync.bash; use async.output instead".to_owned();
        return Err(InvalidParams(why));
    }
    Ok((bash, NotAfter::parse(params)?.map(|NotAfter(time)| time.into())))
}

/// `async.status`.
pub(super) fn status(call: &mut Call<'_>) -> Routed {
    let TaskId(task) = TaskId::parse(call.params())?;
    call.now_or_later(Named::Task(task.clone()), move |id, services| {
        reply::with_data(id, &status_of(&services.tasks.status(&task)?))
    })
}

/// `async.list`.
pub(super) fn list(call: &mut Call<'_>) -> Routed {
    let TaskList { after, limit } = TaskList::parse(call.params())?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let list = move |id: &str, services: &Services, after: Option<&str>| {
        let tasks = services.tasks.list(after, limit)?;
        reply::with_data(id, &tasks.iter().map(status_of).collect::<Vec<_>>())
    };
    match after {
        None => list(call.id(), call.services(), None).map(Some),
        Some(after) => call.now_or_later(Named::Task(after.clone()), move |id, services| {
            list(id, services, Some(&after))
        }),
    }
}

/// `async.cancel`: replies with the task's state of this moment; its result follows when it has
/// ended.
pub(super) fn cancel(call: &mut Call<'_>) -> Routed {
    let TaskId(task) = TaskId::parse(call.params())?;
    let about = vec![Named::Task(task.clone())];
    call.later(IdKind::Request, about, move |id, services, _| async move {
        let status = services.tasks.cancel(&task).await?;
        reply::with_data(&id, &status_of(&status))
    })
}

/// `async.output`.
pub(super) fn output(call: &mut Call<'_>) -> Routed {
    let from = OutputFrom::parse(call.params())?;
    let about = vec![Named::Task(from.task.0.clone())];
    let mut stopping = call.dispatcher.stopping.clone();
    let replies = call.caller.replies.clone();
    call.later_in_turn(IdKind::Request, about, move |id, services, cancelled, turn| async move {
        // Before the first look, or output printed in between would wake nobody.
        let waiting = match from.wait {
            0 => None,
            _ => services.tasks.wait_for_output(),
        };
        let mut part = output_part(&services, &from)?;
        // A request that waits has taken effect: it holds up no cancelation.
        drop(turn);
        if let Some(mut waiting) = waiting {
            let over = async move {
                tokio::select! {
                    () = time::sleep(Duration::from_secs(from.wait)) => {}
                    _ = cancelled => {}
                    () = stopping.begun() => {}
                    () = replies.closed() => {}
                }
            };
            let mut over = pin!(over);
            while part.next <= from.offset && !part.ended {
                tokio::select! {
                    () = waiting.changed() => {}
                    () = &mut over => break,
                }
                part = output_part(&services, &from)?;
            }
        }
        reply::with_data(&id, &part)
    })
}

/// Reads a part of a task's output, which ends between two characters.
fn output_part(services: &Services, from: &OutputFrom) -> Result<TaskOutput, task::Error> {
    let most = usize::try_from(from.limit).unwrap_or(usize::MAX);
    let asked = services.tasks.output(&from.task.0, from.offset, from.stderr, most)?;
    let OutputChunk { offset, mut bytes, ended, base64 } = asked;
    let length = if base64 { bytes.len() } else { first_part(&bytes, ended) };
    let ended = ended && length == bytes.len();
    bytes.truncate(length);
    let next = offset + length as u64;
    let (text, base64) = match encode(bytes, encoding(base64)) {
        (text, None) => (Some(text), None),
        (encoded, Some(_)) => (None, Some(encoded)),
    };
    Ok(TaskOutput { offset, next, ended, text, base64 })
}

/// `async.ack`: once this has its reply, the result is not redelivered.
pub(super) fn acknowledge(call: &mut Call<'_>) -> Routed {
    let ack = Ack::parse(call.params())?;
    let id_kind = if ack.id.is_some() { IdKind::Request } else { IdKind::Acknowledgement };
    let about = vec![Named::Task(ack.task.0.clone())];
    call.later(id_kind, about, move |id, services, _| async move {
        services.tasks.acknowledge(&ack.task.0).await?;
        Ok(Response::success(&id, 0))
    })
}

/// Returns a task's state for the wire.
pub(super) fn status_of(status: &Status) -> TaskStatus<'_> {
    let Status { id, accepted, shape, phase, run } = status;
    let mut found = TaskStatus {
        task: Cow::Borrowed(id),
        state: TaskState::Waiting,
        due: run.as_ref().and_then(|run| run.at).map(|at| Seconds(at).to_string()),
        accepted: Some(Millis(*accepted).to_string()),
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
            found.state = TaskState::Running;
            found.started = Some(Millis(begun.at).to_string());
        }
        Phase::Ended { ended, acked, .. } => {
            let outcome = outcome(id, ended, *shape);
            found.state = TaskState::Ended;
            found.started = ended.started.map(|at| Millis(at).to_string());
            found.ended = Some(Millis(ended.at).to_string());
            found.acknowledged = Some(*acked);
            found.resp = Some(outcome.resp);
            found.retcode = Some(outcome.retcode);
            found.message = Some(outcome.message.into());
        }
    }
    found
}
