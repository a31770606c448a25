//! The queue of lines, and the thread that writes them while there are some.

use parking_lot::{Condvar, Mutex};
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that wait for the thread; a line that would exceed them is discarded.
pub const MAX_QUEUED: usize = 256 << 10;

/// How long the thread waits for another line before it ends.
const LINGER: Duration = Duration::from_secs(1);

/// The thread's stack, enough for a write and a formatted number.
const STACK: usize = 64 << 10;

/// The end of a log that accepts lines and never waits. Clones share one queue.
#[derive(Clone)]
pub struct Outlet(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    sink: Mutex<Sink>,
    /// Words a line that says how many lines are missing in its place.
    notice: fn(u64) -> String,
}

#[derive(Default)]
struct State {
    queue: Vec<u8>,
    /// Lines that found the queue full since the thread last took it.
    dropped: u64,
    /// Whether the thread is writing lines that it took.
    writing: bool,
    /// Whether there is a thread.
    served: bool,
}

struct Sink {
    out: Box<dyn Write + Send>,
    /// Lines that could not be written since the last line that could.
    lost: u64,
    /// The last write ended within a line, so the next one starts by ending that line.
    torn: bool,
}

impl Outlet {
    /// Creates an outlet that writes to `out`. `notice` words the line, with its newline, that
    /// stands for lines that were discarded.
    pub fn new(out: impl Write + Send + 'static, notice: fn(u64) -> String) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            sink: Mutex::new(Sink { out: Box::new(out), lost: 0, torn: false }),
            notice,
        }))
    }

    /// Queues whole lines, each ending with a newline, or counts and discards them.
    pub fn append(&self, lines: &[u8]) {
        let mut state = self.0.state.lock();
        if state.queue.len() + lines.len() > MAX_QUEUED {
            state.dropped += count(lines);
        } else {
            state.queue.extend_from_slice(lines);
        }
        if !state.served {
            let shared = self.0.clone();
            let thread = thread::Builder::new().name("log".to_owned()).stack_size(STACK);
            // Without a thread, because the host has none left, the next line tries again.
            state.served = thread.spawn(move || shared.serve()).is_ok();
        }
        self.0.changed.notify_all();
    }

    /// Waits until all lines are written, for `bound` at most: at the end of the process.
    pub fn finish(&self, bound: Duration) {
        let end = Instant::now() + bound;
        let mut state = self.0.state.lock();
        while state.served && (state.writing || !state.queue.is_empty()) {
            if self.0.changed.wait_until(&mut state, end).timed_out() {
                return;
            }
        }
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").finish_non_exhaustive()
    }
}

/// Takes whole lines, as a logger writes them, and never fails.
impl Write for Outlet {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.append(lines);
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    /// Writes lines until none came for [`LINGER`].
    fn serve(&self) {
        let mut sink = self.sink.lock();
        let mut state = self.state.lock();
        loop {
            let end = Instant::now() + LINGER;
            while state.queue.is_empty() {
                if self.changed.wait_until(&mut state, end).timed_out() && state.queue.is_empty() {
                    state.served = false;
                    return;
                }
            }
            let mut lines = std::mem::take(&mut state.queue);
            // These lines came before the discarded ones, which found them in the queue.
            if let dropped @ 1.. = std::mem::take(&mut state.dropped) {
                lines.extend_from_slice((self.notice)(dropped).as_bytes());
            }
            state.writing = true;
            drop(state);
            sink.write_lines(&lines, self.notice);
            state = self.state.lock();
            state.writing = false;
            self.changed.notify_all();
        }
    }
}

impl Sink {
    fn write_lines(&mut self, lines: &[u8], notice: fn(u64) -> String) {
        if self.torn && self.write_all(b"\n").is_ok() {
            self.torn = false;
        }
        if self.lost > 0 && !self.torn && self.write_all(notice(self.lost).as_bytes()).is_ok() {
            self.lost = 0;
        }
        if self.lost > 0 {
            self.lost += count(lines);
        } else if let Err(left) = self.write_all(lines) {
            self.lost += count(&lines[lines.len() - left..]);
        }
    }

    /// Writes all bytes, or returns how many are left.
    fn write_all(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(written @ 1..) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    let written = &bytes[..bytes.len() - rest.len()];
                    self.torn |= written.last().is_some_and(|&byte| byte != b'\n');
                    return Err(rest.len());
                }
            }
        }
        Ok(())
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
