//! The pipe in which children report why they could not become their command.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use agent_sys::{FailureReport, StartFailure};
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::unistd;

/// Reports kept that nobody has asked for: of commands that were killed while they failed.
const MAX_FAILURES: usize = 4096;

/// The pipe and the reports read from it.
#[derive(Debug)]
pub(super) struct Failures {
    reader: OwnedFd,
    pub(super) writer: OwnedFd,
    pending: Mutex<HashMap<u64, StartFailure>>,
}

impl Failures {
    pub(super) fn open() -> io::Result<Self> {
        let (reader, writer) = unistd::pipe2(OFlag::O_CLOEXEC)?;
        fcntl::fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { reader, writer, pending: Mutex::default() })
    }

    /// Takes the report of a launch. The child wrote before it exited, so once its end is known its
    /// report is here.
    pub(super) fn take(&self, id: u64) -> Option<StartFailure> {
        let mut pending = self.pending.lock();
        let mut buffer = [0; 64 * FailureReport::LEN];
        while let Ok(length @ 1..) = unistd::read(&self.reader, &mut buffer) {
            let reports = buffer.get(..length).unwrap_or_default().chunks_exact(FailureReport::LEN);
            for FailureReport { id, failure } in reports.filter_map(FailureReport::from_bytes) {
                if pending.len() >= MAX_FAILURES {
                    pending.clear();
                }
                pending.insert(id, failure);
            }
        }
        pending.remove(&id)
    }
}
