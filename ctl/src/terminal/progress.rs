//! A line on standard error that shows the progress of waits of over a second, and only on a
//! terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Nothing is drawn before this much time has passed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The time between two pictures.
const STEP: Duration = Duration::from_millis(120);

const PICTURES: [char; 4] = ['|', '/', '-', '\\'];

/// A progress line. Dropping it removes the line.
pub(crate) struct Progress {
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

/// Things counted so far in this process, such as hosts of earlier pages.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Whether the output is one that grows for as long as a person looks at it.
static OFF: AtomicBool = AtomicBool::new(false);

/// The first wait of this process: a listing of many short requests is one wait for the person.
static BEGUN: OnceLock<Instant> = OnceLock::new();

impl Progress {
    /// Begins a wait for `what`: "the controller".
    pub(crate) fn new(what: &str) -> Self {
        let begun = *BEGUN.get_or_init(Instant::now);
        if OFF.load(Ordering::Relaxed) || !io::stderr().is_terminal() {
            return Self { drawing: None };
        }
        let (stop, stopped) = mpsc::channel();
        let what: Arc<str> = what.into();
        let thread = std::thread::Builder::new().name("progress".to_owned());
        let drawing = thread.spawn(move || {
            let mut wait = PATIENCE.saturating_sub(begun.elapsed()).max(STEP);
            let mut drawn = false;
            for picture in PICTURES.into_iter().cycle() {
                match stopped.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => break,
                }
                wait = STEP;
                drawn = true;
                draw(picture, &what, begun.elapsed().as_secs());
            }
            if drawn {
                let _ = io::stderr().write_all(b"\r\x1b[K");
            }
        });
        Self { drawing: drawing.ok().map(|thread| (stop, thread)) }
    }

    /// Draws no line from now on: the output is one that is followed, and may end within a line,
    /// which ours would erase.
    pub(crate) fn off() {
        OFF.store(true, Ordering::Relaxed);
    }

    /// Adds to the count that the line shows.
    pub(crate) fn count(more: u64) {
        COUNT.fetch_add(more, Ordering::Relaxed);
    }
}

fn draw(picture: char, what: &str, seconds: u64) {
    let count = match COUNT.load(Ordering::Relaxed) {
        0 => String::new(),
        count => format!("{count} so far, "),
    };
    let line = format!("\r\x1b[K{picture} waiting for {what} ({count}{seconds} s)");
    let _ = io::stderr().write_all(line.as_bytes());
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.drawing.take() {
            drop(stop);
            let _ = thread.join();
        }
    }
}
