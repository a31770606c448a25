//! Reports changes in the directories that schedules come from, by inotify(7): crontab files, zones
//! and calendars.
//!
//! While a directory does not exist, its nearest existing ancestor is watched.

use super::Error;
use crate::inotify::Events;
use nix::errno::Errno;
use nix::libc;
use nix::sys::inotify::{AddWatchFlags, Inotify, WatchDescriptor};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long further changes are gathered after the first: editors and package managers make
/// several.
const SETTLE: Duration = Duration::from_millis(200);

/// The most attempts to watch a deeper directory, while directories are being created.
const MAX_PLACES: usize = 16;

/// The most directories that are watched together.
const MAX_DIRS: usize = 256;

/// Watches directories.
pub(crate) struct Watch {
    dirs: BTreeSet<PathBuf>,
    events: Events,
    places: Vec<WatchDescriptor>,
}

impl Watch {
    /// Watches directories, which need not exist yet. Changes from now on are reported.
    ///
    /// # Errors
    /// [`Error::System`]: the host has no more inotify instances or watches.
    pub(crate) fn new(dirs: BTreeSet<PathBuf>) -> Result<Self, Error> {
        let events = Events::open().map_err(|(call, source)| Error::system(call, source))?;
        let mut watch = Self { dirs, events, places: Vec::new() };
        watch.place()?;
        Ok(watch)
    }

    /// Watches these directories instead.
    ///
    /// # Errors
    /// As [`Watch::new`].
    pub(crate) fn set(&mut self, dirs: BTreeSet<PathBuf>) -> Result<(), Error> {
        if self.dirs == dirs {
            return Ok(());
        }
        self.dirs = dirs;
        self.place()
    }

    /// Returns a moment after a change. Dropping the future loses no change.
    ///
    /// # Errors
    /// As [`Watch::new`].
    pub(crate) async fn changed(&mut self) -> Result<(), Error> {
        self.events.read().await;
        tokio::time::sleep(SETTLE).await;
        while self.events.inotify().read_events().is_ok() {}
        self.place()
    }

    /// Watches the directories, or their nearest existing ancestors. Called again after each
    /// change: they may have been replaced.
    fn place(&mut self) -> Result<(), Error> {
        let mut places = Vec::with_capacity(self.dirs.len());
        for dir in self.dirs.iter().take(MAX_DIRS) {
            for _ in 0..MAX_PLACES {
                let (depth, place) = place_once(self.events.inotify(), dir)?;
                places.extend(place);
                // A directory that was created below it before the watch has no event.
                let below = depth.checked_sub(1).and_then(|above| dir.ancestors().nth(above));
                if !below.is_some_and(Path::is_dir) {
                    break;
                }
            }
        }
        // The same watches as before where nothing has moved. Removing an old one causes one more
        // event.
        let old = std::mem::replace(&mut self.places, places);
        for place in old.into_iter().filter(|place| !self.places.contains(place)) {
            let _ = self.events.inotify().rm_watch(place);
        }
        Ok(())
    }
}

/// Watches a directory or its nearest existing ancestor. Returns how many levels above the
/// directory it is.
fn place_once(inotify: &Inotify, dir: &Path) -> Result<(usize, Option<WatchDescriptor>), Error> {
    let content = AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_CLOSE_WRITE
        | AddWatchFlags::IN_MOVED_FROM
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_DELETE
        | AddWatchFlags::IN_ATTRIB;
    let itself = AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF;
    let above = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    // One directory may be another's ancestor: what is watched there adds up.
    let adds = AddWatchFlags::from_bits_retain(libc::IN_MASK_ADD);
    let always = AddWatchFlags::IN_ONLYDIR | adds;
    for (depth, dir) in dir.ancestors().enumerate() {
        let flags = always | itself | if depth == 0 { content } else { above };
        match inotify.add_watch(dir, flags) {
            Ok(place) => return Ok((depth, Some(place))),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => return Err(Error::system("inotify_add_watch", errno)),
        }
    }
    Ok((0, None))
}
