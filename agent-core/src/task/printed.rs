//! Wakes the requests that wait for a task's output (`async.output` with `wait`).
//!
//! A supervisor counts each piece of output in the file of slots, and records there how its command
//! ended. So one inotify(7) watch on that file serves every request that waits, and exists while one
//! does. An event names no task: a request that is woken looks for itself.

use crate::inotify::Events;
use nix::sys::inotify::AddWatchFlags;
use parking_lot::Mutex;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time;

/// The most requests that wait at once.
const MAX_WAITING: usize = 64;

/// How long further output is gathered after the first, so that a command that prints line by line
/// is not answered line by line.
const GATHER: Duration = Duration::from_millis(30);

/// Tells requests that wait for output which tasks have printed some.
pub(super) struct Printed {
    /// The file of slots.
    slots: PathBuf,
    places: Arc<Semaphore>,
    /// The watch, while a request waits.
    watch: Mutex<Weak<Watch>>,
}

/// A watch on the file of slots.
struct Watch {
    events: Events,
    /// How often something was read: one request may read what another one waits for.
    changes: watch::Sender<u64>,
}

/// A request's place among those that wait.
pub(crate) struct Waiting {
    watch: Arc<Watch>,
    changes: watch::Receiver<u64>,
    /// Changes when a task's end is in the table.
    ends: watch::Receiver<u64>,
    _place: OwnedSemaphorePermit,
}

impl Printed {
    /// Begins without a watch.
    pub(super) fn new(slots: PathBuf) -> Self {
        Self { slots, places: Arc::new(Semaphore::new(MAX_WAITING)), watch: Mutex::default() }
    }

    /// Takes a place; `None` where too many wait, or the host has no more inotify instances.
    pub(super) fn wait(&self, ends: watch::Receiver<u64>) -> Option<Waiting> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let mut current = self.watch.lock();
        let watch = match current.upgrade() {
            Some(watch) => watch,
            None => {
                let opened = Watch::open(&self.slots).inspect_err(|error| {
                    log::warn!("cannot watch {}: {error}", self.slots.display());
                });
                let watch = Arc::new(opened.ok()?);
                *current = Arc::downgrade(&watch);
                watch
            }
        };
        drop(current);
        let changes = watch.changes.subscribe();
        Some(Waiting { watch, changes, ends, _place: place })
    }
}

impl Watch {
    fn open(slots: &std::path::Path) -> io::Result<Self> {
        let events = Events::open().map_err(|(_, error)| error)?;
        events.inotify().add_watch(slots, AddWatchFlags::IN_MODIFY)?;
        Ok(Self { events, changes: watch::Sender::new(0) })
    }

    /// Waits for events, and tells every request of them.
    async fn read(&self) {
        self.events.read().await;
        self.changes.send_modify(|count| *count += 1);
    }
}

impl Waiting {
    /// Returns a moment after a task has printed something, or has ended.
    pub(crate) async fn changed(&mut self) {
        tokio::select! {
            () = self.watch.read() => {}
            // The senders live as long as the watch, and as the agent.
            _ = self.changes.changed() => {}
            _ = self.ends.changed() => return,
        }
        time::sleep(GATHER).await;
        // The caller looks now.
        self.changes.mark_unchanged();
    }
}
