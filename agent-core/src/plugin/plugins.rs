//! The daemon's plugins: the installed methods, and calls to them.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plugin_api::MethodName;
use plugin_api::host::FileIdentity;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::Error;
use super::lane::{self, CallResult, QueuedCall};
use super::launcher::{Launcher, Program};
use super::message::MAX_ARGS;
use super::process::CALL_TIMEOUT;
use crate::config::PluginSettings;

/// The time that [`Plugins::shutdown`] waits for running calls; then it kills their workers.
const SHUTDOWN_TIMEOUT: Duration = CALL_TIMEOUT;

/// The plugins of one daemon. Owns their workers; [`Plugins::shutdown`] ends them.
#[derive(Debug)]
pub(crate) struct Plugins {
    lanes: Mutex<Lanes>,
}

#[derive(Debug)]
struct Lanes {
    launcher: Arc<Launcher>,
    by_method: HashMap<MethodName, Lane>,
    /// Summaries by file, so that listing starts no worker twice.
    summaries: HashMap<MethodName, (FileIdentity, String)>,
    closed: bool,
}

#[derive(Debug)]
struct Lane {
    calls: mpsc::Sender<QueuedCall>,
    task: JoinHandle<()>,
}

impl Plugins {
    /// Returns plugins that are looked up, and whose workers are started, at their first call.
    pub(crate) fn new(dirs: Vec<PathBuf>, settings: PluginSettings) -> Self {
        Self::with_program(dirs, settings, Program::this())
    }

    fn with_program(dirs: Vec<PathBuf>, settings: PluginSettings, program: Program) -> Self {
        let launcher = Arc::new(Launcher::new(dirs, settings, program));
        let (by_method, summaries) = (HashMap::new(), HashMap::new());
        Self { lanes: Mutex::new(Lanes { launcher, by_method, summaries, closed: false }) }
    }

    /// Calls `method` with `args`, a string that is split as a shell does, and returns the plugin's
    /// JSON value. If this future is dropped, a waiting call is discarded; a running call is
    /// completed without a receiver.
    pub(crate) async fn call(&self, method: &str, args: &str) -> CallResult {
        let name = MethodName::parse(method).map_err(|error| Error::Refused(error.to_string()))?;
        if args.len() > MAX_ARGS {
            let why = format!("args has {} bytes; at most {MAX_ARGS} are allowed", args.len());
            return Err(Error::Args { method: method.to_owned(), why });
        }
        let (result, returned) = oneshot::channel();
        self.enqueue(name, QueuedCall { args: args.to_owned(), result })?;
        // A lane completes every call in its queue, unless the shutdown aborts it.
        returned.await.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Returns every method that has a plugin file, sorted. Loads nothing.
    pub(crate) fn installed(&self) -> Vec<MethodName> {
        self.launcher().installed()
    }

    /// Returns every method that has a plugin file, sorted, each with the plugin's summary, or with
    /// the reason why the file cannot be used.
    pub(crate) async fn methods(&self) -> Vec<(String, String)> {
        let launcher = self.launcher();
        let mut methods = Vec::new();
        for method in launcher.installed() {
            let summary = match self.summary(&launcher, &method).await {
                Ok(summary) => summary,
                Err(err) => format!("unusable: {err}"),
            };
            methods.push((method.to_string(), summary));
        }
        methods
    }

    /// Applies new settings and lifts every quarantine. Workers under the old settings finish their
    /// queued calls and end.
    pub(crate) async fn reload(&self, dirs: Vec<PathBuf>, settings: PluginSettings) {
        let lanes = {
            let mut lanes = self.lanes.lock();
            let program = lanes.launcher.program.clone();
            lanes.launcher = Arc::new(Launcher::new(dirs, settings, program));
            lanes.summaries.clear();
            std::mem::take(&mut lanes.by_method)
        };
        end(lanes).await;
    }

    /// Rejects new calls, waits a bounded time for running ones, and ends every worker.
    pub(crate) async fn shutdown(&self) {
        let lanes = {
            let mut lanes = self.lanes.lock();
            lanes.closed = true;
            std::mem::take(&mut lanes.by_method)
        };
        end(lanes).await;
    }

    fn enqueue(&self, method: MethodName, call: QueuedCall) -> Result<(), Error> {
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            return Err(Error::ShuttingDown);
        }
        let launcher = lanes.launcher.clone();
        // Removes lanes that have ended after being idle; their tasks are finished or about to be.
        lanes.by_method.retain(|_, lane| !lane.calls.is_closed());
        let lane = match lanes.by_method.entry(method) {
            Entry::Occupied(lane) => lane,
            Entry::Vacant(vacant) => {
                // No lane for a method without a file: peers can invent any number of names.
                launcher.find(vacant.key())?;
                let (calls, queue) = mpsc::channel(lane::QUEUE);
                let task = tokio::spawn(lane::run(vacant.key().clone(), launcher, queue));
                vacant.insert_entry(Lane { calls, task })
            }
        };
        lane.get()
            .calls
            .try_send(call)
            .map_err(|_| Error::Busy { method: lane.key().to_string(), waiting: lane::QUEUE })
    }

    async fn summary(&self, launcher: &Launcher, method: &MethodName) -> Result<String, Error> {
        let file = launcher.find_usable(method)?;
        if let Some((identity, summary)) = self.lanes.lock().summaries.get(method)
            && *identity == file.identity
        {
            return Ok(summary.clone());
        }
        let worker = match launcher.start_confined(method, &file).await {
            Ok(worker) => worker,
            Err(error) => {
                launcher.note(method, &file, &error);
                return Err(error);
            }
        };
        let summary = worker.meta().summary.clone();
        worker.end().await;
        let known = (file.identity, summary.clone());
        self.lanes.lock().summaries.insert(method.clone(), known);
        Ok(summary)
    }

    fn launcher(&self) -> Arc<Launcher> {
        self.lanes.lock().launcher.clone()
    }
}

/// Closes the lanes' queues and waits until they are empty; aborts a lane that takes too long.
async fn end(lanes: HashMap<MethodName, Lane>) {
    let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
    let tasks: Vec<JoinHandle<()>> = lanes.into_values().map(|lane| lane.task).collect();
    for mut task in tasks {
        if timeout_at(deadline, &mut task).await.is_err() {
            // Dropping the lane drops its worker, which kills it.
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests;
