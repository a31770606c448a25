//! The agent's side of the zygote: starts it, hands it launches, starts another when it has died.
//!
//! Launches are ordered as they come and answered in their order; each takes the zygote about a tenth
//! of a millisecond. Commands do not depend on the zygote once they are started.

use parking_lot::{Mutex as StdMutex, MutexGuard};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use agent_sys::pidfd::PidFd;
use agent_sys::running::{Attempt, Running};
use agent_sys::{FailureReport, Files, Holder, Launch, Stage, StartFailure, packet, readiness, zygote};
use log::{error, warn};
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::sys::signal::Signal;
use nix::sys::socket::{self, Shutdown};
use nix::unistd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time;

use super::entry::ZYGOTE_FLAG;
use crate::exec::StartError;
use crate::exec::cgroups::leaves::Leaves;

/// How long the zygote may take for one launch. One that takes longer is stopped or worse, and
/// replaced.
const ZYGOTE_TIMEOUT: Duration = Duration::from_secs(5);
/// A zygote that dies younger is replaced only when the next command needs one, so that a cause
/// that lasts does not become a loop.
const TOO_YOUNG: Duration = Duration::from_secs(1);
/// Zygotes that one launch is ordered from, as long as nothing of it has begun.
const ATTEMPTS: usize = 10;
/// Looks for answers of a zygote that has ended: more than packets can wait in a socket.
const LAST_LOOKS: usize = 1024;
/// Reports kept of failures that nobody has asked for yet: of commands killed while they failed.
const MAX_FAILURES: usize = 4096;

/// Starts processes through the zygote.
#[derive(Debug)]
pub(crate) struct Spawner {
    program: PathBuf,
    nofile: u64,
    running: Arc<Running>,
    leaves: Option<Arc<Leaves>>,
    failures: Failures,
    current: Mutex<State>,
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
    line: Arc<Line>,
    started: Instant,
    /// Takes its answers and reaps it.
    watch: JoinHandle<()>,
}

/// The way to one zygote and back.
#[derive(Debug)]
struct Line {
    socket: AsyncFd<OwnedFd>,
    process: AsyncFd<PidFd>,
    /// Launches that are ordered and not answered, in their order; `None` when nobody answers any more.
    ordered: StdMutex<Option<VecDeque<Ordered>>>,
    /// It is gone, and no launch is given to it any more.
    replaced: watch::Sender<bool>,
}

#[derive(Debug)]
struct Ordered {
    id: u64,
    answer: oneshot::Sender<Result<io::Result<PidFd>, Lost>>,
}

/// How the answer to a launch is lost.
#[derive(Debug)]
enum Lost {
    /// Nothing of it has begun.
    NotBegun,
    /// It may or may not have begun.
    NoAnswer,
}

