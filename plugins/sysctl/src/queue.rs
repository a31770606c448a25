//! The folders that are still to be read, shared by the two threads that read them.
//!
//! Folders of the system as a whole come first, in any order. Then those of single interfaces and
//! processors, which a host may have thousands of, in the order of the interfaces' names: where
//! there are more keys than an answer takes, it has the same keys at each call, and always those of
//! the system.

use std::collections::BTreeSet;

use parking_lot::{Condvar, Mutex};

/// Folders to read, and the number of keys found so far.
pub(crate) struct Queue {
    progress: Mutex<Progress>,
    changed: Condvar,
    most: usize,
}

struct Progress {
    /// Paths and depths.
    folders: Vec<(String, usize)>,
    /// Folders of one interface or processor: its name, then path and depth.
    single: BTreeSet<(String, String, usize)>,
    /// Threads that are reading a folder and may add others.
    active: usize,
    /// Keys found so far, read or not.
    keys: usize,
    is_cut: bool,
}

/// A folder's content: names of keys, and paths of folders.
pub(crate) struct Content<F> {
    pub(crate) folder: F,
    pub(crate) path: String,
    pub(crate) keys: Vec<String>,
    pub(crate) folders: Vec<(String, usize)>,
}

impl Queue {
    /// Returns a queue with one folder, where `keys` of at most `most` keys are known already.
    pub(crate) fn new(folder: String, keys: usize, most: usize) -> Self {
        let progress = Progress {
            folders: vec![(folder, 0)],
            single: BTreeSet::new(),
            active: 0,
            keys,
            is_cut: false,
        };
        Self { progress: Mutex::new(progress), changed: Condvar::new(), most }
    }

    /// Returns the next folder with the keys in it that the answer takes, or `None` when all are
    /// read. `list` lists a folder; where it returns `None`, the folder is skipped. Waits while
    /// the queue is empty but the other thread may still add to it.
    pub(crate) fn next<F>(
        &self,
        mut list: impl FnMut(&str, usize) -> Option<Content<F>>,
    ) -> Option<Content<F>> {
        let mut progress = self.progress.lock();
        loop {
            if let Some((path, depth)) = progress.folders.pop() {
                progress.active += 1;
                drop(progress);
                let content = list(&path, depth);
                progress = self.progress.lock();
                progress.active -= 1;
                let content = content.map(|content| progress.take(content, self.most));
                self.changed.notify_one();
                if content.is_some() {
                    return content;
                }
            } else if progress.active > 0 {
                self.changed.wait(&mut progress);
            } else {
                // Listed under the lock: the order decides whose keys the answer takes.
                let (_, path, depth) = progress.single.pop_first()?;
                if let Some(content) = list(&path, depth) {
                    return Some(progress.take(content, self.most));
                }
            }
        }
    }

    /// Returns whether there are more keys than the answer takes.
    pub(crate) fn is_cut(&self) -> bool {
        self.progress.lock().is_cut
    }
}

impl Progress {
    /// Adds the folders in a folder, and keeps of its keys those that there is room for.
    fn take<F>(&mut self, mut content: Content<F>, most: usize) -> Content<F> {
        for (path, depth) in content.folders.drain(..) {
            match owner(&path) {
                Some(owner) => drop(self.single.insert((owner.to_owned(), path, depth))),
                None => self.folders.push((path, depth)),
            }
        }
        let room = most.saturating_sub(self.keys);
        if content.keys.len() > room {
            content.keys.sort_unstable();
            content.keys.truncate(room);
            self.is_cut = true;
        }
        self.keys += content.keys.len();
        content
    }
}

/// Returns the interface or processor that a folder belongs to: `eth0` for net/ipv4/conf/eth0.
fn owner(path: &str) -> Option<&str> {
    let mut parts = path.split('/');
    match (parts.next()?, parts.next()?, parts.next()?, parts.next()) {
        ("net", _, "conf" | "neigh", name) => {
            name.filter(|name| !matches!(*name, "all" | "default" | "lo"))
        }
        ("kernel", "sched_domain", processor, _) => Some(processor),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_one_interface_are_told_from_those_of_all() {
        for (path, want) in [
            ("net/ipv4/conf/eth0", Some("eth0")),
            ("net/ipv6/neigh/eth0.5", Some("eth0.5")),
            ("kernel/sched_domain/cpu7/domain0", Some("cpu7")),
            ("net/ipv4/conf/all", None),
            ("net/ipv4/conf/lo", None),
            ("net/ipv4/conf", None),
            ("net/ipv4/route", None),
            ("kernel/sched_domain", None),
            ("vm", None),
            ("", None),
        ] {
            assert_eq!(owner(path), want, "{path}");
        }
    }
}
