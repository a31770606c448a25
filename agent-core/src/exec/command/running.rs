//! A command on its way from its place to its outcome.
//!
//! Each runs as a tokio task of its own: it sends the outcome as soon as it is known, and reaps the
//! remaining processes after that. The executor owns the task.

use std::future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use agent_sys::FailureReport;
use agent_sys::end::{CommandEnd, Exit, ProcessEnd, StopReason};
use agent_sys::ending::{Ending, Event, KILL_BOUND, Step};
use log::warn;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time;

use super::host::Host;
use super::outcome::{Began, Outcome};
use super::process::Process;
use super::sink::OutputPiece;
use super::spec::Spec;
use super::start::{Started, explain, start};
use super::streams::Streams;
use crate::config::ExecSettings;
use crate::exec::StartError;

/// A command that has its place.
pub(crate) struct RunningCommand {
    pub(crate) host: Arc<Host>,
    pub(crate) settings: Arc<ExecSettings>,
    pub(crate) spec: Spec,
    /// Receives the output as it comes; `None`: the outcome has it.
    pub(crate) reader: Option<mpsc::Sender<OutputPiece>>,
    pub(crate) id: u64,
    /// Resolves, also by being dropped, when nobody wants the command any more.
    pub(crate) cancelled: oneshot::Receiver<()>,
    pub(crate) shutdown: watch::Receiver<bool>,
    pub(crate) outcome: oneshot::Sender<Result<Outcome, StartError>>,
}

impl RunningCommand {
    /// Runs the command, sends its outcome, and reaps its remaining processes.
    pub(crate) async fn run(self) {
        let Self { host, settings, spec, reader, id, cancelled, shutdown, outcome } = self;
        let began = Began::now();
        let mut stop = std::pin::pin!(stop(spec.timeout, cancelled, shutdown));
        let account = tokio::select! {
            biased;
            event = &mut stop => {
                let end = end_before_start(event);
                let _ = outcome.send(Ok(Outcome::without_output(end, began)));
                return;
            }
            account = host.account(&settings, &spec) => account,
        };
        let started = match account {
            Ok(account) => start(&host, &settings, &spec, reader.as_ref(), id, &account).await,
            Err(error) => Err(error),
        };
        // The streams have clones of it: the reader reaches its end when they are dropped.
        drop(reader);
        let Started { mut process, mut streams, limited } = match started {
            Ok(started) => started,
            Err(error) => {
                let _ = outcome.send(Err(error));
                return;
            }
        };

        let event = match ended_or_stopped(&mut process, &mut streams, stop.as_mut()).await {
            Ok(Ok(ended)) => {
                if ended.exit == Exit::Exited(FailureReport::STATUS)
                    && let Some(failure) = host.spawner.failure(id)
                {
                    let _ = outcome.send(Err(explain(failure, &settings, &spec)));
                    let _ = process.release().await;
                    return;
                }
                // A slow reader gets the rest too, within the time the command may take.
                tokio::select! {
                    biased;
                    _ = &mut stop => {}
                    () = streams.deliver() => {}
                }
                Event::CommandEnded
            }
            Ok(Err(event)) => event,
            Err(error) => {
                let _ = outcome.send(Err(StartError::step("wait", error)));
                return;
            }
        };
        let (stopped, is_gone) = end(&mut process, &mut streams, event, settings.grace, id).await;
        let process_end = if is_gone { process.ended().await.ok() } else { None };
        let (stdout, stderr) = streams.finish();
        // Nobody may want it any more; then this fails.
        let _ = outcome.send(Ok(Outcome {
            end: command_end(stopped, process_end),
            stdout,
            stderr,
            started: Some(began.wall),
            wall: began.at.elapsed(),
            killed_for_memory: limited.killed_for_memory(),
            usage: process_end.map(|ended| ended.usage),
        }));
        reap(process, process_end.is_some(), id).await;
    }
}

