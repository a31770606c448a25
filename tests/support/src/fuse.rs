//! A FUSE file system whose server answers for a while and then hangs, as a dead network share
//! does (the kernel's include/uapi/linux/fuse.h).

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// The operations that the server answers with more than "not implemented".
const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const STATFS: u32 = 17;
const INIT: u32 = 26;
const OPENDIR: u32 = 27;
const RELEASEDIR: u32 = 29;
const BATCH_FORGET: u32 = 42;

/// A mounted file system of one empty folder. When it is dropped, it is unmounted, and whatever
/// waits for it gets an error.
#[derive(Debug)]
pub struct HangingMount {
    folder: PathBuf,
    is_hanging: Arc<AtomicBool>,
}

impl HangingMount {
    /// Mounts the file system on a folder; it answers until [`HangingMount::hang`]. `None` where
    /// this machine has no FUSE.
    ///
    /// # Panics
    /// The mount fails for another reason.
    pub fn new(folder: &Path) -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        let data =
            format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
        mount(Some("hanging"), folder, Some("fuse"), MsFlags::empty(), Some(data.as_str()))
            .expect("root may mount FUSE");
        let is_hanging = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_hanging);
        thread::spawn(move || serve(device, &stop));
        Some(Self { folder: folder.to_owned(), is_hanging })
    }

    /// Stops answering.
    pub fn hang(&self) {
        self.is_hanging.store(true, Ordering::SeqCst);
    }
}

impl Drop for HangingMount {
    fn drop(&mut self) {
        // MNT_FORCE ends the connection first, and with it the server's thread.
        let _ = umount2(&self.folder, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
    }
}

fn serve(mut device: File, is_hanging: &AtomicBool) {
    let mut request = vec![0; 256 << 10];
    // A request that arrives after `hang` is taken and never answered.
    while let Ok(length) = device.read(&mut request) {
        if is_hanging.load(Ordering::SeqCst) || length < 40 {
            continue;
        }
        let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().expect("4 bytes"));
        let unique = &request[8..16];
        let reply = match word(4) {
            FORGET | BATCH_FORGET => continue,
            INIT => Ok(init(word(44))),
            GETATTR => Ok(attributes()),
            STATFS => Ok(statistics()),
            OPENDIR | RELEASEDIR => Ok(vec![0; 16]),
            LOOKUP => Err(-2_i32),
            _ => Err(-38),
        };
        let (error, body) = match reply {
            Ok(body) => (0, body),
            Err(error) => (error, Vec::new()),
        };
        let length = u32::try_from(16 + body.len()).expect("a short reply");
        let head = [&length.to_ne_bytes()[..], &error.to_ne_bytes(), unique].concat();
        let _ = device.write(&[head, body].concat());
    }
}

/// struct fuse_init_out of version 7, with the kernel's own minor version and no features.
fn init(minor: u32) -> Vec<u8> {
    let mut body = vec![0; 64];
    body[..4].copy_from_slice(&7_u32.to_ne_bytes());
    body[4..8].copy_from_slice(&minor.to_ne_bytes());
    body[20..24].copy_from_slice(&4096_u32.to_ne_bytes());
    body
}

/// struct fuse_attr_out: a folder of root's that nothing caches.
fn attributes() -> Vec<u8> {
    let mut body = vec![0; 104];
    body[16] = 1;
    body[76..80].copy_from_slice(&0o40755_u32.to_ne_bytes());
    body[80] = 2;
    body
}

/// struct fuse_statfs_out: 1,000 blocks of 4 KiB, names of up to 255 bytes.
fn statistics() -> Vec<u8> {
    let mut body = vec![0; 80];
    for at in [0, 8, 16] {
        body[at..at + 8].copy_from_slice(&1000_u64.to_ne_bytes());
    }
    for (at, value) in [(40, 4096_u32), (44, 255), (48, 4096)] {
        body[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }
    body
}
