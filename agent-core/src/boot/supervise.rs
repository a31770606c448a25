//! Keeps one agent running until a signal stops boot: one thread, one poll(2) on signals, the
//! agent's output and the next due time. Nothing else wakes it.
//!
//! [`super::launch`] calls it; it owns the pid file, the log and the agent. It signals the agent by
//! pid, which is sound for a child that only this thread can reap.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use agent_sys::daemon;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::Error;
use super::backoff::Backoff;
use super::cli::{Options, Status};
use super::log::{Level, Log};
use super::output::Output;
use super::pid_file::PidFile;
use super::signals::Signals;

/// The agent and everything that boot holds for it.
#[derive(Debug)]
pub(super) struct Supervisor<'a> {
    options: &'a Options,
    signals: Signals,
    log: Log,
    /// `None` without a log file: the agent then writes directly to boot's standard error.
    output: Option<Output>,
    backoff: Backoff,
    agent: Agent,
    phase: Phase,
    /// The last field, so that the lock is released after everything else.
    _pid_file: Option<PidFile>,
}

#[derive(Debug, Clone, Copy)]
enum Agent {
    Running { pid: Pid, since: Instant },
    Down { retry_at: Instant },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    Serving,
    Stopping { kill_at: Instant },
    Killed,
}

impl<'a> Supervisor<'a> {
    /// Takes the pid file, opens the log and starts the agent.
    ///
    /// # Errors
    /// When any of the three fails; then nothing is left running.
    pub(super) fn start(options: &'a Options, signals: Signals) -> Result<Self, Error> {
        daemon::default_sigchld().map_err(|error| failed("sigaction", error))?;
        let pid_file = options.pid_file.as_deref().map(PidFile::acquire).transpose()?;
        let log = Log::open(options.log.as_deref())?;
        let output = options.log.is_some().then(Output::new).transpose()?;
        let agent = Agent::Down { retry_at: Instant::now() };
        let (backoff, phase) = (Backoff::new(), Phase::Serving);
        let mut supervisor =
            Self { options, signals, log, output, backoff, agent, phase, _pid_file: pid_file };
        supervisor.start_agent()?;
        Ok(supervisor)
    }

    /// Runs until a signal stops boot and the agent has exited.
    ///
    /// # Errors
    /// [`Error::System`] when poll(2), signalfd or waitpid(2) fails, which is not expected.
    pub(super) fn run(mut self) -> Result<Status, Error> {
        loop {
            let (signal, output) = self.wait()?;
            if signal {
                while let Some(signal) = self.signals.next()? {
                    if let Some(status) = self.on_signal(signal)? {
                        return Ok(status);
                    }
                }
            }
            // One read per turn: a flood of output must not delay a signal.
            if output && let Some(output) = &mut self.output {
                output.pass_on(&mut self.log);
            }
            self.on_time();
        }
    }

