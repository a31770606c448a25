//! Reads a task's output, also while it is written.

use super::Runner;
use crate::task::Error;
use crate::task::record::Shape;
use crate::task::spool_dir::OutputChunk;
use crate::task::table::Phase;
use agent_sys::slot;

impl Runner {
    /// Returns the output of a task from `offset` on.
    ///
    /// # Errors
    /// [`Error::File`]: its output cannot be read.
    pub(crate) fn output(
        &self,
        n: u64,
        shape: Shape,
        phase: &Phase,
        offset: u64,
        stderr: bool,
        most: usize,
    ) -> Result<OutputChunk, Error> {
        let extent = |totals: &slot::Totals| if stderr { totals.stderr } else { totals.stdout };
        let current = || match phase {
            Phase::Waiting(_) => None,
            Phase::Running(begun) => {
                self.slots.totals(begun.slot, n).ok()?.map(|totals| extent(&totals))
            }
            Phase::Ended { ended, .. } => {
                let stored = if stderr { ended.stderr } else { ended.stdout };
                stored.map(|stored| stored.extent())
            }
        };
        let has_ended = matches!(phase, Phase::Ended { .. });
        let (offset, bytes) = self.spool.read(n, stderr, shape, offset, most, current)?;
        let at_end = current().is_none_or(|extent| offset + bytes.len() as u64 >= extent.total);
        Ok(OutputChunk { offset, bytes, ended: has_ended && at_end, base64: shape.base64 })
    }
}
