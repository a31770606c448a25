//! One command from its account to its answer.
//!
//! Runs as a task of its own: the answer goes out as soon as it is known, and what is left to reap
//! is reaped after it. The executor owns the task.

use std::future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use agent_sys::pidfd::{Ended, How};
use agent_sys::{Failure, Holder, Identity, Stage, packet, readiness};
use log::warn;
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::unistd::{self, Gid, Uid};
use tokio::io::Interest;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time;

use super::account::{Account, Asked};
use super::outcome::{End, Outcome, Usage};
use super::process::{Process, Tree};
use super::program::{self, Program};
use super::sink::Piece;
use super::spec::Spec;
use super::streams::{Streams, Writers};
use crate::exec::cgroups::controllers::Limited;
use crate::exec::executor::Shared;
use crate::config::ExecSettings;
use crate::exec::zygote::spawner::{self, stage_name};
use crate::exec::{FailedStep, StartError};

/// How long the answer waits, after the command's end, for output of background children that
/// still hold the pipe.
const DRAIN: Duration = Duration::from_millis(200);
/// How long a killed tree may take to be gone, before the answer goes out without that.
const KILLED: Duration = Duration::from_secs(5);

/// A command that has its place and waits for nothing but the host.
pub(crate) struct Job {
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: Arc<ExecSettings>,
    pub(crate) spec: Spec,
    /// Takes the output as it comes; `None`: it is kept for the answer.
    pub(crate) reader: Option<mpsc::Sender<Piece>>,
    pub(crate) id: u64,
    /// Resolves, also by being dropped, when nobody wants the command any more.
    pub(crate) cancelled: oneshot::Receiver<()>,
    pub(crate) shutdown: watch::Receiver<bool>,
    pub(crate) answer: oneshot::Sender<Result<Outcome, StartError>>,
}

/// When a command began.
#[derive(Clone, Copy)]
struct Began {
    wall: SystemTime,
    at: Instant,
}

impl Job {
    pub(crate) async fn run(self) {
        let Self { shared, settings, spec, reader, id, cancelled, shutdown, answer } = self;
        let began = Began { wall: SystemTime::now(), at: Instant::now() };
        let mut stop = std::pin::pin!(stop(spec.timeout, cancelled, shutdown));
        let account = tokio::select! {
            biased;
            end = &mut stop => {
                let _ = answer.send(Ok(Outcome::without_output(end, began)));
                return;
            }
            account = account(&shared, &settings, &spec) => account,
        };
        let started = match account {
            Ok(account) => start(&shared, &settings, &spec, reader.as_ref(), id, &account).await,
            Err(error) => Err(error),
        };
        // The streams have their own: the reader is at its end when they are.
        drop(reader);
        let (mut process, mut streams, limited) = match started {
            Ok(started) => started,
            Err(error) => {
                let _ = answer.send(Err(error));
                return;
            }
        };

        let first = streams
            .drain_during(async {
                tokio::select! {
                    biased;
                    ended = process.ended() => Ok(ended),
                    end = &mut stop => Err(end),
                }
            })
            .await;
        let (end, ended) = match first {
            Ok(Ok(ended)) if ended.how == How::Exited(Failure::STATUS) => {
                if let Some(failure) = shared.spawner.failure(id) {
                    let _ = answer.send(Err(explain(failure, &settings, &spec)));
                    let _ = process.release().await;
                    return;
                }
                (End::from(ended.how), Some(ended))
            }
            Ok(Ok(ended)) => (End::from(ended.how), Some(ended)),
            Ok(Err(error)) => {
                let _ = answer.send(Err(StartError::step("wait", error)));
                return;
            }
            Err(end) => {
                let gone = end_tree(&mut process, &mut streams, settings.grace).await;
                if !gone {
                    warn!("exec: command {id}: its killed processes are still there after {KILLED:?}");
                }
                let ended = if gone { process.ended().await.ok() } else { None };
                (end, ended)
            }
        };
        if !matches!(end, End::TimedOut | End::Cancelled) {
            // A reader that is slow gets the rest too, within the time the command may take.
            tokio::select! {
                biased;
                _ = &mut stop => {}
                () = streams.deliver() => {}
            }
        }
        // A killed tree holds no pipe any more, and a background child's output is not waited for
        // longer than this.
        let _ = time::timeout(DRAIN, streams.drain()).await;
        let (stdout, stderr) = streams.finish();
        let outcome = Outcome {
            end,
            stdout,
            stderr,
            started: began.wall,
            wall: began.at.elapsed(),
            killed_for_memory: limited.killed_for_memory(),
            usage: ended.map(Usage::from),
        };
        // Nobody there: the answer is not wanted any more.
        let _ = answer.send(Ok(outcome));
        let done = match ended {
            Some(_) => process.release().await,
            None => process.gone().await,
        };
        if let Err(error) = done {
            warn!("exec: command {id}: {error}");
        }
    }
}

/// Why the command has to end before it does so itself.
async fn stop(
    timeout: Option<Duration>,
    cancelled: oneshot::Receiver<()>,
    mut shutdown: watch::Receiver<bool>,
) -> End {
    let timed_out = async {
        match timeout {
            Some(timeout) => time::sleep(timeout).await,
            None => future::pending().await,
        }
    };
    tokio::select! {
        biased;
        _ = cancelled => End::Cancelled,
        _ = shutdown.wait_for(|down| *down) => End::Cancelled,
        () = timed_out => End::TimedOut,
    }
}

