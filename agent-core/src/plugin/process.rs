//! One worker process, seen from the daemon.

use std::io;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::time::Duration;

use agent_sys::pidfd::PidFd;
use agent_sys::readiness::watch;
use agent_wire::json::check_part;
use nix::unistd::geteuid;
use plugin_api::host::worker::{Prepared, how_ended, kill_group, prepare};
use plugin_api::host::{FileIdentity, Trust};
use plugin_api::{Meta, MethodName, ProviderError};
use serde_json::value::RawValue;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::Error;
use super::channel::Channel;
use super::launcher::{PluginFile, Program};
use super::message::{Answer, Call, Load};
use super::output::log_lines;

/// The bound from spawn to a loaded plugin.
const LOAD_TIMEOUT: Duration = Duration::from_secs(2);
/// The bound of one call.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// The time that a worker has to exit once its channel is closed, before it is killed.
const EXIT_TIMEOUT: Duration = Duration::from_millis(500);

/// A running worker with its plugin loaded. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    /// Readable once the process has ended, reaped or not.
    ended: AsyncFd<PidFd>,
    channel: Channel,
    /// The deadline of the current exchange. Kept from one to the next: moving an existing timer is
    /// cheap, while a new timer that is the earliest of all wakes the event loop.
    deadline: Pin<Box<Sleep>>,
    output: JoinHandle<io::Result<()>>,
    meta: Meta,
    method: String,
    /// The file that it loaded.
    pub(super) identity: FileIdentity,
}

impl Worker {
    /// Starts a worker and waits until it has loaded the plugin in `file`, if `trust` vouches for
    /// it.
    pub(super) async fn start(
        program: &Program,
        trust: &Trust,
        method: &MethodName,
        file: &PluginFile,
        keep_root: bool,
    ) -> Result<Self, Error> {
        let not_started =
            |err: io::Error| Error::Refused(format!("{method}: cannot start its worker: {err}"));
        let (child, ended, channel, output) = spawn(program).map_err(not_started)?;
        let output = tokio::spawn(log_lines(method.to_string(), output));
        let mut worker = Self {
            child,
            ended,
            channel: Channel::new(channel).map_err(not_started)?,
            deadline: Box::pin(sleep(LOAD_TIMEOUT)),
            output,
            meta: Meta::new(method.as_str(), "", ""),
            method: method.to_string(),
            identity: file.identity,
        };
        let load = Load {
            method: method.to_string(),
            path: file.path.clone(),
            trust: trust.clone(),
            keep_root,
        };
        let described = worker.exchange(&load, LOAD_TIMEOUT).await?;
        match serde_json::from_str(described.get()) {
            Ok(meta) => worker.meta = meta,
            Err(err) => return Err(worker.broken(&format!("its description is invalid: {err}"))),
        }
        Ok(worker)
    }

    /// Returns the plugin's description of itself.
    pub(super) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Makes one call in the name of the agent's user. After an error other than the plugin's own
    /// the worker must not be used again.
    pub(super) async fn call(&mut self, args: String) -> Result<Box<RawValue>, Error> {
        let deadline_ms = u64::try_from(CALL_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        let call = Call { args, caller_uid: geteuid().as_raw(), deadline_ms };
        let reply = self.exchange(&call, CALL_TIMEOUT).await?;
        as_part_of_a_message(reply).map_err(|why| self.broken(&why))
    }

    /// Closes the channel and kills the worker if it does not exit soon.
    pub(super) async fn end(mut self) {
        self.channel.close();
        // After the worker's own exit, the rest of its process group is killed: before the worker
        // is reaped, so that the group's number is still its own.
        let _ = timeout(EXIT_TIMEOUT, self.ended.readable()).await;
        kill(&mut self.child);
        let _ = timeout(EXIT_TIMEOUT, self.child.wait()).await;
        // The last of its output; a child of the plugin's may hold the pipe for longer.
        let _ = timeout(EXIT_TIMEOUT, &mut self.output).await;
    }

    /// Kills the worker at once.
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
            // The channel's end is not enough: a child of the plugin's may hold it open.
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
                Err(Error::TimedOut { method: self.method.clone(), after: bound })
            }
            Some(Err(err)) if err.kind() == io::ErrorKind::InvalidData => {
                Err(self.broken(&err.to_string()))
            }
            Some(Err(err)) => Err(self.crashed(&err).await),
            Some(Ok(Answer::Ok(value))) => Ok(value),
            Some(Ok(Answer::Refused(why))) => Err(Error::Refused(why)),
            Some(Ok(Answer::Broken(why))) => Err(self.broken(&why)),
            Some(Ok(Answer::Failed(err))) => Err(if err.code() == ProviderError::USAGE {
                Error::Args { method: self.method.clone(), why: err.message().to_owned() }
            } else {
                Error::Failed {
                    method: self.method.clone(),
                    code: err.code().to_owned(),
                    message: err.message().to_owned(),
                }
            }),
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::Failed {
            method: self.method.clone(),
            code: "broken".to_owned(),
            message: why.to_owned(),
        }
    }

    /// Returns the error for a closed channel: how the process ended.
    async fn crashed(&mut self, err: &io::Error) -> Error {
        let exited = timeout(EXIT_TIMEOUT, self.ended.readable()).await.is_ok();
        kill(&mut self.child);
        let how = match timeout(EXIT_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if exited => how_ended(status),
            _ => format!("its worker does not reply: {err}"),
        };
        Error::Crashed { method: self.method.clone(), how }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        kill(&mut self.child);
        self.output.abort();
    }
}

/// The levels above a plugin's data in the agent's reply.
const LEVELS_ABOVE: u32 = 1;

/// Returns a plugin's reply as data that the agent can send: the peer's reader must accept it, and
/// a message is one line (PROTOCOL §3).
fn as_part_of_a_message(reply: Box<RawValue>) -> Result<Box<RawValue>, String> {
    check_part(reply.get(), LEVELS_ABOVE).map_err(|why| format!("its reply: {}", why.message))?;
    if !reply.get().contains(['\n', '\r']) {
        return Ok(reply);
    }
    // Line ends are white space: inside a string, JSON escapes them.
    let line = String::from(Box::<str>::from(reply)).replace(['\n', '\r'], " ");
    RawValue::from_string(line).map_err(|why| format!("its reply is not JSON: {why}"))
}

type Spawned = (Child, AsyncFd<PidFd>, UnixStream, io::PipeReader);

fn spawn(program: &Program) -> io::Result<Spawned> {
    let Prepared { command, channel, output } = prepare(&program.path, &program.args)?;
    let child = Command::from(command).kill_on_drop(true).spawn()?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or(io::ErrorKind::NotFound)?;
    let ended = watch(PidFd::open(pid)?, Interest::READABLE)?;
    Ok((child, ended, channel, output))
}

/// Kills the worker and the rest of its process group. Does nothing once the worker has been
/// reaped: the number may belong to another process by then.
fn kill(child: &mut Child) {
    if let Some(pid) = child.id() {
        kill_group(pid);
        let _ = child.start_kill();
    }
}
