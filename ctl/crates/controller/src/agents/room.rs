//! The memory for large messages that are not whole yet, shared by all sessions.
//!
//! A small message needs none of it. A session whose message finds no room waits a while, unread,
//! and is then disconnected: its agent redelivers.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Bytes of one unfinished message that need no room.
const SMALL: usize = 256 << 10;

/// KiB that are taken at once.
const STEP_KIB: usize = 1 << 10;

/// The longest wait for room.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The room.
#[derive(Debug)]
pub(crate) struct Room(Arc<Semaphore>);

/// One session's share of it.
#[derive(Debug)]
pub(super) struct RoomShare {
    room: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Makes a room of so many MiB.
    pub(crate) fn new(mib: usize) -> Self {
        Self(Arc::new(Semaphore::new(mib << 10)))
    }
}

impl RoomShare {
    /// Makes an empty share.
    pub(super) fn new(Room(room): &Room) -> Self {
        Self { room: Arc::clone(room), taken: None }
    }

    /// Returns whether a message of which `held` bytes have come fits into the share; gives the
    /// share back when the message is small.
    pub(super) fn fits(&mut self, held: usize) -> bool {
        if held <= SMALL {
            self.taken = None;
            return true;
        }
        self.taken.as_ref().is_some_and(|taken| held >> 10 < taken.num_permits())
    }

    /// Enlarges the share for such a message; returns `false` when there is no room for too long.
    pub(super) async fn grow(&mut self, held: usize) -> bool {
        let wanted = (held >> 10) + STEP_KIB;
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Ok(more) = u32::try_from(wanted.saturating_sub(taken)) else { return false };
        let acquiring = Arc::clone(&self.room).acquire_many_owned(more);
        let Ok(Ok(more)) = timeout(MAX_WAIT, acquiring).await else { return false };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_messages_share_the_room_and_small_ones_need_none() {
        let room = Room::new(3);
        let (mut first, mut second) = (RoomShare::new(&room), RoomShare::new(&room));
        assert!(first.fits(SMALL) && !first.fits(SMALL + 1));
        assert!(first.grow(SMALL + 1).await && first.fits(1 << 20) && !first.fits(2 << 20));
        assert!(first.grow(3 << 19).await && first.fits(2 << 20));
        assert!(second.fits(SMALL) && !second.fits(SMALL + 1));
        let waiting = second.grow(SMALL + 1);
        // The first message is whole.
        assert!(first.fits(0));
        assert!(waiting.await && second.fits(SMALL + 1));
    }
}
