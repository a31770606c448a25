//! One worker process, as the daemon holds it.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use agent_sys::pidfd::PidFd;
use agent_sys::readiness::watch;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, Uid};
use plugin_api::Meta;
use plugin_api::host::{FileIdentity, Trust};
use serde_json::value::RawValue;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::frame::{Answer, Call, Channel, Job};
use super::output::log_lines;
use super::worker::WORKER_FLAG;
use crate::Error;

/// From spawn to a loaded plugin.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);
/// One call.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// What a worker has to exit once its channel is closed, before it is killed.
const EXIT_TIMEOUT: Duration = Duration::from_millis(500);

/// How a worker is started.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// The program, by a path that a replaced binary does not change, and its arguments.
    pub(super) path: PathBuf,
    pub(super) args: Vec<OsString>,
}

impl Program {
    /// This very binary.
    pub(super) fn this() -> Self {
        Self { path: PathBuf::from("/proc/self/exe"), args: vec![WORKER_FLAG.into()] }
    }
}

/// A running worker with its plugin loaded. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    /// Readable once the process has ended, reaped or not.
    ended: AsyncFd<PidFd>,
    channel: Channel,
    /// Of the exchange under way. Kept from one to the next: putting off a timer that stands is cheap, while a new one that is
    /// the earliest of all wakes the event loop to tell it so.
    deadline: Pin<Box<Sleep>>,
    output: JoinHandle<io::Result<()>>,
    meta: Meta,
    method: String,
    /// The file it loaded.
    pub(super) identity: FileIdentity,
    /// Whether it kept root.
    pub(super) keeps_root: bool,
}

impl Worker {
    /// Starts a worker and waits until it has loaded the plugin at `path`, if the file has what `trust` asks for.
    pub(super) async fn start(
        program: &Program,
        trust: &Trust,
        method: &str,
        (path, identity): (&Path, FileIdentity),
        keep_root: bool,
    ) -> Result<Self, Error> {
        let not_started = |err: io::Error| Error::PluginRefused {
            method: method.to_owned(),
            why: format!("its worker could not be started: {err}"),
        };
        let (child, ended, channel, output) = spawn(program).map_err(not_started)?;
        let output = tokio::spawn(log_lines(method.to_owned(), output));
        let mut worker = Self {
            child,
            ended,
            channel: Channel::new(channel).map_err(not_started)?,
            deadline: Box::pin(sleep(LOAD_TIMEOUT)),
            output,
            meta: Meta::new(method, "", ""),
            method: method.to_owned(),
            identity,
            keeps_root: keep_root,
        };
        let job = Job { method: method.to_owned(), path: path.to_owned(), trust: trust.clone(), keep_root };
        let described = worker.exchange(&job, LOAD_TIMEOUT).await?;
        match serde_json::from_str(described.get()) {
            Ok(meta) => worker.meta = meta,
            Err(err) => return Err(worker.broken(&format!("its description is unfit: {err}"))),
        }
        Ok(worker)
    }

    /// What the plugin says of itself.
    pub(super) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Makes one call in the name of `caller`. After an error other than the plugin's own the worker is of no more use.
    pub(super) async fn call(&mut self, args: String, caller: Uid) -> Result<Box<RawValue>, Error> {
        let deadline_ms = u64::try_from(CALL_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        let call = Call { args, caller_uid: caller.as_raw(), deadline_ms };
        self.exchange(&call, CALL_TIMEOUT).await
    }

    /// Lets it end: its channel is closed, and what does not exit then is killed.
    pub(super) async fn end(mut self) {
        self.channel.close();
        // Its own exit is waited for, then what it leaves in its process group is killed: before it
        // is reaped, so that the group's number is still its own.
        let _ = timeout(EXIT_TIMEOUT, self.ended.readable()).await;
        kill(&mut self.child);
        let _ = timeout(EXIT_TIMEOUT, self.child.wait()).await;
        // Its last words; a child of the plugin's could hold the pipe for longer.
        let _ = timeout(EXIT_TIMEOUT, &mut self.output).await;
    }

    /// Ends it now, and says how it ended if it has by itself.
    pub(super) async fn kill(mut self) {
        kill(&mut self.child);
        self.end().await;
    }

    async fn exchange(
        &mut self,
        message: &impl serde::Serialize,
        bound: Duration,
    ) -> Result<Box<RawValue>, Error> {
        self.deadline.as_mut().reset(Instant::now() + bound);
        let exchange = async {
            self.channel.send(message).await?;
            // Not by the channel's end alone: a child of the plugin's may hold it open.
            tokio::select! {
                biased;
                answer = self.channel.receive() => answer,
                _ = self.ended.readable() => Err(io::ErrorKind::UnexpectedEof.into()),
            }
        };
        let answer = tokio::select! {
            biased;
            answer = exchange => Some(answer),
            () = &mut self.deadline => None,
        };
        match answer {
            None => {
                kill(&mut self.child);
                Err(Error::PluginTimedOut { method: self.method.clone(), after: bound })
            }
            Some(Err(err)) if err.kind() == io::ErrorKind::InvalidData => Err(self.broken(&err.to_string())),
            Some(Err(err)) => Err(self.crashed(&err).await),
            Some(Ok(Answer::Ok(value))) => Ok(value),
            Some(Ok(Answer::Refused(why))) => Err(Error::PluginRefused { method: self.method.clone(), why }),
            Some(Ok(Answer::Broken(why))) => Err(self.broken(&why)),
            Some(Ok(Answer::Failed(err))) => Err(if err.code() == plugin_api::ProviderError::USAGE {
                Error::PluginArgs { method: self.method.clone(), why: err.message().to_owned() }
            } else {
                Error::PluginFailed {
                    method: self.method.clone(),
                    code: err.code().to_owned(),
                    message: err.message().to_owned(),
                }
            }),
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::PluginFailed {
            method: self.method.clone(),
            code: "broken".to_owned(),
            message: why.to_owned(),
        }
    }

    /// The channel is closed: how did the process end?
    async fn crashed(&mut self, err: &io::Error) -> Error {
        let exited = timeout(EXIT_TIMEOUT, self.ended.readable()).await.is_ok();
        kill(&mut self.child);
        let how = match timeout(EXIT_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if exited => ended(status),
            _ => format!("its worker does not answer: {err}"),
        };
        Error::PluginCrashed { method: self.method.clone(), how }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        kill(&mut self.child);
        self.output.abort();
    }
}

type Started = (Child, AsyncFd<PidFd>, UnixStream, io::PipeReader);

fn spawn(program: &Program) -> io::Result<Started> {
    let (here, there) = UnixStream::pair()?;
    let (reader, writer) = io::pipe()?;
    let child = Command::new(&program.path)
        .args(&program.args)
        .env_clear()
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(there)))
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // Its children, if a plugin starts any, are killed with it; a terminal's ^C is the daemon's.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or(io::ErrorKind::NotFound)?;
    let ended = watch(PidFd::open(pid)?, Interest::READABLE)?;
    Ok((child, ended, here, reader))
}

/// Kills the worker and what it started in its process group. Nothing happens once it has been
/// reaped: the number may be another's by then.
fn kill(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        let _ = child.start_kill();
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => match Signal::try_from(signal) {
            Ok(name) => format!("killed by signal {signal} ({name})"),
            Err(_) => format!("killed by signal {signal}"),
        },
        (None, code) => format!("it ended the process with status {}", code.unwrap_or_default()),
    }
}
