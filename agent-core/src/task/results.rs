//! Results that wait for their acknowledgement, in the order in which the tasks ended.

use super::record::{Ended, JobRun, Shape};
use super::table::Phase;
use super::tasks::Tasks;
use crate::exec::Captured;
use std::sync::Arc;

/// A result that waits for its acknowledgement.
#[derive(Debug)]
pub(crate) struct TaskResult {
    /// Its place among the results.
    pub(crate) order: u64,
    pub(crate) id: Arc<str>,
    pub(crate) shape: Shape,
    /// The job's run that the task was.
    pub(crate) run: Option<Box<JobRun>>,
    pub(crate) ended: Arc<Ended>,
    pub(crate) stdout: Captured,
    pub(crate) stderr: Captured,
}

impl Tasks {
    /// Waits for the first unacknowledged result after `order`.
    pub(crate) async fn next_result(&self, order: u64) -> TaskResult {
        let mut ends = self.store.subscribe();
        loop {
            if let Some(mut result) = self.result_after(order) {
                let TaskResult { ended, shape, .. } = &result;
                [result.stdout, result.stderr] = self.spool.read_whole(ended, *shape).await;
                return result;
            }
            if ends.changed().await.is_err() {
                // The store is gone: the agent is shutting down.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns the first unacknowledged result after `order`, if it is there already and has no
    /// output to read.
    pub(crate) fn result_without_output(&self, order: u64) -> Option<TaskResult> {
        self.result_after(order)
            .filter(|result| result.ended.stdout.is_none() && result.ended.stderr.is_none())
    }

    /// Returns the first unacknowledged result after `order`, without its output.
    fn result_after(&self, order: u64) -> Option<TaskResult> {
        let table = self.store.table();
        let (order, task) = table.next_undelivered(order)?;
        let Phase::Ended { ended, .. } = &task.phase else { return None };
        Some(TaskResult {
            order,
            id: task.id.clone(),
            shape: task.shape,
            run: task.run.clone(),
            ended: ended.clone(),
            stdout: Captured::default(),
            stderr: Captured::default(),
        })
    }
}
