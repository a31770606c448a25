//! Tells what became of changes and results.

use super::{WriteError, Writer};
use crate::store::sqlite::change::QueuedChange;
use crate::store::usage::Fate;
use crate::store::{Arrival, Outcome};
use std::sync::Arc;

impl Writer {
    /// Tells everybody that nothing of this is on disk.
    pub(super) fn give_up(
        &mut self,
        changes: Vec<Box<dyn QueuedChange>>,
        arrivals: Vec<Arrival>,
        error: &WriteError,
    ) {
        for change in changes {
            change.failed(error.for_callers());
        }
        for arrival in arrivals {
            self.keep_back(arrival, error);
        }
    }

    /// Reports what became of results that are on disk or refused.
    pub(super) fn settle(&mut self, batch: Vec<Arrival>, fates: Vec<Fate>) {
        let mut stored = Vec::with_capacity(batch.len());
        for (arrival, fate) in batch.into_iter().zip(fates) {
            match fate {
                Fate::Stored => stored.push(arrival),
                Fate::Refused(full) => self.refused.take(arrival, full, &self.bounds),
            }
        }
        let (watches, health) = (Arc::clone(&self.watches), Arc::clone(&self.health));
        let several = stored.len() > 1;
        let acknowledge = move || {
            for Arrival { host, task, acknowledgement, .. } in stored {
                health.metrics.results.add_one();
                acknowledgement.report(Outcome::Stored);
                watches.wake(&host, &task);
            }
        };
        match &self.runtime {
            // Each wakes a channel, which costs more from a thread that is not the runtime's.
            Some(runtime) if several => drop(runtime.spawn(async move { acknowledge() })),
            Some(_) | None => acknowledge(),
        }
    }

    fn keep_back(&mut self, arrival: Arrival, error: &WriteError) {
        let (host, task) = (arrival.host.clone(), arrival.task.clone());
        if self.backlog.take(arrival) {
            self.health.set_failing(Some(format!("cannot store results: {error}")));
            log::error!(
                "cannot store results, so the agents keep them: {error} \
                 (first: task {task} of host {host})"
            );
        }
    }
}
