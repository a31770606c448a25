//! Files that the operator names: the configuration, the policy, TLS files, calendars.
//!
//! Such a path may lead to a FIFO, a device, or a share whose server is gone. A process that opens
//! or reads one may hang, in the worst case where not even SIGKILL ends it: then a thread of the
//! agent would keep the agent from exiting and its lock from being released. So a short-lived
//! process of its own (the same binary, [`READER_FLAG`]) opens, checks and reads each file, and the
//! agent waits for it with a bound.

mod child;
mod content;
mod error;

pub(crate) use child::{READER_FLAG, reader_main};
pub(crate) use content::Writers;
pub(crate) use error::Error;

use agent_sys::pidfd::PidFd;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parking_lot::Mutex;
use std::io::{self, PipeReader, Read as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

/// How long a file may take.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Readers that may hang at once; while there are so many, no further file is read.
const MAX_STUCK: usize = 16;

/// Readers that did not end in time, until they do. A file is not read again while its reader
/// hangs, so that a file that is asked for often does not gather readers, or delay the agent often.
static STUCK: Mutex<Vec<(PathBuf, Child)>> = Mutex::new(Vec::new());

/// Reads a file of at most `max` bytes. It blocks the thread for [`TIMEOUT`] at most.
///
/// # Errors
/// The reason why the file cannot be used.
pub(crate) fn read(path: &Path, max: u64, writers: Writers) -> Result<Vec<u8>, Error> {
    Reading::start(path, max, writers).finish()
}

/// A file that is being read, so that several can be read at once.
pub(crate) struct Reading {
    path: PathBuf,
    state: State,
    deadline: Instant,
}

enum State {
    Done(Result<Vec<u8>, Error>),
    Running(Child, PipeReader),
}

impl Reading {
    /// Starts to read a file of at most `max` bytes.
    pub(crate) fn start(path: &Path, max: u64, writers: Writers) -> Self {
        let state = if cfg!(test) {
            // A unit test's own binary is not the agent.
            State::Done(content::read(path, max, writers))
        } else if is_stuck(path) {
            State::Done(Err(Error::Silent { since: None }))
        } else {
            match child::spawn(path, max, writers) {
                Ok((child, out)) => State::Running(child, out),
                // The host has no processes or descriptors left: better to risk a hang than to be
                // sure of having no file.
                Err(_) => State::Done(content::read(path, max, writers)),
            }
        };
        Self { path: path.to_owned(), state, deadline: Instant::now() + TIMEOUT }
    }

    /// Reads a file of the state directory, where the agent works anyway, in this process.
    pub(crate) fn here(path: &Path, max: u64, writers: Writers) -> Self {
        let state = State::Done(content::read(path, max, writers));
        Self { path: path.to_owned(), state, deadline: Instant::now() }
    }

    /// Waits for the content, until [`TIMEOUT`] after the start at most.
    ///
    /// # Errors
    /// The reason why the file cannot be used.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        let (mut child, mut out) = match self.state {
            State::Done(result) => return result,
            State::Running(child, out) => (child, out),
        };
        let mut answer = Vec::new();
        let result = loop {
            let mut part = [0; 8192];
            match is_ready(&out, self.deadline) {
                Ok(true) => match out.read(&mut part) {
                    Ok(0) => break child::answer(answer),
                    Ok(count) => answer.extend_from_slice(&part[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => break Err(Error::System(error)),
                },
                Ok(false) => break Err(Error::Silent { since: Some(TIMEOUT) }),
                Err(error) => break Err(Error::System(error)),
            }
        };
        if result.is_err() {
            // One that has ended, or cannot be ended now, is not worth a message.
            let _ = child.kill();
        }
        let ended = i32::try_from(child.id()).ok().and_then(|pid| PidFd::open(pid).ok());
        // Closing a file may hang too (close(2) flushes it).
        if let Some(ended) = ended {
            let _ = is_ready(&ended, self.deadline.min(Instant::now() + TIMEOUT / 10));
        }
        if !matches!(child.try_wait(), Ok(Some(_))) {
            STUCK.lock().push((self.path, child));
        }
        result
    }
}

/// Returns whether a reader of this path, or too many of others, still hang.
fn is_stuck(path: &Path) -> bool {
    let mut stuck = STUCK.lock();
    stuck.retain_mut(|(_, child)| !matches!(child.try_wait(), Ok(Some(_)) | Err(_)));
    stuck.len() >= MAX_STUCK || stuck.iter().any(|(other, _)| other == path)
}

/// Waits until the descriptor is readable; `false` at the deadline.
fn is_ready(fd: &impl AsFd, deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(0) if left.is_zero() => return Ok(false),
            // A timeout is rounded down to milliseconds.
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}
