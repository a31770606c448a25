//! The two output streams of a task: read from their pipes, stored in their spools, counted in the
//! slot.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::unistd;

use crate::slot::{Claim, Totals};
use crate::spool::{Spool, Stream};

/// Bytes read at once: the largest part of a supervisor's memory.
const READ: usize = 16 * 1024;
/// The pipes and files of both streams.
pub(super) struct Output<'a> {
    claim: &'a Claim,
    dir: BorrowedFd<'a>,
    /// `None` once a pipe reached its end.
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

    /// Opens a pipe for a stream; returns the command's end of it.
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

    /// Reads a pipe once; returns whether there may be more right away.
    pub(super) fn take(&mut self, index: usize) -> bool {
        let totals = self.totals();
        let (Some(pipe), Some(spool)) = (self.pipes.get_mut(index), self.spools.get_mut(index))
        else {
            return false;
        };
        let Some(reader) = pipe else { return false };
        // Allocated at the first output: most waiting commands print nothing.
        self.buffer.resize(READ, 0);
        match unistd::read(reader, &mut self.buffer) {
            Ok(length @ 1..) => {
                let piece = self.buffer.get(..length).unwrap_or_default();
                spool.push(self.dir, piece, |extent| {
                    let mut totals = totals;
                    *(if index == 0 { &mut totals.stdout } else { &mut totals.stderr }) = extent;
                    // When this fails, a reader may get bytes that are being overwritten; the next
                    // count corrects it.
                    let _ = self.claim.count(&totals);
                });
                // If this fails, the next count or the record has the numbers.
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
            // A directory that cannot be synced may lose the file's name in a power cut; nothing
            // more can be done about that here.
            let _ = unistd::fsync(self.dir);
        }
    }
}