/// Returns the end of a command that `event` stopped before it was started.
fn end_before_start(event: Event) -> CommandEnd {
    if event == Event::TimeUp { CommandEnd::TimedOut } else { CommandEnd::Cancelled }
}

/// Reads output until the command ends by itself, or until `stop` returns its event.
async fn ended_or_stopped(
    process: &mut Process,
    streams: &mut Streams,
    stop: Pin<&mut impl Future<Output = Event>>,
) -> io::Result<Result<ProcessEnd, Event>> {
    let first = async {
        tokio::select! {
            biased;
            ended = process.ended() => ended.map(Ok),
            event = stop => Ok(Err(event)),
        }
    };
    streams.drain_during(first).await
}

/// Returns how a command ended, given why it was stopped, if it was, and the end of its process.
fn command_end(stopped: Option<StopReason>, process_end: Option<ProcessEnd>) -> CommandEnd {
    match (stopped, process_end) {
        (Some(reason), _) => reason.into(),
        (None, Some(ended)) => ended.exit.into(),
        // Not reached: a command that was not stopped has ended.
        (None, None) => CommandEnd::Cancelled,
    }
}

/// Reaps the processes of a command whose outcome was sent.
async fn reap(mut process: Process, has_ended: bool, id: u64) {
    let reaped = if has_ended { process.release().await } else { process.gone().await };
    if let Err(error) = reaped {
        warn!("command {id}: cannot reap its processes: {error}");
    }
}

/// Returns when the command has to end before it does so by itself: the event that says why.
async fn stop(
    timeout: Option<Duration>,
    cancelled: oneshot::Receiver<()>,
    mut shutdown: watch::Receiver<bool>,
) -> Event {
    let timed_out = async {
        match timeout {
            Some(timeout) => time::sleep(timeout).await,
            None => future::pending().await,
        }
    };
    tokio::select! {
        biased;
        _ = cancelled => Event::Cancelled,
        _ = shutdown.wait_for(|down| *down) => Event::Cancelled,
        () = timed_out => Event::TimeUp,
    }
}

/// Takes a command from its first event to its end; the driver of [`Ending`] for commands.
///
/// Returns why its tree was ended by force, if it was, and whether the command itself is gone.
async fn end(
    process: &mut Process,
    streams: &mut Streams,
    first: Event,
    grace: Duration,
    id: u64,
) -> (Option<StopReason>, bool) {
    let mut ending = Ending::new(grace);
    let mut is_gone = first == Event::CommandEnded;
    let mut kills = 0;
    let mut step = ending.on(first);
    loop {
        let event = match step {
            Step::Wait | Step::Finish => break,
            // A step that fails is made up for by the next; the last wait tells whether it worked.
            Step::Terminate { within } => match process.terminate() {
                Ok(()) => wait_until_gone(process, streams, within).await,
                Err(_) => Event::TerminateFailed,
            },
            Step::Kill { within } => {
                if let Err(error) = process.kill()
                    && kills == 0
                {
                    warn!("command {id}: cannot kill its processes: {error}");
                }
                kills += 1;
                wait_until_gone(process, streams, within).await
            }
            Step::Drain { within } => match time::timeout(within, streams.drain()).await {
                Ok(()) => Event::OutputEnded,
                Err(_) => Event::TimeUp,
            },
        };
        is_gone |= event == Event::TreeGone;
        step = ending.on(event);
    }
    let stopped = ending.stopped();
    if stopped.is_some() && !is_gone {
        warn!("command {id}: some of its killed processes still exist after {KILL_BOUND:?}");
    }
    (stopped, is_gone)
}

async fn wait_until_gone(process: &mut Process, streams: &mut Streams, within: Duration) -> Event {
    match streams.drain_during(time::timeout(within, process.gone())).await {
        Ok(Ok(())) => Event::TreeGone,
        Ok(Err(_)) | Err(_) => Event::TimeUp,
    }
}
