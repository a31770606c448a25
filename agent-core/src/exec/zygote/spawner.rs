//! The agent's side of the zygote: starts it, sends it launches, and replaces it when it died.
//!
//! Launches are sent as they come and get their replies in the same order; each takes the zygote
//! about a tenth of a millisecond. Commands do not depend on the zygote once they are started.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use agent_sys::pidfd::PidFd;
use agent_sys::running::Running;
use agent_sys::{Files, Holder, Launch, Stage, StartFailure, packet, readiness, zygote};
use log::{error, warn};
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::sys::signal::Signal;
use tokio::io::Interest;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time;

use super::entry::ZYGOTE_FLAG;
use super::failures::Failures;
use super::line::{Line, Lost, is_gone};
use crate::exec::StartError;
use crate::exec::cgroups::leaves::Leaves;

/// How long the zygote may take for one launch. A slower one is stopped or worse: it is replaced.
const ZYGOTE_TIMEOUT: Duration = Duration::from_secs(5);
/// A zygote that dies younger is replaced only when the next command needs one, so that a cause
/// that lasts does not become a loop.
const TOO_YOUNG: Duration = Duration::from_secs(1);
/// Zygotes that one launch is sent to in turn, as long as it has certainly not begun.
const ATTEMPTS: usize = 10;

/// Starts processes through the zygote.
#[derive(Debug)]
pub(crate) struct Spawner {
    program: PathBuf,
    nofile: u64,
    running: Arc<Running>,
    leaves: Option<Arc<Leaves>>,
    failures: Failures,
    current: Mutex<Current>,
}

#[derive(Debug)]
enum Current {
    None,
    Alive(Zygote),
    /// After shutdown: no other is started.
    Closed,
}

#[derive(Debug)]
struct Zygote {
    line: Arc<Line>,
    started: Instant,
    /// Receives its replies and reaps it.
    watch: JoinHandle<()>,
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
        let current = Mutex::new(Current::None);
        let spawner = Arc::new(Self { program, nofile, running, leaves, failures, current });
        // Nobody else has the spawner yet; and the first zygote's end, however early, is handled
        // after this.
        if let Ok(mut current) = spawner.current.try_lock() {
            let first =
                spawner.launch_zygote().map_err(|error| StartError::step("zygote", error))?;
            *current = Current::Alive(first);
        }
        Ok(spawner)
    }

    /// Starts one process. It is our child: reap it by the descriptor.
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
                    // The zygote died first: another gets the launch once it is known which
                    // launches the dead zygote began.
                    line.replaced().await;
                }
                Err(lost)
            };
            match time::timeout(ZYGOTE_TIMEOUT, exchange).await {
                Ok(Ok(made)) => {
                    return made.map_err(|error| StartError::step(stage_name(Stage::Clone), error));
                }
                Ok(Err(Lost::NotBegun)) => {}
                // Never tried again; the caller ends its tree.
                Ok(Err(Lost::NoAnswer)) => break,
                Err(_) => {
                    warn!("the zygote does not reply; starting another");
                    // It may be stopped, and then would not see that its socket is closed. ESRCH:
                    // gone.
                    let _ = line.process.get_ref().signal(Signal::SIGKILL);
                    break;
                }
            }
        }
        let why = "the process that starts commands did not reply";
        Err(StartError::step("zygote", io::Error::new(io::ErrorKind::TimedOut, why)))
    }

    /// Returns the line to the current zygote; starts one if there is none.
    async fn line(self: &Arc<Self>) -> Result<Arc<Line>, StartError> {
        let mut current = self.current.lock().await;
        match &*current {
            Current::Closed => Err(StartError::ShuttingDown),
            Current::Alive(zygote) => Ok(Arc::clone(&zygote.line)),
            Current::None => {
                let zygote =
                    self.launch_zygote().map_err(|error| StartError::step("zygote", error))?;
                let line = Arc::clone(&zygote.line);
                *current = Current::Alive(zygote);
                Ok(line)
            }
        }
    }

    /// Returns why a command that exited with [`agent_sys::FailureReport::STATUS`] did not begin,
    /// if it did not.
    pub(crate) fn failure(&self, id: u64) -> Option<StartFailure> {
        self.failures.take(id)
    }

    /// Ends the zygote and waits until it has cleaned up.
    pub(crate) async fn close(&self) {
        let state = std::mem::replace(&mut *self.current.lock().await, Current::Closed);
        if let Current::Alive(Zygote { line, mut watch, .. }) = state {
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
        #[expect(clippy::disallowed_methods, reason = "only the zygote is started this way")]
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
        let line = Arc::new(Line::new(socket, process));
        let watch = serve(Arc::downgrade(self), Arc::clone(&self.running), Arc::clone(&line));
        Ok(Zygote { line, started: Instant::now(), watch: tokio::spawn(watch) })
    }

    /// Starts another zygote after one died, unless it died too young or at shutdown. Only the dead
    /// zygote's own watch calls it.
    ///
    /// Boxed: it spawns the watch that calls it.
    fn replace(self: Arc<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.replace_now().await })
    }

    async fn replace_now(self: &Arc<Self>) {
        let mut current = self.current.lock().await;
        let Current::Alive(zygote) = &*current else { return };
        let old_enough = zygote.started.elapsed() >= TOO_YOUNG;
        *current = Current::None;
        if old_enough {
            match self.launch_zygote() {
                Ok(zygote) => *current = Current::Alive(zygote),
                Err(error) => {
                    error!("cannot start a new zygote: {error}; retrying with the next command")
                }
            }
        }
    }
}

/// Receives a zygote's replies, reaps it when it ends, and has it replaced. Returns after the
/// zygote's end, which [`Line::hang_up`] brings about.
async fn serve(spawner: Weak<Spawner>, running: Arc<Running>, line: Arc<Line>) {
    tokio::select! {
        followed = line.take_answers() => if !followed {
            let _ = line.process.get_ref().signal(Signal::SIGKILL);
        },
        () = line.ended() => {}
    }
    // Only now it certainly begins nothing more.
    line.ended().await;
    line.give_up(&running);
    // Not earlier: the next zygote overwrites the page that shows which launches this one began.
    if let Some(spawner) = spawner.upgrade() {
        spawner.replace().await;
    }
    line.set_replaced();
}

/// Returns the name of a step, for [`StartError::NotStarted`].
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

/// Returns whether an error of [`Spawner::spawn`] is the zygote's word that no process was made.
pub(crate) fn has_not_begun(error: &StartError) -> bool {
    matches!(error, StartError::NotStarted(step) if step.stage == stage_name(Stage::Clone))
}

/// Returns a command's descriptors in the form of a launch.
pub(crate) fn files<'a>(
    stdin: Option<BorrowedFd<'a>>,
    stdout: &'a OwnedFd,
    stderr: Option<&'a OwnedFd>,
    joins: &'a [BorrowedFd<'a>],
) -> Files<'a> {
    Files { stdin, stdout: Some(stdout.as_fd()), stderr: stderr.map(AsFd::as_fd), joins }
}
