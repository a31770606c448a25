//! Reads a supervisor's record and makes a task's end durable.

use super::Runner;
use crate::clock;
use crate::exec::{CommandEnd, Spec, StartError};
use crate::task::record::{Ended, Ending, Record, ResourceUsage, Shape, StoredStream};
use agent_sys::slot;
use agent_wire::Retcode;
use std::time::Duration;
use tokio::time;

/// An end that cannot be made durable (no space, a broken disk) is retried after this time…
const RETRY: Duration = Duration::from_secs(1);
/// …then after twice the time, and so on up to this.
const MAX_RETRY: Duration = Duration::from_secs(30);

/// Characters of a reason that are kept: the end of every task must fit the room that the journal
/// reserves for it.
const MAX_WHY: usize = 200;

impl Runner {
    /// Turns a supervisor's record into one of the journal.
    pub(super) fn read_end(
        &self,
        n: u64,
        shape: Shape,
        record: &slot::Record,
        spec: &Spec,
    ) -> Ended {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let ending = match record.end {
            Ok(CommandEnd::Exited(status)) => Ending::Exited(status),
            Ok(CommandEnd::Signaled { signal, core }) => Ending::Signaled { signal, core },
            Ok(CommandEnd::TimedOut) => Ending::TimedOut,
            Ok(CommandEnd::Cancelled) if self.is_cancelled(n) => Ending::Cancelled,
            // As when the host shuts down, which sends every process a SIGTERM.
            Ok(CommandEnd::Cancelled) => Ending::Interrupted(
                "its supervisor got a SIGTERM that the agent did not send".to_owned(),
            ),
            Err(failure) => not_started(&self.executor.explain(failure, spec)),
        };
        let began = record.end.is_ok();
        if record.leftovers == slot::Leftovers::Survivors {
            let id = self.store.label(n);
            log::error!("task {id}: some of its processes survived the kill");
        }
        Ended {
            n,
            started: began.then_some(record.started_ms),
            at: record.ended_ms,
            ending,
            usage: record.usage.filter(|_| began).map(|usage| ResourceUsage {
                user_us: micros(usage.user),
                sys_us: micros(usage.system),
                wall_us: micros(record.wall),
                max_rss_kib: usage.max_rss_kib,
            }),
            stdout: StoredStream::of(&record.totals.stdout, shape.max_output),
            stderr: StoredStream::of(&record.totals.stderr, shape.max_output),
        }
    }

    /// Makes an end durable, however long that takes.
    pub(super) async fn finish(&self, ended: Ended) {
        let n = ended.n;
        let mut wait = RETRY;
        while let Err(error) = self.store.record(vec![Record::Ended(ended.clone())]).await {
            log::error!(
                "cannot record the end of task {}, retrying in {} s: {error}",
                self.store.label(n),
                wait.as_secs()
            );
            time::sleep(wait).await;
            wait = (wait * 2).min(MAX_RETRY);
        }
        let is_idle = {
            let mut active = self.active();
            active.remove(&n);
            active.is_empty()
        };
        if is_idle {
            // A good moment to remove cgroups that background processes had kept.
            self.executor.sweep_leaves(|n| self.active().contains_key(&n));
        }
        self.wake();
    }
}

/// Returns the ending of a task that cannot be started.
pub(super) fn not_started(error: &StartError) -> Ending {
    let (retcode, why) = match error {
        StartError::NoSuchUser(user) => (Retcode::NoSuchUser, format!("user {user}")),
        StartError::NoSuchGroup(group) => (Retcode::NoSuchUser, format!("group {group}")),
        StartError::InvalidCommand { .. } => (Retcode::InvalidParams, error.to_string()),
        StartError::NotStarted(step) => (Retcode::NotStarted, step.to_string()),
        StartError::Busy { .. } | StartError::ShuttingDown => {
            (Retcode::NotStarted, error.to_string())
        }
    };
    Ending::NotStarted { retcode: retcode.number(), why: why.chars().take(MAX_WHY).collect() }
}

/// Returns the end of a task whose supervisor recorded none.
pub(super) fn lost(
    n: u64,
    shape: Shape,
    begun: Option<slot::Begun>,
    totals: slot::Totals,
    why: &str,
) -> Ended {
    Ended {
        started: begun.map(|begun| begun.wall_ms),
        stdout: StoredStream::of(&totals.stdout, shape.max_output),
        stderr: StoredStream::of(&totals.stderr, shape.max_output),
        ..Ended::unstarted(n, clock::now().0, Ending::Interrupted(why.to_owned()))
    }
}
