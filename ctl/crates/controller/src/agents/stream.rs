//! A request whose output is wanted as it comes: its frames wait here for one client, within a bound.
//!
//! Who reads slowly loses frames, is told how much, and holds up nobody: not the session, not the
//! other requests of its host.

use super::{NoAnswer, Session};
use agent_wire::message::line;
use parking_lot::{Mutex, MutexGuard};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Bytes of frames that wait for one client.
pub(super) const MAX_WAITING: usize = 1 << 20;

/// Between the channel and one client.
#[derive(Default)]
struct Buffer {
    lines: Vec<u8>,
    /// Bytes of output left out since the last line.
    dropped: u64,
    end: Option<Result<(), NoAnswer>>,
    reader: Option<Waker>,
}

impl Buffer {
    fn push(&mut self, text: &str) {
        // A line break in a message is white space between its tokens; here it would be its end.
        self.lines.extend(text.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
        self.lines.push(b'\n');
        self.wake();
    }

    fn tell_dropped(&mut self, id: &str) {
        if self.dropped > 0 {
            let mut notice = Vec::new();
            line(&serde_json::json!({ "id": id, "resp": "output", "dropped": self.dropped }), &mut notice);
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

fn lock(buffer: &Mutex<Buffer>) -> MutexGuard<'_, Buffer> {
    // Lines are appended whole: whole, whatever panicked.
    buffer.lock()
}

/// The desk's end.
pub(super) struct StreamInput(Arc<Mutex<Buffer>>);

impl StreamInput {
    /// A frame that brings `bytes` of output; dropped when too much waits already.
    pub(super) fn frame(&self, id: &str, text: &str, bytes: u64) {
        let mut buffer = lock(&self.0);
        if buffer.lines.len() + text.len() > MAX_WAITING {
            buffer.dropped += bytes;
        } else {
            buffer.tell_dropped(id);
            buffer.push(text);
        }
    }

    /// The answer, which is never dropped.
    pub(super) fn answer(&self, id: &str, text: &str) {
        let mut buffer = lock(&self.0);
        buffer.tell_dropped(id);
        buffer.end = Some(Ok(()));
        buffer.push(text);
    }
}

impl Drop for StreamInput {
    fn drop(&mut self) {
        let mut buffer = lock(&self.0);
        buffer.end.get_or_insert(Err(NoAnswer::Disconnected));
        buffer.wake();
    }
}

/// The client's end. Dropped before the answer has come, it cancels the command.
pub(crate) struct OutputStream {
    session: Arc<Session>,
    id: String,
    buffer: Arc<Mutex<Buffer>>,
}

impl fmt::Debug for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputStream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl OutputStream {
    /// A stream and the end that the desk holds.
    pub(super) fn new(session: Arc<Session>, id: String) -> (Self, StreamInput) {
        let buffer = Arc::default();
        let input = StreamInput(Arc::clone(&buffer));
        (Self { session, id, buffer }, input)
    }

    /// Everything that waits, in whole lines; `None` behind the answer, which is the last line.
    ///
    /// # Errors
    /// [`NoAnswer::Disconnected`] when the session ended first.
    pub(crate) fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, NoAnswer>>> {
        let mut buffer = lock(&self.buffer);
        if !buffer.lines.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut buffer.lines))));
        }
        match buffer.end {
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
        if lock(&self.buffer).end.is_none() {
            self.session.cancel(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::tests::session;

    fn read(stream: &mut OutputStream) -> Option<Result<String, NoAnswer>> {
        match stream.poll_lines(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(None) => Some(Ok("END".to_owned())),
            Poll::Ready(Some(lines)) => Some(lines.map(|lines| String::from_utf8(lines).unwrap())),
        }
    }

    #[test]
    fn frames_that_nobody_takes_are_dropped_and_counted_and_the_answer_is_not() {
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
        input.answer("1", &"y".repeat(2 * MAX_WAITING));
        drop(input);
        let found = read(&mut stream).unwrap().unwrap();
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines[..2], [r#"{"dropped":30,"id":"1","resp":"output"}"#, "next"]);
        assert_eq!((lines.len(), lines[2].len()), (3, 2 * MAX_WAITING));
        assert_eq!(read(&mut stream), Some(Ok("END".to_owned())));
    }

    #[test]
    fn the_end_of_the_session_is_told_behind_what_came_before() {
        let (mut stream, input) = OutputStream::new(session(), "1".to_owned());
        input.frame("1", "{}", 1);
        drop(input);
        assert_eq!(read(&mut stream), Some(Ok("{}\n".to_owned())));
        assert_eq!(read(&mut stream), Some(Err(NoAnswer::Disconnected)));
    }
}
