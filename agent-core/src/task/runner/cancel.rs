//! Cancels tasks.

use super::Runner;
use crate::clock;
use crate::task::Error;
use crate::task::record::{Ended, Ending, Record};
use crate::task::table::Phase;

impl Runner {
    /// Cancels a task, if it has not ended.
    ///
    /// # Errors
    /// [`Error::Journal`]: the cancellation is not durable.
    pub(crate) async fn cancel(&self, n: u64) -> Result<(), Error> {
        let has_its_turn = {
            let mut active = self.active();
            let has_its_turn = active.contains_key(&n);
            let waits = match self.store.table().task(n) {
                Some(task) => matches!(task.phase, Phase::Waiting(_)),
                None => false,
            };
            if !has_its_turn && !waits {
                return Ok(());
            }
            active.entry(n).or_default().cancelled = true;
            has_its_turn
        };
        if has_its_turn {
            // Before the signal, so that the cancellation holds whichever process is killed between
            // the two.
            self.store.record(vec![Record::Cancelled(n)]).await?;
            self.supervisors.cancel(n);
            return Ok(());
        }
        let ended = Ended::unstarted(n, clock::now().0, Ending::Cancelled);
        let recorded = self.store.record(vec![Record::Ended(ended)]).await;
        self.active().remove(&n);
        recorded
    }
}
