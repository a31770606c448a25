//! The agent's side of the zygote: starts it, hands it launches, starts another when it has died.
//!
//! One launch at a time goes through it; each takes about a tenth of a millisecond. Commands do
//! not depend on the zygote once they are started.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use agent_sys::pidfd::PidFd;
use agent_sys::running::Running;
use agent_sys::{Failure, Files, Holder, Launch, Stage, packet, readiness, zygote};
use log::{error, warn};
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::sys::signal::Signal;
use nix::unistd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time;

use super::pool::Pool;
use super::zygote::ZYGOTE_FLAG;
use crate::Error;

/// How long the zygote may take for one launch. One that takes longer is stopped or worse, and
/// replaced.
const ZYGOTE_TIMEOUT: Duration = Duration::from_secs(5);
/// A zygote that dies younger is replaced only when the next command needs one, so that a cause
/// that lasts does not become a loop.
const TOO_YOUNG: Duration = Duration::from_secs(1);
/// Reports kept of failures that nobody has asked for yet: of commands killed while they failed.
const MAX_FAILURES: usize = 4096;

/// Starts processes through the zygote.
#[derive(Debug)]
pub(crate) struct Spawner {
    program: PathBuf,
    nofile: u64,
    running: Arc<Running>,
    pool: Option<Arc<Pool>>,
    failures: Failures,
    current: Mutex<State>,
    next_serial: AtomicU32,
}

#[derive(Debug)]
enum State {
    None,
    Alive(Zygote),
    /// Shut down: no other is started.
    Closed,
}

#[derive(Debug)]
struct Zygote {
    socket: AsyncFd<OwnedFd>,
    started: Instant,
    serial: u32,
    process: Arc<AsyncFd<PidFd>>,
    /// Reaps it.
    watch: JoinHandle<()>,
}

impl Spawner {
    /// Starts the first zygote. `nofile`: the soft limit of open files for commands.
    pub(crate) fn start(
        program: PathBuf,
        nofile: u64,
        running: Arc<Running>,
        pool: Option<Arc<Pool>>,
    ) -> Result<Arc<Self>, Error> {
        let failures = Failures::open().map_err(|error| not_started("zygote", &error))?;
        let current = Mutex::new(State::None);
        let spawner = Arc::new(Self {
            program,
            nofile,
            running,
            pool,
            failures,
            current,
            next_serial: AtomicU32::new(0),
        });
        let first = spawner.launch_zygote().map_err(|error| not_started("zygote", &error))?;
        // Nobody else has the spawner yet.
        if let Ok(mut current) = spawner.current.try_lock() {
            *current = State::Alive(first);
        }
        Ok(spawner)
    }

    /// Starts one process; it is our child, to be reaped by the descriptor.
    pub(crate) async fn spawn(
        self: &Arc<Self>,
        launch: &Launch<'_>,
        files: Files<'_>,
        holder: Holder<'_>,
    ) -> Result<PidFd, Error> {
        let mut current = self.current.lock().await;
        let zygote = match &mut *current {
            State::Closed => return Err(Error::ShuttingDown),
            State::Alive(zygote) => zygote,
            empty @ State::None => {
                let zygote = self.launch_zygote().map_err(|error| not_started("zygote", &error))?;
                *empty = State::Alive(zygote);
                let State::Alive(zygote) = empty else { return Err(Error::ShuttingDown) };
                zygote
            }
        };
        match time::timeout(ZYGOTE_TIMEOUT, exchange(zygote, &self.running, launch, files, holder)).await {
            Ok(Ok(Ok(child))) => return Ok(child),
            Ok(Ok(Err(error))) => return Err(not_started(stage_name(Stage::Clone), &error)),
            Ok(Err(Exchange::NotBegun(error))) => {
                // It died first: nothing of this launch has begun, so a new one may have it.
                warn!("exec: the zygote is gone ({error}); starting another");
                *current = State::None;
                let mut next = self.launch_zygote().map_err(|error| not_started("zygote", &error))?;
                let second =
                    time::timeout(ZYGOTE_TIMEOUT, exchange(&mut next, &self.running, launch, files, holder))
                        .await;
                if let Ok(Ok(answer)) = second {
                    *current = State::Alive(next);
                    return answer.map_err(|error| not_started(stage_name(Stage::Clone), &error));
                }
            }
            // It may or may not have begun: never tried again. Its tree is ended by the caller.
            Ok(Err(Exchange::NoAnswer(error))) => {
                warn!("exec: the zygote died over a command: {error}");
                *current = State::None;
            }
            Err(_) => {
                warn!("exec: the zygote hangs; starting another");
                // It may be stopped, and then would not see that its socket is closed. ESRCH: gone.
                let _ = zygote.process.get_ref().signal(Signal::SIGKILL);
                *current = State::None;
            }
        }
        Err(Error::NotStarted {
            stage: "zygote",
            why: "the process that starts commands gave no answer".into(),
        })
    }

    /// Why a command that exited with [`Failure::STATUS`] did not even begin, if so.
    pub(crate) fn failure(&self, id: u64) -> Option<Failure> {
        self.failures.take(id)
    }

    /// Ends the zygote and waits until it has cleaned up.
    pub(crate) async fn close(&self) {
        let state = std::mem::replace(&mut *self.current.lock().await, State::Closed);
        if let State::Alive(Zygote { socket, process, mut watch, .. }) = state {
            drop(socket);
            if time::timeout(ZYGOTE_TIMEOUT, &mut watch).await.is_err() {
                // ESRCH: gone at last.
                let _ = process.get_ref().signal(Signal::SIGKILL);
                let _ = time::timeout(ZYGOTE_TIMEOUT, watch).await;
            }
        }
    }

