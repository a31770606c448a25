//! A file system that never answers, as the mount of a network share whose server is gone.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::needs_root;

/// A mount in a namespace of the calling thread, and of the threads that it starts. Every operation
/// on it blocks until the mount is dropped.
#[derive(Debug)]
pub struct DeadShare {
    /// The server's end, on which nobody answers.
    _device: File,
    path: PathBuf,
}

impl DeadShare {
    /// Mounts a dead share over a folder. `None`, with a line that the test is skipped, without
    /// root or FUSE.
    ///
    /// # Panics
    /// When the folder does not exist.
    #[must_use]
    pub fn mount(path: &Path) -> Option<Self> {
        if !needs_root("a dead share") {
            return None;
        }
        let Ok(device) = File::options().read(true).write(true).open("/dev/fuse") else {
            eprintln!("SKIPPED (needs /dev/fuse): a dead share");
            return None;
        };
        unshare(CloneFlags::CLONE_NEWNS).expect("we are root");
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("our namespace");
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", device.as_raw_fd());
        mount(Some("dead"), path, Some("fuse"), MsFlags::empty(), Some(options.as_str()))
            .expect("a FUSE mount");
        Some(Self { _device: device, path: path.to_owned() })
    }
}

impl Drop for DeadShare {
    fn drop(&mut self) {
        let _ = umount2(&self.path, MntFlags::MNT_DETACH);
    }
}
