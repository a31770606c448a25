//! Carries the agent's output to the log: one pipe for boot's whole life, split into lines.
//!
//! [`super::supervise`] owns it. Both ends stay open here, so that a command that outlives its
//! agent can keep writing, and the next agent needs no new pipe.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::Error;
use super::log::Log;

/// Bytes that are held of a line; a longer line is split.
const LINE_MAX: usize = 8 * 1024;

/// Bytes that are read after the agent has exited: no less than a pipe holds (64 KiB, pipe(7)), but
/// bounded, as a child of the agent may still be writing.
const REST_MAX: usize = 128 * 1024;

/// The pipe, and the start of a line whose end has not arrived.
#[derive(Debug)]
pub(super) struct Output {
    reader: PipeReader,
    writer: PipeWriter,
    held: Box<[u8; LINE_MAX]>,
    length: usize,
}

impl Output {
    /// Creates the pipe.
    ///
    /// # Errors
    /// [`Error::System`]: no descriptors are left.
    pub(super) fn new() -> Result<Self, Error> {
        let failed = |source| Error::System { call: "pipe", source };
        let (reader, writer) = io::pipe().map_err(failed)?;
        // Only this end: a writer with O_NONBLOCK would lose lines whenever boot is slower.
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
            .map_err(|errno| failed(errno.into()))?;
        Ok(Self { reader, writer, held: Box::new([0; LINE_MAX]), length: 0 })
    }

    /// Returns the reading end, for poll(2).
    pub(super) fn reader(&self) -> &PipeReader {
        &self.reader
    }

    /// Returns a writing end for the agent.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn stdio(&self) -> io::Result<Stdio> {
        Ok(self.writer.try_clone()?.into())
    }

    /// Reads once and logs whole lines. Returns the bytes read, 0 when the pipe is empty.
    pub(super) fn pass_on(&mut self, log: &mut Log) -> usize {
        // Boot itself holds a writing end, so the pipe never ends, and EAGAIN is the only error.
        let count = self.reader.read(&mut self.held[self.length..]).unwrap_or(0);
        self.length += count;
        let held = &self.held[..self.length];
        if let Some(end) = held.iter().rposition(|&byte| byte == b'\n') {
            log.append(&held[..=end]);
            self.held.copy_within(end + 1..self.length, 0);
            self.length -= end + 1;
        } else if self.length == LINE_MAX {
            self.end_line(log);
        }
        count
    }

    /// Logs the rest of the pipe, including a last line without an end.
    pub(super) fn finish(&mut self, log: &mut Log) {
        let mut taken = 0;
        while taken < REST_MAX {
            match self.pass_on(log) {
                0 => break,
                count => taken += count,
            }
        }
        self.end_line(log);
    }

    fn end_line(&mut self, log: &mut Log) {
        if self.length > 0 {
            let mut line = self.held[..self.length].to_vec();
            line.push(b'\n');
            log.append(&line);
            self.length = 0;
        }
    }
}
