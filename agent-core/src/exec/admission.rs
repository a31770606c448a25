//! Admission of commands: which run now, wait, or are rejected. A counter and a queue, both
//! bounded; the queue also in its memory.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::exec::StartError;

/// The most bytes of all waiting commands together: their text, environment and input.
const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

/// The permits for running commands, first come, first served.
#[derive(Debug)]
pub(crate) struct Admission(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    running: usize,
    max_running: usize,
    max_queued: usize,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    permit: oneshot::Sender<Permit>,
    bytes: usize,
}

impl Queue {
    fn has_room(&self, bytes: usize) -> bool {
        let held: usize = self.waiting.iter().map(|waiting| waiting.bytes).sum();
        self.waiting.len() < self.max_queued && held.saturating_add(bytes) <= MAX_WAITING_BYTES
    }
}

/// A permit to run one command, released when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Option<Arc<Admission>>);

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(admission) = self.0.take() {
            admission.lock().running -= 1;
            admission.admit();
        }
    }
}

impl Admission {
    pub(crate) fn new(max_running: usize, max_queued: usize) -> Arc<Self> {
        let waiting = VecDeque::new();
        Arc::new(Self(Mutex::new(Queue { running: 0, max_running, max_queued, waiting })))
    }

    /// Sets new bounds. Commands that run or wait beyond them stay.
    pub(crate) fn resize(self: &Arc<Self>, max_running: usize, max_queued: usize) {
        let mut state = self.lock();
        state.max_running = max_running;
        state.max_queued = max_queued;
        drop(state);
        self.admit();
    }

    /// Returns a permit, at once or after a wait during which the command holds so many bytes of
    /// memory. Fails at once with [`StartError::Busy`] when the queue is full.
    pub(crate) async fn enter(self: &Arc<Self>, bytes: usize) -> Result<Permit, StartError> {
        let waiter = {
            let mut state = self.lock();
            if state.running < state.max_running {
                state.running += 1;
                return Ok(Permit(Some(Arc::clone(self))));
            }
            if !state.has_room(bytes) {
                // Commands that gave up waiting are still in the queue.
                state.waiting.retain(|waiting| !waiting.permit.is_closed());
            }
            if !state.has_room(bytes) {
                return Err(StartError::Busy {
                    running: state.running,
                    queued: state.waiting.len(),
                });
            }
            let (permit, waiter) = oneshot::channel();
            state.waiting.push_back(Waiting { permit, bytes });
            waiter
        };
        // The sender is in the queue of `self`, which is borrowed here: it is not dropped unused.
        waiter.await.map_err(|_| StartError::ShuttingDown)
    }

    fn admit(self: &Arc<Self>) {
        loop {
            let mut state = self.lock();
            if state.running >= state.max_running {
                return;
            }
            let Some(next) = state.waiting.pop_front() else { return };
            state.running += 1;
            drop(state);
            if let Err(mut unwanted) = next.permit.send(Permit(Some(Arc::clone(self)))) {
                // Given back here, not by its drop, which would call this function recursively, one
                // level deeper for each command that gave up.
                unwanted.0 = None;
                self.lock().running -= 1;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }

    #[test]
    fn a_command_beyond_the_queue_is_rejected_at_once_and_a_released_permit_goes_to_the_first_in_it()
     {
        let admission = Admission::new(1, 2);
        let Poll::Ready(Ok(running)) = poll(std::pin::pin!(admission.enter(0))) else {
            panic!("not admitted")
        };
        let mut first = Box::pin(admission.enter(0));
        let mut second = Box::pin(admission.enter(0));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        let refused = poll(std::pin::pin!(admission.enter(0)));
        assert!(matches!(refused, Poll::Ready(Err(StartError::Busy { running: 1, queued: 2 }))));

        drop(first);
        let mut third = Box::pin(admission.enter(0));
        assert!(
            poll(third.as_mut()).is_pending(),
            "the place in the queue of a command that gave up is free"
        );
        drop(running);
        let Poll::Ready(Ok(running)) = poll(second.as_mut()) else { panic!("second is next") };
        assert!(poll(third.as_mut()).is_pending());
        admission.resize(2, 0);
        assert!(matches!(poll(third.as_mut()), Poll::Ready(Ok(_))));
        drop(running);
        assert_eq!(admission.lock().running, 0);
    }

    #[test]
    fn waiting_commands_are_bounded_in_bytes_too() {
        let admission = Admission::new(1, 1000);
        let Poll::Ready(Ok(_running)) = poll(std::pin::pin!(admission.enter(usize::MAX))) else {
            panic!("a command that runs at once does not wait")
        };
        let half = MAX_WAITING_BYTES / 2;
        let mut first = Box::pin(admission.enter(half));
        let mut second = Box::pin(admission.enter(half));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        let refused = poll(std::pin::pin!(admission.enter(1)));
        assert!(matches!(refused, Poll::Ready(Err(StartError::Busy { running: 1, queued: 2 }))));
        drop(first);
        assert!(poll(std::pin::pin!(admission.enter(half))).is_pending());
    }
}
