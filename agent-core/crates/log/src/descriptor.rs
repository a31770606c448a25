//! A descriptor as the end of a log.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd as _, OwnedFd};

/// A descriptor whose writes wait, also where it is non-blocking.
///
/// O_NONBLOCK belongs to the open file (open(2)), which standard error shares with the programs
/// that got it from the same place, and any of them may have set it.
#[derive(Debug)]
pub struct Descriptor(File);

impl Descriptor {
    /// Writes to `out`.
    pub fn new(out: impl Into<OwnedFd>) -> Self {
        Self(File::from(out.into()))
    }
}

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut ready = [PollFd::new(self.0.as_fd(), PollFlags::POLLOUT)];
                    match poll(&mut ready, PollTimeout::NONE) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
