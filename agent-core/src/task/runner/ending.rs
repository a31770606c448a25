//! Reads what a supervisor has left and makes a task's end durable.

use super::Runner;
use crate::Error;
use crate::exec::{End, Spec, StartError};
use crate::task::record::{Ended, How, Kept, Record, Shape, Took};
use crate::task::table::State;
use crate::task::tasks::now;
use agent_sys::slot;
use agent_wire::Retcode;
use std::time::Duration;
use tokio::time;

/// While an end can't be made durable (no space, a broken disk) it is tried again, at first after this…
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// …and at most this late.
const MAX_RETRY: Duration = Duration::from_secs(30);

/// Characters of a reason that are kept: the end of every task has to fit the room that the journal reserves for it.
const MAX_WHY: usize = 200;

impl Runner {
    /// What a supervisor has left, as the journal tells it.
    pub(super) fn told_by(&self, n: u64, shape: Shape, record: &slot::Record, spec: &Spec) -> Ended {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let how = match record.end {
            Ok(End::Exited(status)) => How::Exited(status),
            Ok(End::Signaled { signal, core }) => How::Signaled { signal, core },
            Ok(End::TimedOut) => How::TimedOut,
            Ok(End::Cancelled) if self.live().get(&n).is_some_and(|live| live.cancelled) => How::Cancelled,
            // As when the host shuts down, which asks every process to end.
            Ok(End::Cancelled) => {
                How::Interrupted("its supervisor was told to end, and not by the agent".to_owned())
            }
            Err(failure) => not_started(&self.executor.explain(failure, spec)),
        };
        if record.rest == slot::Rest::Survivors {
            log::error!("task {n}: some of its killed processes are still there");
        }
        Ended {
            n,
            started: Some(record.started_ms),
            at: record.ended_ms,
            how,
            took: record.usage.map(|usage| Took {
                user_us: micros(usage.user),
                sys_us: micros(usage.system),
                wall_us: micros(record.wall),
                max_rss_kib: usage.max_rss_kib,
            }),
            stdout: Kept::of(&record.totals.stdout, shape.max_output),
            stderr: Kept::of(&record.totals.stderr, shape.max_output),
        }
    }

    /// Makes an end durable, however long that takes.
    pub(super) async fn over(&self, end: Ended) {
        let n = end.n;
        let mut wait = RETRY;
        while let Err(error) = self.store.record(vec![Record::Ended(end.clone())]).await {
            log::error!(
                "the end of task {n} can't be recorded, tried again in {} s: {error}",
                wait.as_secs()
            );
            time::sleep(wait).await;
            wait = (wait * 2).min(MAX_RETRY);
        }
        let idle = {
            let mut live = self.live();
            live.remove(&n);
            live.is_empty()
        };
        if idle {
            // A good moment to look for cgroups that background processes had kept.
            self.executor.sweep_leaves(|n| self.live().contains_key(&n));
        }
        self.wake();
    }

    /// Ends a task, if it has not ended.
    ///
    /// # Errors
    /// [`Error::Journal`], [`Error::NoSpace`]: the wish can't be made durable.
    pub(crate) async fn cancel(&self, n: u64) -> Result<(), Error> {
        let has_its_turn = {
            let mut live = self.live();
            let has_its_turn = live.contains_key(&n);
            let waits = match self.store.table().task(n) {
                Some(task) => matches!(task.state, State::Waiting(_)),
                None => false,
            };
            if !has_its_turn && !waits {
                return Ok(());
            }
            live.entry(n).or_default().cancelled = true;
            has_its_turn
        };
        if has_its_turn {
            // Before anything is signalled, so that the wish is kept whoever is killed in between.
            self.store.record(vec![Record::Cancelled(n)]).await?;
            self.supervisors.cancel(n);
            return Ok(());
        }
        let recorded = self.store.record(vec![Record::Ended(ended(n, How::Cancelled))]).await;
        self.live().remove(&n);
        recorded
    }
}

/// The end of a task that never began.
pub(super) fn ended(n: u64, how: How) -> Ended {
    Ended { n, started: None, at: now(), how, took: None, stdout: None, stderr: None }
}

pub(super) fn not_started(error: &StartError) -> How {
    let (retcode, why) = match error {
        StartError::NoSuchUser(user) => (Retcode::NoSuchUser, format!("user {user}")),
        StartError::NoSuchGroup(group) => (Retcode::NoSuchUser, format!("group {group}")),
        StartError::InvalidCommand { .. } => (Retcode::InvalidParams, error.to_string()),
        StartError::NotStarted(step) => (Retcode::NotStarted, step.to_string()),
        StartError::OverBound { .. } | StartError::Busy { .. } | StartError::ShuttingDown => {
            (Retcode::NotStarted, error.to_string())
        }
    };
    How::NotStarted { retcode: retcode.number(), why: why.chars().take(MAX_WHY).collect() }
}

pub(super) fn lost(
    n: u64,
    shape: Shape,
    begun: Option<slot::Begun>,
    totals: slot::Totals,
    why: &str,
) -> Ended {
    Ended {
        started: begun.map(|begun| begun.wall_ms),
        stdout: Kept::of(&totals.stdout, shape.max_output),
        stderr: Kept::of(&totals.stderr, shape.max_output),
        ..ended(n, How::Interrupted(why.to_owned()))
    }
}
