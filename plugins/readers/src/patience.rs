//! Work on files that may never answer, such as those of a dead network share.
//!
//! A thread that waits for a dead file system can't be stopped, so the work is done in a thread of
//! its own. When an operation takes too long, the thread is left behind and the work is done again
//! in another one, without that path: it is reported as unreadable, and the rest is answered.
//!
//! A path stays dead for later calls until its thread returns, so a plugin that is asked again and
//! again neither waits again nor collects threads.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt as _;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long the first operation that doesn't answer is waited for; later ones half as long.
const PATIENCE: Duration = Duration::from_secs(1);
/// The time of a call without a deadline.
const NO_DEADLINE: Duration = Duration::from_secs(5);
/// The most threads that are left behind.
const MAX_STUCK: usize = 32;
/// How many dead paths in a folder make the folder itself a dead one.
const MANY: usize = 3;

/// The dead paths, each with the number of the thread that waits for it.
static STUCK: Mutex<Vec<(PathBuf, u64)>> = Mutex::new(Vec::new());

/// Notes each operation on a file, so that one which doesn't answer can be given up.
#[derive(Debug, Clone, Default)]
pub struct Watch(Option<Arc<Mutex<Progress>>>);

#[derive(Debug, Default)]
struct Progress {
    /// The path of the operation in progress.
    path: PathBuf,
    since: Option<Instant>,
    /// The number of a thread that was left behind.
    left: Option<u64>,
}

impl Watch {
    /// Runs an operation on a path.
    ///
    /// # Errors
    /// The operation's own, or [`ErrorKind::TimedOut`] if the path, or a folder above it, is dead.
    pub fn during<T>(&self, path: &Path, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let Some(progress) = &self.0 else { return work() };
        if lock(&STUCK).iter().any(|(dead, _)| path.starts_with(dead)) {
            return Err(dead());
        }
        {
            let mut progress = lock(progress);
            if progress.left.is_some() {
                return Err(dead());
            }
            let text = progress.path.as_mut_os_string();
            text.clear();
            text.push(path);
            progress.since = Some(Instant::now());
        }
        let outcome = work();
        let mut progress = lock(progress);
        progress.since = None;
        match progress.left {
            None => outcome,
            Some(number) => {
                lock(&STUCK).retain(|(_, thread)| *thread != number);
                Err(dead())
            }
        }
    }
}

/// Returns whether an error says that a file can't be read at all: by its permissions, or because
/// its file system doesn't answer.
#[must_use]
pub fn is_unreadable(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::TimedOut)
}

/// Does work that reads files through its [`Watch`], and repeats it without the paths that don't
/// answer. `deadline_ms` is the caller's, 0 if there is none.
///
/// # Errors
/// There are so many dead paths that the rest can't be answered in time, or no thread can be
/// started.
pub fn run<T: Send + 'static>(
    deadline_ms: u64,
    work: impl Fn(&Watch) -> T + Send + Sync + 'static,
) -> io::Result<T> {
    let deadline = Duration::from_millis(deadline_ms);
    let deadline = if deadline.is_zero() { NO_DEADLINE } else { deadline };
    let (end, mut patience) = (Instant::now() + deadline * 7 / 10, PATIENCE.min(deadline / 5));
    let work = Arc::new(work);
    loop {
        let progress = Arc::new(Mutex::new(Progress::default()));
        let watch = Watch(Some(progress.clone()));
        let (work, (sender, answer)) = (work.clone(), sync_channel(1));
        let reader = move |sender: SyncSender<T>| {
            // Nobody listens to a thread that was left behind.
            let _ = sender.send(work(&watch));
        };
        let thread = thread::Builder::new().spawn(move || reader(sender))?;
        let mut wait = patience;
        loop {
            match answer.recv_timeout(wait) {
                Ok(answer) => {
                    // It ends now, and gives its part of the heap to the thread of the next call.
                    let _ = thread.join();
                    return Ok(answer);
                }
                Err(RecvTimeoutError::Disconnected) => match thread.join() {
                    Err(panic) => resume_unwind(panic),
                    Ok(()) => return Err(io::Error::other("the reading thread has no answer")),
                },
                Err(RecvTimeoutError::Timeout) => {}
            }
            let mut progress = lock(&progress);
            let age = progress.since.map_or(Duration::ZERO, |since| since.elapsed());
            if age < patience {
                wait = patience - age;
                continue;
            }
            leave(&mut progress)?;
            break;
        }
        patience = PATIENCE.min(deadline / 5) / 2;
        if Instant::now() + patience > end {
            return Err(dead());
        }
    }
}

/// Leaves a thread behind, and remembers the path that it waits for.
fn leave(progress: &mut Progress) -> io::Result<()> {
    let mut stuck = lock(&STUCK);
    if stuck.len() >= MAX_STUCK {
        return Err(dead());
    }
    let number = stuck.iter().map(|(_, number)| number + 1).max().unwrap_or_default();
    progress.left = Some(number);
    stuck.push((progress.path.clone(), number));
    let above = progress.path.parent().filter(|above| above.as_os_str().as_bytes() != b"/");
    if let Some(above) = above
        && stuck.iter().filter(|(path, _)| path.parent() == Some(above)).count() >= MANY
    {
        stuck.push((above.to_owned(), number));
    }
    Ok(())
}

fn dead() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "the file system does not answer")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn is_stuck(path: &str) -> bool {
        lock(&STUCK).iter().any(|(stuck, _)| stuck == Path::new(path))
    }

    #[test]
    fn a_path_that_does_not_answer_is_left_out_until_it_does() {
        let (release, gate) = channel::<()>();
        let gate = Mutex::new(gate);
        let work = move |watch: &Watch| {
            let read = |path: &str| {
                watch
                    .during(Path::new(path), || {
                        if path == "/dead/share" {
                            let _ = lock(&gate).recv();
                        }
                        Ok(path.len())
                    })
                    .ok()
            };
            (read("/dead/share"), read("/dead/share/below"), read("/alive"))
        };
        let work = Arc::new(work);
        let again = work.clone();
        // The deadline is not reached, also on a busy machine.
        assert_eq!(run(20_000, move |watch| work(watch)).unwrap(), (None, None, Some(6)));
        assert!(is_stuck("/dead/share"));
        // Nothing waits for it again.
        assert_eq!(run(20_000, move |watch| again(watch)).unwrap(), (None, None, Some(6)));
        release.send(()).unwrap();
        test_support::wait_until("the thread returns", || !is_stuck("/dead/share"));
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let outcome = std::panic::catch_unwind(|| run(0, |_| -> () { panic!("broken") }));
        assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"broken"));
        let direct = Watch::default();
        assert_eq!(direct.during(Path::new("/x"), || Ok(1)).unwrap(), 1);
    }
}
