//! A request's output as it arrives: its frames wait here for one client, within a bound.
//!
//! A client that reads slowly loses frames and gets the number of lost bytes; it delays neither the
//! session nor the other requests to its host.

use super::reply::NoReply;
use super::session::Session;
use agent_wire::Params;
use agent_wire::message::line;
use parking_lot::Mutex;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use tokio::task::JoinHandle;

/// Bytes of frames that wait for one client.
const MAX_WAITING: usize = 1 << 20;

/// Returns the bytes of output in a frame.
pub(super) fn output_bytes(frame: &Map<String, Value>) -> u64 {
    let params = Params::new(frame);
    let text_of = |name| params.text(name).ok().flatten();
    let length = text_of("data").map_or(0, str::len);
    let bytes = if text_of("encoding").is_some() { length / 4 * 3 } else { length };
    bytes as u64
}

/// The frames between the channel and one client.
#[derive(Default)]
struct Buffer {
    lines: Vec<u8>,
    /// Bytes of output discarded since the last line.
    dropped: u64,
    /// `Some` once the reply has come or cannot come anymore.
    end: Option<Result<(), NoReply>>,
    reader: Option<Waker>,
}

impl Buffer {
    fn push(&mut self, text: &str) {
        // A line break in a message is white space between its tokens; here it would end the line.
        self.lines.extend(
            text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }),
        );
        self.lines.push(b'\n');
        self.wake();
    }

    fn report_dropped(&mut self, id: &str) {
        if self.dropped > 0 {
            let mut notice = Vec::new();
            line(
                &serde_json::json!({ "id": id, "resp": "output", "dropped": self.dropped }),
                &mut notice,
            );
            self.lines.extend(notice);
            self.dropped = 0;
        }
    }

    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// The end that the session's mailbox holds.
pub(super) struct StreamInput {
    buffer: Arc<Mutex<Buffer>>,
    /// Knows why it ended, should it end before the reply.
    session: Weak<Session>,
}

impl StreamInput {
    /// Adds a frame with `bytes` of output; discards it when too many bytes are waiting already.
    pub(super) fn frame(&self, id: &str, text: &str, bytes: u64) {
        let mut buffer = self.buffer.lock();
        if buffer.lines.len() + text.len() > MAX_WAITING {
            buffer.dropped += bytes;
        } else {
            buffer.report_dropped(id);
            buffer.push(text);
        }
    }

    /// Counts bytes of output that got lost on their way.
    pub(super) fn lost(&self, bytes: u64) {
        self.buffer.lock().dropped += bytes;
    }

    /// Ends the output: there will be no reply.
    pub(super) fn fail(&self, why: NoReply) {
        let mut buffer = self.buffer.lock();
        buffer.end.get_or_insert(Err(why));
        buffer.wake();
    }

    /// Adds the reply, which is never discarded.
    pub(super) fn reply(&self, id: &str, text: &str) {
        let mut buffer = self.buffer.lock();
        buffer.report_dropped(id);
        buffer.end = Some(Ok(()));
        buffer.push(text);
    }
}

impl Drop for StreamInput {
    fn drop(&mut self) {
        let end = self.session.upgrade().map_or(NoReply::Disconnected, |session| session.end());
        let mut buffer = self.buffer.lock();
        buffer.end.get_or_insert(Err(end));
        buffer.wake();
    }
}

/// The client's end. Dropped before the reply has come, it cancels the command.
pub(crate) struct OutputStream {
    source: Source,
    id: String,
    buffer: Arc<Mutex<Buffer>>,
}

/// Where the frames come from.
enum Source {
    /// A session here.
    Session(Arc<Session>),
    /// Another node, by this task; it tells the other node when it ends early.
    Task(JoinHandle<()>),
}

impl fmt::Debug for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputStream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl OutputStream {
    /// Makes a stream, and the end that the mailbox holds.
    pub(super) fn new(session: Arc<Session>, id: String) -> (Self, StreamInput) {
        let buffer = Arc::default();
        let input = StreamInput { buffer: Arc::clone(&buffer), session: Arc::downgrade(&session) };
        (Self { source: Source::Session(session), id, buffer }, input)
    }

    /// Makes the stream of a request to another node, whose frames a task receives.
    pub(super) fn received(
        id: String,
        receive: impl FnOnce(StreamInput) -> JoinHandle<()>,
    ) -> Self {
        let buffer = Arc::default();
        let input = StreamInput { buffer: Arc::clone(&buffer), session: Weak::new() };
        Self { source: Source::Task(receive(input)), id, buffer }
    }

    /// Returns everything that waits, in whole lines; `None` after the reply, which is the last
    /// line.
    ///
    /// # Errors
    /// When the session ended first, or a message about this request cannot be read.
    pub(crate) fn poll_lines(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Vec<u8>, NoReply>>> {
        let mut buffer = self.buffer.lock();
        if !buffer.lines.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut buffer.lines))));
        }
        match buffer.end.clone() {
            None => {
                buffer.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(Ok(())) => Poll::Ready(None),
            Some(Err(why)) => Poll::Ready(Some(Err(why))),
        }
    }
}

impl Drop for OutputStream {
    fn drop(&mut self) {
        // Not under the buffer's lock: cancelling drops the input, which takes it.
        let unfinished = self.buffer.lock().end.is_none();
        match &self.source {
            Source::Session(session) if unfinished => session.cancel(&self.id),
            Source::Session(_) => {}
            Source::Task(task) => task.abort(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::session::tests::session;

    fn read(stream: &mut OutputStream) -> Option<Result<String, NoReply>> {
        match stream.poll_lines(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(None) => Some(Ok("END".to_owned())),
            Poll::Ready(Some(lines)) => Some(lines.map(|lines| String::from_utf8(lines).unwrap())),
        }
    }

    #[test]
    fn unread_frames_are_dropped_and_counted_but_never_the_reply() {
        let (mut stream, input) = OutputStream::new(session(), "1".to_owned());
        assert_eq!(read(&mut stream), None);
        input.frame("1", "{\n\"a\":1}", 1);
        assert_eq!(read(&mut stream), Some(Ok("{ \"a\":1}\n".to_owned())));
        let big = "x".repeat(MAX_WAITING / 2);
        for _ in 0..4 {
            input.frame("1", &big, 10);
        }
        let found = read(&mut stream).unwrap().unwrap();
        assert_eq!(found, format!("{big}\n"));
        input.frame("1", "next", 1);
        input.reply("1", &"y".repeat(2 * MAX_WAITING));
        drop(input);
        let found = read(&mut stream).unwrap().unwrap();
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines[..2], [r#"{"dropped":30,"id":"1","resp":"output"}"#, "next"]);
        assert_eq!((lines.len(), lines[2].len()), (3, 2 * MAX_WAITING));
        assert_eq!(read(&mut stream), Some(Ok("END".to_owned())));
    }

    #[test]
    fn a_lost_session_is_reported_after_the_frames_before_it() {
        let (mut stream, input) = OutputStream::new(session(), "1".to_owned());
        input.frame("1", "{}", 1);
        drop(input);
        assert_eq!(read(&mut stream), Some(Ok("{}\n".to_owned())));
        assert_eq!(read(&mut stream), Some(Err(NoReply::Disconnected)));
    }
}