    /// Sleeps until there is work. Returns whether signals and output are ready.
    fn wait(&self) -> Result<(bool, bool), Error> {
        let due = match (self.phase, self.agent) {
            (Phase::Stopping { kill_at }, _) => Some(kill_at),
            (Phase::Serving, Agent::Down { retry_at }) => Some(retry_at),
            (Phase::Serving, Agent::Running { .. }) | (Phase::Killed, _) => None,
        };
        let timeout = due.map_or(PollTimeout::NONE, |due| {
            // Rounded up: waking just before the due time would only mean waking twice.
            let left =
                due.saturating_duration_since(Instant::now()) + Duration::from_nanos(999_999);
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let signals = PollFd::new(self.signals.as_fd(), PollFlags::POLLIN);
        let readable = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        let polled = match &self.output {
            Some(output) => {
                let mut fds = [signals, PollFd::new(output.reader().as_fd(), PollFlags::POLLIN)];
                poll(&mut fds, timeout).map(|_| (readable(&fds[0]), readable(&fds[1])))
            }
            None => {
                let mut fds = [signals];
                poll(&mut fds, timeout).map(|_| (readable(&fds[0]), false))
            }
        };
        match polled {
            Ok(ready) => Ok(ready),
            // A debugger, or SIGSTOP and SIGCONT: try again.
            Err(Errno::EINTR) => Ok((false, false)),
            Err(errno) => Err(failed("poll", errno.into())),
        }
    }

    fn on_signal(&mut self, signal: Signal) -> Result<Option<Status>, Error> {
        match signal {
            Signal::SIGCHLD => {
                while let Some((pid, status)) =
                    daemon::reap().map_err(|error| failed("waitpid", error))?
                {
                    if let Agent::Running { pid: agent, since } = self.agent
                        && pid == agent
                        && let Some(status) = self.on_end(status, since.elapsed())
                    {
                        return Ok(Some(status));
                    }
                }
                Ok(None)
            }
            Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT => Ok(self.on_stop(signal)),
            Signal::SIGHUP => {
                self.log.reopen();
                self.forward(signal);
                Ok(None)
            }
            other => {
                self.forward(other);
                Ok(None)
            }
        }
    }

    /// Handles the agent's exit: boot ends too, or schedules a restart.
    fn on_end(&mut self, status: ExitStatus, lived: Duration) -> Option<Status> {
        if let Some(output) = &mut self.output {
            output.finish(&mut self.log);
        }
        if self.phase == Phase::Serving {
            self.retry(lived, format_args!("agent exited ({status})"));
            return None;
        }
        // An agent without a handler dies from our SIGTERM, which counts as a clean stop.
        let expected = status.success() || status.signal() == Some(Signal::SIGTERM as i32);
        let clean = expected && self.phase != Phase::Killed;
        let level = if clean { Level::Info } else { Level::Error };
        self.log.say(level, format_args!("stopped; agent exited ({status})"));
        Some(if clean { Status::Done } else { Status::AgentFailed })
    }

    fn on_stop(&mut self, signal: Signal) -> Option<Status> {
        if self.phase != Phase::Serving {
            return None;
        }
        let Agent::Running { pid, .. } = self.agent else {
            self.log.say(Level::Info, format_args!("{signal}: stopped; no agent was running"));
            return Some(Status::Done);
        };
        self.log.say(Level::Info, format_args!("{signal}: stopping the agent, pid {pid}"));
        // If the agent has exited already, SIGCHLD is on its way.
        let _ = kill(pid, Signal::SIGTERM);
        self.phase = Phase::Stopping { kill_at: Instant::now() + self.options.stop_timeout };
        None
    }

    fn forward(&self, signal: Signal) {
        // Not while stopping: an agent that has removed its handlers would die from it.
        if let (Phase::Serving, Agent::Running { pid, .. }) = (self.phase, self.agent) {
            let _ = kill(pid, signal);
        }
    }

    /// Does the work that is due.
    fn on_time(&mut self) {
        let now = Instant::now();
        match (self.phase, self.agent) {
            (Phase::Stopping { kill_at }, Agent::Running { pid, .. }) if kill_at <= now => {
                let timeout = self.options.stop_timeout.as_secs();
                self.log.say(
                    Level::Error,
                    format_args!("agent still running after {timeout} s; killing it"),
                );
                // Its whole process group: its workers must not outlive it.
                let _ = killpg(pid, Signal::SIGKILL);
                self.phase = Phase::Killed;
            }
            (Phase::Serving, Agent::Down { retry_at }) if retry_at <= now => {
                if let Err(error) = self.start_agent() {
                    self.retry(Duration::ZERO, format_args!("{error}"));
                }
            }
            _ => {}
        }
    }

    fn retry(&mut self, lived: Duration, why: std::fmt::Arguments<'_>) {
        let wait = self.backoff.after(lived);
        self.agent = Agent::Down { retry_at: Instant::now() + wait };
        self.log.say(Level::Warn, format_args!("{why}; restarting it in {} s", wait.as_secs()));
    }

    fn start_agent(&mut self) -> Result<(), Error> {
        let path = &self.options.agent;
        let failed = |source| Error::Start { program: path.clone(), source };
        #[expect(
            clippy::disallowed_methods,
            reason = "the agent itself, not a command it was sent"
        )]
        let mut command = Command::new(path);
        command.args(&self.options.agent_args).stdin(Stdio::null());
        if let Some(output) = &self.output {
            command.stdout(output.stdio().map_err(failed)?).stderr(output.stdio().map_err(failed)?);
        }
        // A group of its own: a terminal's ^C reaches only boot, which stops the agent in order.
        let command = daemon::supervised(command.process_group(0)).map_err(failed)?;
        let child = command.spawn().map_err(failed)?;
        let pid = Pid::from_raw(child.id().cast_signed());
        self.agent = Agent::Running { pid, since: Instant::now() };
        self.log.say(Level::Info, format_args!("agent {} started, pid {pid}", path.display()));
        Ok(())
    }
}

fn failed(call: &'static str, source: io::Error) -> Error {
    Error::System { call, source }
}
