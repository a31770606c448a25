//! The two streams of a task: from their pipes into their spools, counted in the slot.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::unistd;

use crate::slot::{Claim, Totals};
use crate::spool::{Spool, Stream};

/// Bytes read at once. A supervisor's memory is mostly this.
const READ: usize = 16 * 1024;
/// The pipes and files of both streams.
pub(super) struct Output<'a> {
    claim: &'a Claim,
    dir: BorrowedFd<'a>,
    /// `None` once at its end.
    pub(super) pipes: [Option<OwnedFd>; 2],
    spools: [Spool; 2],
    buffer: Vec<u8>,
}

impl<'a> Output<'a> {
    pub(super) fn new(claim: &'a Claim, dir: BorrowedFd<'a>, max: u64) -> Self {
        let spool = |stream: Stream| Spool::new(stream.file_name(claim.n()), max);
        let spools = [spool(Stream::Stdout), spool(Stream::Stderr)];
        Self { claim, dir, pipes: [None, None], spools, buffer: Vec::new() }
    }

    /// A new pipe for a stream; the command's end of it.
    pub(super) fn open(&mut self, index: usize) -> io::Result<OwnedFd> {
        let (reader, writer) = unistd::pipe2(OFlag::O_CLOEXEC)?;
        // Ours only: the command's end blocks, as programs expect.
        fcntl::fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        if let Some(pipe) = self.pipes.get_mut(index) {
            *pipe = Some(reader);
        }
        Ok(writer)
    }

    pub(super) fn at_end(&self) -> bool {
        self.pipes.iter().all(Option::is_none)
    }

    /// Takes one piece of a pipe; true when there may be more at once.
    pub(super) fn take(&mut self, index: usize) -> bool {
        let totals = self.totals();
        let (Some(pipe), Some(spool)) = (self.pipes.get_mut(index), self.spools.get_mut(index)) else {
            return false;
        };
        let Some(reader) = pipe else { return false };
        // Not before the first output: most of what waits says nothing.
        self.buffer.resize(READ, 0);
        match unistd::read(reader, &mut self.buffer) {
            Ok(length @ 1..) => {
                let piece = self.buffer.get(..length).unwrap_or_default();
                spool.push(self.dir, piece, |extent| {
                    let mut totals = totals;
                    *(if index == 0 { &mut totals.stdout } else { &mut totals.stderr }) = extent;
                    // A reader that learns too late that bytes are overwritten would get others: no
                    // way out but to tell it at the next chance.
                    let _ = self.claim.count(&totals);
                });
                // What could not be counted now is counted with the next piece, or in the record.
                let _ = self.claim.count(&self.totals());
                true
            }
            Err(Errno::EINTR) => true,
            Err(Errno::EAGAIN) => false,
            Ok(_) | Err(_) => {
                *pipe = None;
                false
            }
        }
    }

    pub(super) fn totals(&self) -> Totals {
        let [stdout, stderr] = &self.spools;
        Totals { stdout: stdout.extent(), stderr: stderr.extent() }
    }

    pub(super) fn sync(&mut self) {
        let mut made = false;
        for spool in &mut self.spools {
            made |= spool.sync();
        }
        if made {
            // A directory that cannot be synced loses a file's name in a power cut, and the reader
            // of the record then finds no file: nothing more can be done about it from here.
            let _ = unistd::fsync(self.dir);
        }
    }
}