/// Whom a request's command runs as, if this agent can become that.
pub(crate) async fn account(
    shared: &Shared,
    settings: &ExecSettings,
    spec: &Spec,
) -> Result<Arc<Account>, StartError> {
    let (user, group) = (spec.user.clone(), spec.group.clone());
    let asked = Asked { user, group, default_group: settings.default_group };
    let account = shared.accounts.resolve(asked).await?;
    let uid = Uid::effective();
    let is_ours = || {
        account.identity.uid == uid.as_raw()
            && (account.identity.gid == Gid::effective().as_raw() || spec.group.is_none())
    };
    if !uid.is_root() && !is_ours() {
        let why = format!("the agent runs as user {uid}; only root can run commands as other users");
        return Err(StartError::step("user", io::Error::new(io::ErrorKind::PermissionDenied, why)));
    }
    Ok(account)
}

async fn start(
    shared: &Arc<Shared>,
    settings: &ExecSettings,
    spec: &Spec,
    reader: Option<&mpsc::Sender<Piece>>,
    id: u64,
    account: &Account,
) -> Result<(Process, Streams, Limited), StartError> {
    let failed = |stage| move |error: io::Error| StartError::step(stage, error);
    let identity = Uid::effective().is_root().then_some(&account.identity);
    let max = spec.max_output.unwrap_or(settings.max_output);
    let (streams, writers) = Streams::open(spec.separate_stderr, max, reader).map_err(failed("pipes"))?;
    let stdin = program::stdin(spec)?;
    if let Some(identity) = identity {
        give(identity, &writers, stdin.as_ref()).map_err(failed("pipes"))?;
    }

    let program = Program::of(account, settings, spec)?;
    let argv = program.argv();
    let launch = program.launch(id, identity, &argv);
    let mut limited = shared.controllers.limit(&id.to_string(), &spec.limits)?;
    let leaf = match shared.controllers.leaf(&mut limited)? {
        Some(leaf) => Some(leaf),
        None => shared.pool.as_ref().and_then(|pool| {
            pool.take()
                .inspect_err(|error| warn!("exec: no cgroup for command {id}, so a keeper: {error}"))
                .ok()?
        }),
    };
    let joins = limited.joins();
    let stdin = stdin.as_ref().map(AsFd::as_fd);
    let files = spawner::files(stdin, &writers.stdout, writers.stderr.as_ref(), &joins);
    let process = match leaf {
        Some(leaf) => {
            let child = shared.spawner.spawn(&launch, files, Holder::Cgroup(leaf.dir())).await;
            if child.is_err() {
                // Whether it began is not known when the zygote died over it; and a leaf that took
                // no process is not tried again.
                let _ = leaf.kill();
            }
            Process::new(child?, Tree::Cgroup(leaf))
        }
        None => {
            let (ours, theirs) = packet::pair().map_err(failed("socket"))?;
            fcntl::fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
                .map_err(|error| failed("socket")(error.into()))?;
            let socket = readiness::watch(ours, Interest::READABLE).map_err(failed("socket"))?;
            let child = shared.spawner.spawn(&launch, files, Holder::Keeper(theirs.as_fd())).await?;
            Process::new(child, Tree::Keeper(socket))
        }
    };
    drop(joins);
    Ok((process.map_err(failed("wait"))?, streams, limited))
}

/// Lets the user open its own output and input by name, as `> /dev/stderr` does.
fn give(identity: &Identity, writers: &Writers, stdin: Option<&OwnedFd>) -> io::Result<()> {
    if identity.uid == 0 {
        return Ok(());
    }
    for fd in [Some(&writers.stdout), writers.stderr.as_ref(), stdin].into_iter().flatten() {
        unistd::fchown(fd, Some(Uid::from_raw(identity.uid)), Some(Gid::from_raw(identity.gid)))?;
    }
    Ok(())
}

/// Ends the tree: asks, waits the grace, kills. True when nothing of it is left.
async fn end_tree(process: &mut Process, streams: &mut Streams, grace: Duration) -> bool {
    // A step that fails is made up for by the next; the last wait tells whether it worked.
    let asked = process.terminate();
    if asked.is_ok() && within(grace, process, streams).await {
        return true;
    }
    if let Err(error) = process.kill() {
        warn!("exec: cannot kill a command's processes: {error}");
    }
    within(KILLED, process, streams).await
}

async fn within(bound: Duration, process: &mut Process, streams: &mut Streams) -> bool {
    matches!(streams.drain_during(time::timeout(bound, process.gone())).await, Ok(Ok(())))
}

/// What went wrong between clone and exec, with the path it went wrong on.
pub(crate) fn explain(failure: Failure, settings: &ExecSettings, spec: &Spec) -> StartError {
    let path = match failure.stage {
        Stage::Exec => Some(settings.shell.clone()),
        Stage::Directory => spec.cwd.clone(),
        Stage::Clone
        | Stage::Session
        | Stage::Files
        | Stage::Groups
        | Stage::Group
        | Stage::User
        | Stage::Limits => None,
    };
    let source = io::Error::from_raw_os_error(failure.errno);
    StartError::NotStarted(FailedStep { stage: stage_name(failure.stage), path, source })
}

impl Outcome {
    fn without_output(end: End, began: Began) -> Self {
        Self {
            end,
            stdout: super::capture::Captured::default(),
            stderr: None,
            started: began.wall,
            wall: began.at.elapsed(),
            killed_for_memory: false,
            usage: None,
        }
    }

    /// Of a command that was cancelled before it had a place.
    pub(crate) fn never_began() -> Self {
        Self::without_output(End::Cancelled, Began { wall: SystemTime::now(), at: Instant::now() })
    }
}

impl From<How> for End {
    fn from(how: How) -> Self {
        match how {
            How::Exited(status) => Self::Exited(status),
            How::Signaled { signal, core } => Self::Signaled { signal, core },
        }
    }
}

impl From<Ended> for Usage {
    fn from(ended: Ended) -> Self {
        Self { user: ended.user, system: ended.system, max_rss_kib: ended.max_rss_kib }
    }
}
