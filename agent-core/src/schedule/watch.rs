//! Reports changes in the directory of crontab files, by inotify(7).
//!
//! While the directory does not exist, its nearest existing ancestor is watched.

use super::Error;
use agent_sys::readiness;
use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How long further changes are gathered after the first: editors and package managers make
/// several.
const SETTLE: Duration = Duration::from_millis(200);

/// The most attempts to watch a deeper directory, while directories are being created.
const MAX_PLACES: usize = 16;

/// Watches one directory.
pub(crate) struct Watch {
    dir: PathBuf,
    inotify: Inotify,
    /// A second descriptor of the same, for the event loop.
    watched: AsyncFd<OwnedFd>,
    place: Option<WatchDescriptor>,
}

impl Watch {
    /// Watches a directory, which need not exist yet. Changes from now on are reported.
    ///
    /// # Errors
    /// [`Error::System`]: the host has no more inotify instances or watches.
    pub(crate) fn new(dir: &Path) -> Result<Self, Error> {
        let failed = |errno: Errno| Error::system("inotify_init1", errno);
        let inotify =
            Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).map_err(failed)?;
        let second = inotify.as_fd().try_clone_to_owned();
        let watched = second
            .and_then(|second| readiness::watch(second, Interest::READABLE))
            .map_err(|source| Error::system("epoll_ctl", source))?;
        let mut watch = Self { dir: dir.to_owned(), inotify, watched, place: None };
        watch.place()?;
        Ok(watch)
    }

    /// Returns a moment after a change. Dropping the future loses no change.
    ///
    /// # Errors
    /// As [`Watch::new`].
    pub(crate) async fn changed(&mut self) -> Result<(), Error> {
        loop {
            let Ok(mut ready) = self.watched.readable().await else {
                return std::future::pending().await;
            };
            match self.inotify.read_events() {
                Err(Errno::EAGAIN) => ready.clear_ready(),
                // Lost events are changes too.
                _ => break,
            }
        }
        tokio::time::sleep(SETTLE).await;
        while self.inotify.read_events().is_ok() {}
        self.place()
    }

    /// Watches the directory, or its nearest existing ancestor. Called again after each change: it
    /// may have been replaced.
    fn place(&mut self) -> Result<(), Error> {
        for _ in 0..MAX_PLACES {
            let depth = self.place_once()?;
            // A directory that was created below it before the watch has no event.
            let below = depth.checked_sub(1).and_then(|above| self.dir.ancestors().nth(above));
            if !below.is_some_and(Path::is_dir) {
                break;
            }
        }
        Ok(())
    }

    /// Places the watch once. Returns how many levels above the directory it is.
    fn place_once(&mut self) -> Result<usize, Error> {
        let content = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ATTRIB;
        let itself =
            AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_ONLYDIR;
        let above = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
        for (depth, dir) in self.dir.ancestors().enumerate() {
            let flags = itself | if depth == 0 { content } else { above };
            match self.inotify.add_watch(dir, flags) {
                Ok(place) => {
                    // The same watch as before where nothing has moved. Removing an old one causes
                    // one more event.
                    if let Some(old) = self.place.replace(place).filter(|old| *old != place) {
                        let _ = self.inotify.rm_watch(old);
                    }
                    return Ok(depth);
                }
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(errno) => {
                    return Err(Error::system("inotify_add_watch", errno));
                }
            }
        }
        Ok(0)
    }
}
