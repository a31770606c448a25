//! What wakes the driver: what it is told, notices, changed rows and the time.

use super::Driver;
use crate::agents::Notice;
use crate::runs::active::Active;
use crate::runs::handle::Told;
use crate::store::{RunChange, StandingChange};
use std::sync::Arc;
use tokio::sync::broadcast::{error::RecvError, error::TryRecvError};
use tokio::time::sleep;

/// Events that are taken before the rollouts decide.
const MAX_EVENTS: usize = 4096;

/// What woke the driver.
pub(super) enum Woken {
    Told(Told),
    Notice(Notice),
    Changes(Arc<[RunChange]>),
    Standings(Arc<[StandingChange]>),
    Budgets,
    /// Some notices or changes were missed.
    Missed,
    Time,
    Stop,
}

impl Driver {
    /// Waits for something to do.
    pub(super) async fn wake(&mut self) -> Woken {
        let now = self.moment();
        let wait = self.runs.values().filter_map(|run| run.rollout.wait(now)).min();
        let time = async {
            match wait {
                Some(wait) => sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(told) = self.inbox.recv() => Woken::Told(told),
            Ok(()) = self.budget_changes.changed() => Woken::Budgets,
            notice = self.notices.recv() => received(notice, Woken::Notice),
            changes = self.changes.recv() => received(changes, Woken::Changes),
            standings = self.standings.recv() => received(standings, Woken::Standings),
            () = time => Woken::Time,
        }
    }

    /// Takes what is there already, so that the rollouts decide once for all of it.
    pub(super) async fn take_more(&mut self) {
        for _ in 0..MAX_EVENTS {
            let woken = match self.inbox.try_recv() {
                Ok(told) => Some(Woken::Told(told)),
                Err(_) => there(self.changes.try_recv(), Woken::Changes)
                    .or_else(|| there(self.notices.try_recv(), Woken::Notice)),
            };
            match woken {
                Some(woken) => self.take(woken).await,
                None => return,
            }
        }
    }

    pub(super) async fn take(&mut self, woken: Woken) {
        match woken {
            Woken::Told(told) => self.happened(told),
            Woken::Budgets => self.read_budgets().await,
            Woken::Notice(notice) => self.presence(&notice.host, notice.came),
            Woken::Changes(changes) => {
                for change in changes.iter() {
                    match change.target {
                        Some(target) => self.stored(change.number, target),
                        None => self.run_changed(&change.run).await,
                    }
                }
            }
            Woken::Standings(changes) => changes.iter().for_each(|change| self.standing(change)),
            Woken::Missed => self.look_at_all().await,
            Woken::Time => {
                let now = self.moment();
                let due = |(number, run): (&i64, &Active)| {
                    run.rollout.wait(now).is_some_and(|wait| wait.is_zero()).then_some(*number)
                };
                self.touched.extend(self.runs.iter().filter_map(due));
            }
            Woken::Stop => {}
        }
    }
}

/// Returns what was there, or that something was missed.
fn there<T>(received: Result<T, TryRecvError>, woken: impl FnOnce(T) -> Woken) -> Option<Woken> {
    match received {
        Ok(value) => Some(woken(value)),
        Err(TryRecvError::Lagged(_)) => Some(Woken::Missed),
        Err(TryRecvError::Empty | TryRecvError::Closed) => None,
    }
}

fn received<T>(received: Result<T, RecvError>, woken: impl FnOnce(T) -> Woken) -> Woken {
    match received {
        Ok(value) => woken(value),
        Err(RecvError::Lagged(_)) => Woken::Missed,
        // The sender lives as long as the controller.
        Err(RecvError::Closed) => Woken::Stop,
    }
}
