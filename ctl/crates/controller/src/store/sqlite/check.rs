//! The check of the database's content at the start: damage is reported before it is met.
//!
//! It takes at most [`MAX_TIME`]: while it reads, the write-ahead log cannot be reused and grows.
//! Whatever it did not reach is checked when it is read.

use super::damage;
use crate::error::Error;
use crate::store::health::Health;
use rusqlite::{Connection, ErrorCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest time that the check takes.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Instructions of SQLite's machine between two looks at the time.
const INSTRUCTIONS: i32 = 10_000;

/// The check in progress; dropped, it ends.
#[derive(Debug)]
pub(super) struct ContentCheck {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ContentCheck {
    /// Starts the check over a connection of its own.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(connection: Connection, health: Arc<Health>) -> Result<Self, Error> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("check".to_owned())
            .spawn(move || check(connection, &health, &stopped))
            .map_err(Error::system("cannot start the thread that checks the database"))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for ContentCheck {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            log::error!("the thread that checks the database panicked");
        }
    }
}

fn check(mut connection: Connection, health: &Health, stop: &Arc<AtomicBool>) {
    let (end, stop) = (Instant::now() + MAX_TIME, Arc::clone(stop));
    let over = move || stop.load(Ordering::Relaxed) || Instant::now() >= end;
    let found = connection.progress_handler(INSTRUCTIONS, Some(over)).and_then(|()| {
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    });
    match found {
        Ok(text) if text == "ok" => {}
        Ok(text) => damage::found(health, &text),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            log::debug!("the check of the database ended early");
        }
        Err(error) => {
            damage::note(health, &error);
            log::warn!("cannot check the database: {error}");
        }
    }
}
