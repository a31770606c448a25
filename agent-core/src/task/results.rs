//! The results that wait for their acknowledgement, in the order of the ends.

use super::record::{Due, Ended, Shape};
use super::table::State;
use super::tasks::Tasks;
use crate::exec::Captured;
use std::sync::Arc;

/// A result that waits for its acknowledgement.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its place among the results.
    pub(crate) order: u64,
    pub(crate) id: Arc<str>,
    pub(crate) shape: Shape,
    /// The job whose run it was.
    pub(crate) cron: Option<Box<Due>>,
    pub(crate) ended: Arc<Ended>,
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
}

impl Tasks {
    /// The first result behind `order` that is not acknowledged; waits until there is one.
    pub(crate) async fn next_result(&self, order: u64) -> Finished {
        let mut news = self.store.news();
        loop {
            if let Some(mut finished) = self.result_after(order) {
                let Finished { ended, shape, .. } = &finished;
                [finished.stdout, finished.stderr] = self.spool.whole(ended.n, ended, *shape).await;
                return finished;
            }
            if news.changed().await.is_err() {
                // The store is gone: the agent is ending.
                std::future::pending::<()>().await;
            }
        }
    }

    /// The same, if there is one and it has no output that would have to be read.
    pub(crate) fn result_at_hand(&self, order: u64) -> Option<Finished> {
        self.result_after(order)
            .filter(|finished| finished.ended.stdout.is_none() && finished.ended.stderr.is_none())
    }

    /// Without its output.
    fn result_after(&self, order: u64) -> Option<Finished> {
        let table = self.store.table();
        let (order, task) = table.next_undelivered(order)?;
        let State::Ended { ended, .. } = &task.state else { return None };
        Some(Finished {
            order,
            id: task.id.clone(),
            shape: task.shape,
            cron: task.cron.clone(),
            ended: ended.clone(),
            stdout: Captured::default(),
            stderr: Captured::default(),
        })
    }
}
