//! The folders that are still to be read, shared by the two threads that read them.

use parking_lot::{Condvar, Mutex};

/// Folders to read, and the number of keys found so far.
pub(crate) struct Queue {
    progress: Mutex<Progress>,
    changed: Condvar,
}

struct Progress {
    /// Paths and depths.
    folders: Vec<(String, usize)>,
    /// Threads that are reading a folder and may add others.
    active: usize,
    /// Keys found so far, read or not.
    keys: usize,
}

impl Queue {
    /// Returns a queue with one folder, where `keys` keys are known already.
    pub(crate) fn new(folder: String, keys: usize) -> Self {
        let progress = Progress { folders: vec![(folder, 0)], active: 0, keys };
        Self { progress: Mutex::new(progress), changed: Condvar::new() }
    }

    /// Returns the next folder, or `None` when all are read. Waits while the queue is empty but the
    /// other thread may still add to it.
    pub(crate) fn next(&self) -> Option<(String, usize)> {
        let mut progress = self.progress.lock();
        loop {
            if let Some(folder) = progress.folders.pop() {
                progress.active += 1;
                return Some(folder);
            }
            if progress.active == 0 {
                return None;
            }
            self.changed.wait(&mut progress);
        }
    }

    /// Adds the folders that a folder contains, and claims room for its keys. Returns how many of
    /// its keys may be read, so that all threads together read at most `most`.
    pub(crate) fn add(&self, folders: Vec<(String, usize)>, keys: usize, most: usize) -> usize {
        let mut progress = self.progress.lock();
        let room = keys.min(most.saturating_sub(progress.keys));
        progress.keys += room;
        progress.folders.extend(folders);
        self.changed.notify_one();
        room
    }

    /// Reports that the folder of an earlier [`next`](Self::next) is read.
    pub(crate) fn done(&self) {
        self.progress.lock().active -= 1;
        self.changed.notify_one();
    }
}
