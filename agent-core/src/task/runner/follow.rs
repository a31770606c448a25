//! Follows a task from its start to its end.

use super::Runner;
use super::ending::{RETRY, ended, lost, not_started};
use super::start::{NotBegun, Started};
use crate::exec::{self, Lodging, Spec};
use crate::task::record::{Begun, Ended, How, Shape};
use crate::task::table::State;
use agent_sys::pidfd::PidFd;
use agent_sys::slot::Look;
use agent_sys::supervisor;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time;

/// A supervisor that was ordered through a zygote that has died may still be on its way: its slot is held, but nobody
/// has signed it. No event tells when it does, so it is looked at after so long…
const ARRIVING: Duration = Duration::from_millis(10);

/// …then twice as long, and so on up to this. As long as the slot is held the task may begin, so this has no end.
const MAX_ARRIVING: Duration = Duration::from_secs(1);

impl Runner {
    /// What comes after the start, or instead of it, to the end.
    pub(super) async fn follow(
        &self,
        n: u64,
        slot: u32,
        shape: Shape,
        spec: &Spec,
        begun: Result<Option<Started>, NotBegun>,
    ) {
        let end = match begun {
            Ok(started) => self.watch(n, slot, shape, started, spec).await,
            Err(NotBegun::Cancelled) => ended(n, How::Cancelled),
            Err(NotBegun::Failed(error)) => ended(n, not_started(&error)),
            Err(NotBegun::Later(error)) => {
                log::error!("task {n} waits: {error}");
                time::sleep(RETRY).await;
                self.live().remove(&n);
                return self.wake();
            }
        };
        self.over(end).await;
    }

    /// A task that had begun under an earlier agent.
    pub(super) async fn find_again(self: Arc<Self>, begun: Begun, shape: Shape) {
        let end = if begun.boot == self.boot {
            self.watch(begun.n, begun.slot, shape, None, &Spec::default()).await
        } else {
            // Nothing of it runs any more, but it may have ended, and its supervisor have said so, before.
            match self.slots.look(begun.slot, begun.n) {
                Ok(Look::Ended(record)) => self.told_by(begun.n, shape, &record, &Spec::default()),
                Ok(Look::Lost { begun: signed, totals } | Look::Running { begun: signed, totals }) => {
                    lost(begun.n, shape, signed, totals, "the machine went down while it ran")
                }
                Err(error) => ended(begun.n, How::Interrupted(format!("its slot can't be read: {error}"))),
            }
        };
        self.over(end).await;
    }

    /// Waits for the end of a task's supervisor, ours or an adopted one, and tells what it left.
    async fn watch(&self, n: u64, slot: u32, shape: Shape, started: Option<Started>, spec: &Spec) -> Ended {
        let (supervisor, lodging) = match started {
            Some((supervisor, lodging)) => (Some(supervisor), lodging),
            None => (self.arrived(n, slot).await, Lodging::default()),
        };
        let is_run = self.store.table().task(n).is_some_and(|task| task.cron.is_some());
        if let Some(supervisor) = supervisor
            && let Ok(ended) = self.supervisors.add(n, supervisor, !is_run)
        {
            if self.live().get(&n).is_some_and(|live| live.cancelled) {
                self.supervisors.cancel(n);
            }
            // Never lost: what tells it ends with this.
            let _ = ended.await;
        }
        let last = self.slots.look(slot, n);
        let end = match &last {
            Ok(Look::Ended(record)) => self.told_by(n, shape, record, spec),
            Ok(Look::Lost { begun, totals } | Look::Running { begun, totals }) => {
                let cgroup = {
                    let table = self.store.table();
                    table.task(n).and_then(|task| match &task.state {
                        State::Running(begun) => begun.cgroup.clone(),
                        State::Waiting(_) | State::Ended { .. } => None,
                    })
                };
                if let Some(cgroup) = cgroup
                    && let Err(error) = exec::kill_leaf(Path::new(&cgroup)).await
                {
                    log::error!("task {n}: {error}");
                }
                let why = match begun {
                    Some(_) => "its supervisor was killed, and its processes after it",
                    None => "the agent went down before it began",
                };
                lost(n, shape, *begun, *totals, why)
            }
            Err(error) => ended(n, How::Interrupted(format!("its slot can't be read: {error}"))),
        };
        lodging.give_back(match last {
            Ok(Look::Ended(record)) if record.is_by_itself() => Some(record.rest),
            _ => None,
        });
        end
    }

    /// The supervisor that holds a slot, once it has signed it; `None` when none holds it.
    async fn arrived(&self, n: u64, slot: u32) -> Option<PidFd> {
        let mut wait = ARRIVING;
        loop {
            match self.slots.look(slot, n) {
                Ok(Look::Running { begun: Some(begun), .. }) => {
                    // Gone in this moment, or not to be had: then the next look tells.
                    if let Ok(Some(supervisor)) = supervisor::find(&begun) {
                        return Some(supervisor);
                    }
                }
                Ok(Look::Running { begun: None, .. }) => {}
                // It may not have let go of the slot, but what it says is its last word.
                Ok(Look::Ended(_) | Look::Lost { .. }) | Err(_) => return None,
            }
            time::sleep(wait).await;
            if wait < MAX_ARRIVING && wait * 2 >= MAX_ARRIVING {
                log::warn!("task {n}: slot {slot} is held, but its supervisor is not to be found yet");
            }
            wait = (wait * 2).min(MAX_ARRIVING);
        }
    }
}