impl Spawner {
    /// Starts the first zygote. `nofile`: the soft limit of open files for commands.
    pub(crate) fn start(
        program: PathBuf,
        nofile: u64,
        running: Arc<Running>,
        leaves: Option<Arc<Leaves>>,
    ) -> Result<Arc<Self>, StartError> {
        let failures = Failures::open().map_err(|error| StartError::step("zygote", error))?;
        let current = Mutex::new(State::None);
        let spawner = Arc::new(Self { program, nofile, running, leaves, failures, current });
        // Nobody else has the spawner yet; and the first zygote's end, however early, is seen to after this.
        if let Ok(mut current) = spawner.current.try_lock() {
            let first = spawner.launch_zygote().map_err(|error| StartError::step("zygote", error))?;
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
    ) -> Result<PidFd, StartError> {
        for _ in 0..ATTEMPTS {
            let line = self.line().await?;
            let exchange = async {
                let lost = match line.order(launch, files, holder).await {
                    Ok(answered) => match answered.await.unwrap_or(Err(Lost::NoAnswer)) {
                        Ok(made) => return Ok(made),
                        Err(lost) => lost,
                    },
                    Err(error) if is_gone(&error) => Lost::NotBegun,
                    Err(error) => return Ok(Err(error)),
                };
                if matches!(lost, Lost::NotBegun) {
                    // It died first: another may have it, once it is known what the dead one has begun.
                    line.replaced().await;
                }
                Err(lost)
            };
            match time::timeout(ZYGOTE_TIMEOUT, exchange).await {
                Ok(Ok(made)) => {
                    return made.map_err(|error| StartError::step(stage_name(Stage::Clone), error));
                }
                Ok(Err(Lost::NotBegun)) => {}
                // Never tried again. Its tree is ended by the caller.
                Ok(Err(Lost::NoAnswer)) => break,
                Err(_) => {
                    warn!("exec: the zygote hangs; starting another");
                    // It may be stopped, and then would not see that its socket is closed. ESRCH: gone.
                    let _ = line.process.get_ref().signal(Signal::SIGKILL);
                    break;
                }
            }
        }
        let why = "the process that starts commands did not reply";
        Err(StartError::step("zygote", io::Error::new(io::ErrorKind::TimedOut, why)))
    }

    /// The way to a zygote that is thought to live.
    async fn line(self: &Arc<Self>) -> Result<Arc<Line>, StartError> {
        let mut current = self.current.lock().await;
        match &*current {
            State::Closed => Err(StartError::ShuttingDown),
            State::Alive(zygote) => Ok(Arc::clone(&zygote.line)),
            State::None => {
                let zygote = self.launch_zygote().map_err(|error| StartError::step("zygote", error))?;
                let line = Arc::clone(&zygote.line);
                *current = State::Alive(zygote);
                Ok(line)
            }
        }
    }

    /// Why a command that exited with [`FailureReport::STATUS`] did not even begin, if so.
    pub(crate) fn failure(&self, id: u64) -> Option<StartFailure> {
        self.failures.take(id)
    }

    /// Ends the zygote and waits until it has cleaned up.
    pub(crate) async fn close(&self) {
        let state = std::mem::replace(&mut *self.current.lock().await, State::Closed);
        if let State::Alive(Zygote { line, mut watch, .. }) = state {
            line.hang_up();
            if time::timeout(ZYGOTE_TIMEOUT, &mut watch).await.is_err() {
                // ESRCH: gone at last.
                let _ = line.process.get_ref().signal(Signal::SIGKILL);
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
        let cgroups = self.leaves.as_ref().map(|leaves| leaves.root.dir.as_fd());
        zygote::hello(&ours, &self.running, cgroups)?;
        fcntl::fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let socket = readiness::watch(ours, Interest::READABLE)?;
        let process = readiness::watch(process, Interest::READABLE)?;
        let ordered = StdMutex::new(Some(VecDeque::new()));
        let line = Arc::new(Line { socket, process, ordered, replaced: watch::Sender::new(false) });
        let watch = serve(Arc::downgrade(self), Arc::clone(&self.running), Arc::clone(&line));
        Ok(Zygote { line, started: Instant::now(), watch: tokio::spawn(watch) })
    }

    /// After a zygote's death, which its own watch alone tells: another, unless that was too soon or at shutdown.
    ///
    /// Boxed: it spawns the watch that calls it.
    fn replace(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.replace_now().await })
    }

    async fn replace_now(self: &Arc<Self>) {
        let mut current = self.current.lock().await;
        let State::Alive(zygote) = &*current else { return };
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

/// Whether a failed order says that the zygote is; anything else is the order's own.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected)
}

/// Takes a zygote's answers, reaps it when it ends, and has it replaced. Ends with the zygote, which ends when its
/// line is hung up.
async fn serve(spawner: Weak<Spawner>, running: Arc<Running>, line: Arc<Line>) {
    tokio::select! {
        followed = line.take_answers() => if !followed {
            let _ = line.process.get_ref().signal(Signal::SIGKILL);
        },
        () = line.ended() => {}
    }
    // Only then it begins nothing more.
    line.ended().await;
    line.give_up(&running);
    // Not before: what it has begun is in a page that the next one writes to.
    if let Some(spawner) = spawner.upgrade() {
        spawner.replace().await;
    }
    line.replaced.send_replace(true);
}

impl Line {
    /// Orders a launch. What comes back gets its answer.
    async fn order(
        &self,
        launch: &Launch<'_>,
        files: Files<'_>,
        holder: Holder<'_>,
    ) -> io::Result<oneshot::Receiver<Result<io::Result<PidFd>, Lost>>> {
        let (answer, answered) = oneshot::channel();
        let mut answer = Some(answer);
        let mut order = |socket: &OwnedFd| -> io::Result<()> {
            // Over both: they are answered in the order in which they were sent.
            let mut ordered = self.ordered();
            let Some(ordered) = &mut *ordered else { return Err(io::ErrorKind::BrokenPipe.into()) };
            zygote::request(socket, launch, files, holder)?;
            ordered.extend(answer.take().map(|answer| Ordered { id: launch.id, answer }));
            Ok(())
        };
        match order(self.socket.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Watched only where there is something to wait for: each launch that it takes would wake us.
                let socket = self.socket.get_ref().try_clone()?;
                let socket = readiness::watch(socket, Interest::WRITABLE)?;
                Box::pin(socket.async_io(Interest::WRITABLE, order)).await?;
            }
            ordered => ordered?,
        }
        Ok(answered)
    }

    /// Takes answers until the zygote is gone; `false`: or until what it says can't be followed.
    async fn take_answers(&self) -> bool {
        loop {
            let received = self.socket.async_io(Interest::READABLE, |socket| zygote::receive_answers(socket));
            match received.await.map(|answers| self.pass_on(answers)) {
                Ok(true) => {}
                Ok(false) => {
                    warn!("exec: the zygote has answered what was not asked");
                    return false;
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return true,
                Err(error) => {
                    warn!("exec: no answer from the zygote: {error}");
                    return false;
                }
            }
        }
    }

    /// Whether they are answers to what was ordered, in its order.
    fn pass_on(&self, answers: Vec<zygote::Answer>) -> bool {
        let mut ordered = self.ordered();
        let Some(ordered) = &mut *ordered else { return false };
        answers.into_iter().all(|(id, made)| {
            match ordered.pop_front() {
                Some(first) if first.id == id => {
                    // Whoever ordered it may be gone, at shutdown.
                    let _ = first.answer.send(Ok(made));
                    true
                }
                Some(other) => {
                    ordered.push_front(other);
                    false
                }
                None => false,
            }
        })
    }

    /// After the zygote's end: what is answered still, what it has noted, and then for each other launch whether it may
    /// have begun.
    fn give_up(&self, running: &Running) {
        for _ in 0..LAST_LOOKS {
            match zygote::receive_answers(self.socket.get_ref()) {
                Ok(answers) => {
                    self.pass_on(answers);
                }
                // Said once, before what waits.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(_) => break,
            }
        }
        let ordered = self.ordered().take().unwrap_or_default();
        let attempted = ordered.iter().position(|ordered| ordered.id == running.attempted());
        for (at, Ordered { id, answer }) in ordered.into_iter().enumerate() {
            let process = match attempted {
                Some(attempted) if at <= attempted => running.attempted_process(id),
                _ => Attempt::NotMade,
            };
            let _ = answer.send(match process {
                // A child that nobody has reaped, so the number is still its.
                Attempt::Made(pid) => PidFd::open(pid).map(Ok).map_err(|_| Lost::NoAnswer),
                Attempt::NotMade => Err(Lost::NotBegun),
                Attempt::Unknown => Err(Lost::NoAnswer),
            });
        }
    }

    /// Comes back when another zygote takes the launches, or none.
    async fn replaced(&self) {
        // The sender is ours.
        let _ = self.replaced.subscribe().wait_for(|replaced| *replaced).await;
    }

    /// Comes back when the zygote has ended; reaps it.
    async fn ended(&self) {
        while let Ok(mut guard) = self.process.readable().await {
            match self.process.get_ref().reap() {
                Ok(None) => guard.clear_ready(),
                // ECHILD: reaped already.
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }

    /// Lets the zygote see that nobody will order anything any more.
    fn hang_up(&self) {
        // ENOTCONN: it is gone.
        let _ = socket::shutdown(self.socket.get_ref().as_raw_fd(), Shutdown::Both);
    }

    fn ordered(&self) -> MutexGuard<'_, Option<VecDeque<Ordered>>> {
        // What is under the lock changes by calls that don't panic half-way.
        self.ordered.lock()
    }
}

/// The pipe in which children say why they could not become their command.
#[derive(Debug)]
struct Failures {
    reader: OwnedFd,
    writer: OwnedFd,
    unasked: StdMutex<HashMap<u64, StartFailure>>,
}

impl Failures {
    fn open() -> io::Result<Self> {
        let (reader, writer) = unistd::pipe2(OFlag::O_CLOEXEC)?;
        fcntl::fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { reader, writer, unasked: StdMutex::default() })
    }

    /// The child wrote before it exited, so once its end is known its report is here.
    fn take(&self, id: u64) -> Option<StartFailure> {
        let mut unasked = self.unasked.lock();
        let mut buffer = [0; 64 * FailureReport::LEN];
        while let Ok(length @ 1..) = unistd::read(&self.reader, &mut buffer) {
            let reports = buffer.get(..length).unwrap_or_default().chunks_exact(FailureReport::LEN);
            for FailureReport { id, failure } in reports.filter_map(FailureReport::from_bytes) {
                if unasked.len() >= MAX_FAILURES {
                    unasked.clear();
                }
                unasked.insert(id, failure);
            }
        }
        unasked.remove(&id)
    }
}

/// The step in words, for [`StartError::NotStarted`].
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

/// A borrow of the descriptors as the launch wants them.
pub(crate) fn files<'a>(
    stdin: Option<BorrowedFd<'a>>,
    stdout: &'a OwnedFd,
    stderr: Option<&'a OwnedFd>,
    joins: &'a [BorrowedFd<'a>],
) -> Files<'a> {
    Files { stdin, stdout: Some(stdout.as_fd()), stderr: stderr.map(AsFd::as_fd), joins }
}
