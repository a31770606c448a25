//! Reads a task's output, also while it is written.

use super::Runner;
use crate::Error;
use crate::task::record::Shape;
use crate::task::table::State;
use crate::task::tasks::Piece;
use agent_sys::slot;

impl Runner {
    /// What a task has printed from `offset` on.
    ///
    /// # Errors
    /// [`Error::File`]: its output can't be read.
    pub(crate) fn output(
        &self,
        n: u64,
        shape: Shape,
        state: &State,
        offset: u64,
        stderr: bool,
        most: usize,
    ) -> Result<Piece, Error> {
        let slot = match state {
            State::Running(begun) => Some(begun.slot),
            State::Waiting(_) | State::Ended { .. } => None,
        };
        let extent = |stream: &slot::Totals| if stderr { stream.stderr } else { stream.stdout };
        let current = || match state {
            State::Waiting(_) => None,
            State::Running(_) => self.slots.totals(slot?, n).ok()?.map(|totals| extent(&totals)),
            State::Ended { ended, .. } => {
                let kept = if stderr { ended.stderr } else { ended.stdout };
                kept.map(|kept| kept.extent())
            }
        };
        let ended = matches!(state, State::Ended { .. });
        let (offset, bytes) = self.spool.piece(n, stderr, shape, offset, most, current)?;
        let at_end = current().is_none_or(|extent| offset + bytes.len() as u64 >= extent.total);
        Ok(Piece { offset, bytes, ended: ended && at_end, base64: shape.base64 })
    }
}
