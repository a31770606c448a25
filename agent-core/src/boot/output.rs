//! The agent's output on its way to the log: one pipe for boot's whole life, cut into lines.
//!
//! Owned by [`super::supervise`]. Both ends stay open here, so that a command which outlives its
//! agent can go on writing, and what the next agent writes needs no new pipe.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::process::Stdio;

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::log::Log;
use crate::Error;

/// The most that is held of a line; a longer one is cut in two.
const LINE_MAX: usize = 8 * 1024;

/// The most that is read at once when the agent has ended: no less than a pipe holds (64 KiB,
/// pipe(7)), but bounded, as one of its children may still be writing.
const REST_MAX: usize = 128 * 1024;

/// The pipe, and the start of a line whose end has not come.
#[derive(Debug)]
pub(super) struct Output {
    reader: PipeReader,
    writer: PipeWriter,
    held: Box<[u8; LINE_MAX]>,
    length: usize,
}

impl Output {
    /// # Errors
    /// No descriptors are left.
    pub(super) fn new() -> Result<Self, Error> {
        let failed = |source| Error::System { call: "pipe", source };
        let (reader, writer) = io::pipe().map_err(failed)?;
        // Only this end: a writer that met O_NONBLOCK would lose lines when boot is slower.
        fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|errno| failed(errno.into()))?;
        Ok(Self { reader, writer, held: Box::new([0; LINE_MAX]), length: 0 })
    }

    /// The end to wait for.
    pub(super) fn reader(&self) -> &PipeReader {
        &self.reader
    }

    /// An end for the agent to write to.
    ///
    /// # Errors
    /// No descriptors are left.
    pub(super) fn stdio(&self) -> io::Result<Stdio> {
        Ok(self.writer.try_clone()?.into())
    }

    /// Reads once and logs the lines that are whole; returns how many bytes came, 0 when none are
    /// there.
    pub(super) fn pass_on(&mut self, log: &mut Log) -> usize {
        // The pipe has a writer, ourselves: it never ends, and EAGAIN is all that can fail.
        let came = self.reader.read(&mut self.held[self.length..]).unwrap_or(0);
        self.length += came;
        let held = &self.held[..self.length];
        if let Some(end) = held.iter().rposition(|&byte| byte == b'\n') {
            log.append(&held[..=end]);
            self.held.copy_within(end + 1..self.length, 0);
            self.length -= end + 1;
        } else if self.length == LINE_MAX {
            self.end_line(log);
        }
        came
    }

    /// Logs what is left in the pipe, and a last line even if its end is missing.
    pub(super) fn finish(&mut self, log: &mut Log) {
        let mut taken = 0;
        while taken < REST_MAX {
            match self.pass_on(log) {
                0 => break,
                came => taken += came,
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
