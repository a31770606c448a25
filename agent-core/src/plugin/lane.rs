//! One plugin in use: a bounded queue of calls, and the task that makes them one by one.

use std::pin::pin;
use std::sync::Arc;

use plugin_api::MethodName;
use serde_json::value::RawValue;
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::Error;
use super::launcher::{Launcher, PluginFile};
use super::process::Worker;

/// The calls that may wait for one plugin; a further one is rejected.
pub(super) const QUEUE: usize = 1024;

/// The outcome of a call: the plugin's JSON value.
pub(super) type CallResult = Result<Box<RawValue>, Error>;

/// A call that waits in a lane.
#[derive(Debug)]
pub(super) struct QueuedCall {
    pub(super) args: String,
    pub(super) result: oneshot::Sender<CallResult>,
}

/// Makes the calls that arrive until none has arrived for the settings' idle time, or all senders
/// are gone; then ends the worker.
pub(super) async fn run(
    method: MethodName,
    launcher: Arc<Launcher>,
    mut calls: mpsc::Receiver<QueuedCall>,
) {
    let idle = launcher.settings.idle;
    let mut lane = Lane { method, launcher, worker: None };
    // Kept from one wait to the next: moving an existing timer is cheap.
    let mut idle_since = pin!(sleep(idle));
    loop {
        idle_since.as_mut().reset(Instant::now() + idle);
        let call = select! {
            biased;
            call = calls.recv() => call,
            () = &mut idle_since => {
                // From here on callers open a new lane; calls that arrived before are still made.
                calls.close();
                calls.recv().await
            }
        };
        let Some(call) = call else { break };
        // The caller is gone: its connection has ended.
        if call.result.is_closed() {
            continue;
        }
        let result = lane.call(call.args).await;
        // The caller may have gone in the meantime; nobody else needs the result.
        let _ = call.result.send(result);
    }
    if let Some(worker) = lane.worker {
        worker.end().await;
    }
}

struct Lane {
    method: MethodName,
    launcher: Arc<Launcher>,
    worker: Option<Worker>,
}

impl Lane {
    async fn call(&mut self, args: String) -> CallResult {
        let file = self.launcher.find_usable(&self.method)?;
        let result = self.call_file(&file, args).await;
        if let Err(error) = &result {
            self.launcher.note(&self.method, &file, error);
        }
        result
    }

    async fn call_file(&mut self, file: &PluginFile, args: String) -> CallResult {
        let mut worker = self.take_worker(file).await?;
        let result = worker.call(args).await;
        match &result {
            Ok(_) | Err(Error::Args { .. } | Error::Failed { .. }) => self.worker = Some(worker),
            Err(
                Error::Refused(_)
                | Error::Crashed { .. }
                | Error::TimedOut { .. }
                | Error::Busy { .. }
                | Error::ShuttingDown,
            ) => worker.kill().await,
        }
        result
    }

    /// Returns the running worker, or a new one if none runs or the file has changed.
    async fn take_worker(&mut self, file: &PluginFile) -> Result<Worker, Error> {
        if let Some(worker) = self.worker.take() {
            if worker.identity == file.identity {
                return Ok(worker);
            }
            log::info!("{}: {} has changed; reloading it", self.method, file.path.display());
            worker.end().await;
        }
        self.launcher.start(&self.method, file).await
    }
}