    fn launch_zygote(self: &Arc<Self>) -> io::Result<Zygote> {
        let (ours, theirs) = packet::pair()?;
        #[expect(clippy::disallowed_methods, reason = "the zygote is what commands run through")]
        let child = Command::new(&self.program)
            .arg0("BasicAgent")
            .arg(ZYGOTE_FLAG)
            .arg(self.nofile.to_string())
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(self.failures.writer.try_clone()?))
            .spawn()?;
        // Not reaped by anyone before the watch below, so the number is still this child's.
        let process = PidFd::open(i32::try_from(child.id()).map_err(io::Error::other)?)?;
        let cgroups = self.pool.as_ref().map(|pool| pool.root.dir.as_fd());
        zygote::hello(&ours, &self.running, cgroups)?;
        fcntl::fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let socket = readiness::watch(ours, Interest::READABLE | Interest::WRITABLE)?;
        let process = Arc::new(readiness::watch(process, Interest::READABLE)?);
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        let watch = tokio::spawn(watch(Arc::downgrade(self), Arc::clone(&process), serial));
        Ok(Zygote { socket, started: Instant::now(), serial, process, watch })
    }

    /// After a zygote's death: another, unless that was its replacement already or too soon.
    ///
    /// Boxed: it spawns the watch that calls it.
    fn replace(self: Arc<Self>, dead: u32) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.replace_now(dead).await })
    }

    async fn replace_now(self: &Arc<Self>, dead: u32) {
        let mut current = self.current.lock().await;
        let State::Alive(zygote) = &*current else { return };
        if zygote.serial != dead {
            return;
        }
        let old_enough = zygote.started.elapsed() >= TOO_YOUNG;
        *current = State::None;
        if old_enough {
            match self.launch_zygote() {
                Ok(zygote) => *current = State::Alive(zygote),
                Err(error) => error!("exec: no new zygote: {error}; tried again with the next command"),
            }
        }
    }
}

/// Reaps a zygote when it ends, and has it replaced. Ends with the zygote, which ends when its
/// socket is dropped.
async fn watch(spawner: Weak<Spawner>, process: Arc<AsyncFd<PidFd>>, serial: u32) {
    while let Ok(mut guard) = process.readable().await {
        match process.get_ref().reap() {
            Ok(None) => guard.clear_ready(),
            Ok(Some(_)) | Err(_) => break,
        }
    }
    if let Some(spawner) = spawner.upgrade() {
        spawner.replace(serial).await;
    }
}

/// How an exchange with the zygote fails.
enum Exchange {
    NotBegun(io::Error),
    NoAnswer(io::Error),
}

async fn exchange(
    zygote: &mut Zygote,
    running: &Running,
    launch: &Launch<'_>,
    files: Files<'_>,
    holder: Holder<'_>,
) -> Result<io::Result<PidFd>, Exchange> {
    let send = |socket: &OwnedFd| zygote::request(socket, launch, files, holder);
    zygote.socket.async_io(Interest::WRITABLE, send).await.map_err(Exchange::NotBegun)?;
    let receive = |socket: &OwnedFd| zygote::receive_answer(socket);
    let answer = zygote.socket.async_io(Interest::READABLE, receive).await;
    let (id, child) = answer.map_err(|error| match error.kind() {
        // Closed before it came to cloning.
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof if running.attempted() != launch.id => {
            Exchange::NotBegun(error)
        }
        _ => Exchange::NoAnswer(error),
    })?;
    if id != launch.id {
        return Err(Exchange::NoAnswer(io::Error::other("an answer to another launch")));
    }
    Ok(child)
}

/// The pipe in which children say why they could not become their command.
#[derive(Debug)]
struct Failures {
    reader: OwnedFd,
    writer: OwnedFd,
    unasked: StdMutex<HashMap<u64, Failure>>,
}

impl Failures {
    fn open() -> io::Result<Self> {
        let (reader, writer) = unistd::pipe2(OFlag::O_CLOEXEC)?;
        fcntl::fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { reader, writer, unasked: StdMutex::default() })
    }

    /// The child wrote before it exited, so once its end is known its report is here.
    fn take(&self, id: u64) -> Option<Failure> {
        let mut unasked = self.unasked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = [0; 64 * Failure::LEN];
        while let Ok(length @ 1..) = unistd::read(&self.reader, &mut buffer) {
            let reports = buffer.get(..length).unwrap_or_default().chunks_exact(Failure::LEN);
            for failure in reports.filter_map(Failure::from_bytes) {
                if unasked.len() >= MAX_FAILURES {
                    unasked.clear();
                }
                unasked.insert(failure.id, failure);
            }
        }
        unasked.remove(&id)
    }
}

/// The step in words, for [`Error::NotStarted`].
pub(crate) fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Clone => "new process",
        Stage::Limits => "limits",
        Stage::Session => "session",
        Stage::Files => "standard files",
        Stage::Groups => "supplementary groups",
        Stage::Group => "group",
        Stage::User => "user",
        Stage::Directory => "working directory",
        Stage::Exec => "shell",
    }
}

fn not_started(stage: &'static str, error: &io::Error) -> Error {
    Error::NotStarted { stage, why: error.to_string() }
}

/// A borrow of the descriptors as the launch wants them.
pub(crate) fn files<'a>(
    stdin: Option<BorrowedFd<'a>>,
    stdout: &'a OwnedFd,
    stderr: Option<&'a OwnedFd>,
    joins: &'a [BorrowedFd<'a>],
) -> Files<'a> {
    Files { stdin, stdout: Some(stdout.as_fd()), stderr: stderr.map(AsFd::as_fd), joins }
}
