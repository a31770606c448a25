//! Follows a task from its start to its end.

use super::Runner;
use super::ending::{lost, not_started};
use super::start::{NotStarted, Supervised, Turn};
use crate::clock;
use crate::exec::{self, Lodging, Spec};
use crate::task::record::{Begun, Ended, Ending, Shape};
use crate::task::table::Phase;
use agent_sys::pidfd::PidFd;
use agent_sys::slot::SlotState;
use agent_sys::supervisor;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time;

/// How long a task whose intent could not be made durable waits for its next turn.
const RETRY: Duration = Duration::from_secs(1);

/// A supervisor that was requested through a zygote that has died may still be on its way: its slot
/// is held, but no supervisor has signed it. No event reports the signature, so the slot is checked
/// after this time…
const SIGNATURE_POLL: Duration = Duration::from_millis(10);
/// …then after twice the time, and so on up to this. While the slot is held the task may begin, so
/// there is no last check.
const MAX_SIGNATURE_POLL: Duration = Duration::from_secs(1);

impl Runner {
    /// Does everything that follows a start, or a failed one.
    pub(super) async fn follow(
        &self,
        turn: &Turn,
        spec: &Spec,
        started: Result<Option<Supervised>, NotStarted>,
    ) {
        let &Turn { n, slot, shape, .. } = turn;
        let ended = match started {
            Ok(supervised) => self.watch(n, slot, shape, supervised, spec).await,
            Err(NotStarted::Cancelled) => Ended::unstarted(n, clock::now().0, Ending::Cancelled),
            Err(NotStarted::Failed(error)) => {
                Ended::unstarted(n, clock::now().0, not_started(&error))
            }
            Err(NotStarted::Later(error)) => {
                let id = self.store.label(n);
                log::error!(
                    "task {id} cannot start yet, retrying in {} s: {error}",
                    RETRY.as_secs()
                );
                time::sleep(RETRY).await;
                self.active().remove(&n);
                return self.wake();
            }
        };
        self.finish(ended).await;
    }

    /// Follows a task that began under an earlier agent.
    pub(super) async fn resume(self: Arc<Self>, begun: Begun, shape: Shape) {
        let ended = if begun.boot == self.boot {
            self.watch(begun.n, begun.slot, shape, None, &Spec::default()).await
        } else {
            // Nothing of it runs any more, but it may have ended, and its supervisor have said so,
            // before the host went down.
            match self.slots.state(begun.slot, begun.n) {
                Ok(SlotState::Ended(record)) => {
                    self.read_end(begun.n, shape, &record, &Spec::default())
                }
                Ok(
                    SlotState::Lost { begun: signed, totals }
                    | SlotState::Running { begun: signed, totals },
                ) => lost(begun.n, shape, signed, totals, "the host went down while it ran"),
                Err(error) => slot_unreadable(begun.n, &error),
            }
        };
        self.finish(ended).await;
    }

    /// Waits for the end of a task's supervisor, a new or an adopted one, and returns what the
    /// supervisor recorded.
    async fn watch(
        &self,
        n: u64,
        slot: u32,
        shape: Shape,
        started: Option<Supervised>,
        spec: &Spec,
    ) -> Ended {
        let (supervisor, lodging) = match started {
            Some((supervisor, lodging)) => (Some(supervisor), lodging),
            None => (self.find_supervisor(n, slot).await, Lodging::default()),
        };
        let is_run = self.store.table().task(n).is_some_and(|task| task.run.is_some());
        if let Some(supervisor) = supervisor
            && let Ok(ended) = self.supervisors.add(n, supervisor, !is_run)
        {
            if self.is_cancelled(n) {
                self.supervisors.cancel(n);
            }
            // The sender is never lost: the loop that owns it stops together with this.
            let _ = ended.await;
        }
        let last = self.slots.state(slot, n);
        let ended = match &last {
            Ok(SlotState::Ended(record)) => self.read_end(n, shape, record, spec),
            Ok(SlotState::Lost { begun, totals } | SlotState::Running { begun, totals }) => {
                self.kill_rest(n).await;
                let why = match begun {
                    Some(_) => "its supervisor was killed, and its processes after it",
                    None => "the agent went down before it began",
                };
                lost(n, shape, *begun, *totals, why)
            }
            Err(error) => slot_unreadable(n, error),
        };
        lodging.give_back(match last {
            Ok(SlotState::Ended(record)) if record.is_by_itself() => Some(record.leftovers),
            Ok(SlotState::Ended(_) | SlotState::Lost { .. } | SlotState::Running { .. })
            | Err(_) => None,
        });
        ended
    }

    /// Kills the processes of a task whose supervisor is gone, where it has a cgroup.
    async fn kill_rest(&self, n: u64) {
        let cgroup = self.store.table().task(n).and_then(|task| match &task.phase {
            Phase::Running(begun) => begun.cgroup.clone(),
            Phase::Waiting(_) | Phase::Ended { .. } => None,
        });
        if let Some(cgroup) = cgroup
            && let Err(error) = exec::kill_leaf(Path::new(&cgroup)).await
        {
            log::error!("task {}: cannot kill its processes: {error}", self.store.label(n));
        }
    }

    /// Returns the supervisor that holds a slot, once it has signed it; `None` when no process
    /// holds it.
    async fn find_supervisor(&self, n: u64, slot: u32) -> Option<PidFd> {
        let mut wait = SIGNATURE_POLL;
        loop {
            match self.slots.state(slot, n) {
                Ok(SlotState::Running { begun: Some(begun), .. }) => {
                    // Where it is gone in this moment, or no descriptor is left, the next look
                    // tells.
                    if let Ok(Some(supervisor)) = supervisor::find(&begun) {
                        return Some(supervisor);
                    }
                }
                Ok(SlotState::Running { begun: None, .. }) => {}
                // The supervisor may still hold the slot, but an end is the last it writes there.
                Ok(SlotState::Ended(_) | SlotState::Lost { .. }) | Err(_) => return None,
            }
            time::sleep(wait).await;
            if wait < MAX_SIGNATURE_POLL && wait * 2 >= MAX_SIGNATURE_POLL {
                let id = self.store.label(n);
                log::warn!(
                    "task {id}: slot {slot} is held, but its supervisor cannot be found yet"
                );
            }
            wait = (wait * 2).min(MAX_SIGNATURE_POLL);
        }
    }
}

/// Returns the end of a task whose slot cannot be read.
fn slot_unreadable(n: u64, error: &io::Error) -> Ended {
    Ended::unstarted(
        n,
        clock::now().0,
        Ending::Interrupted(format!("its slot cannot be read: {error}")),
    )
}
