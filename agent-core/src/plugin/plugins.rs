//! The daemon's plugins: which there are, and calls to them.

use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::unistd::{Uid, geteuid};
use plugin_api::MethodName;
use plugin_api::host::{self, FileIdentity};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

use super::frame::MAX_ARGS;
use super::lane::{self, Reply, Request};
use super::process::{CALL_TIMEOUT, Program, Worker};
use super::quarantine::Quarantine;
use crate::Error;
use crate::config::PluginSettings;

/// What [`Plugins::shutdown`] waits for calls that run; then their workers are killed.
const SHUTDOWN_TIMEOUT: Duration = CALL_TIMEOUT;

/// What all lanes know, until the settings change.
#[derive(Debug)]
pub(super) struct Shared {
    /// Plugin directories: absolute, searched in order.
    pub(super) dirs: Vec<PathBuf>,
    pub(super) settings: PluginSettings,
    pub(super) program: Program,
    /// The agent's own.
    pub(super) uid: Uid,
    quarantine: Mutex<Quarantine>,
}

/// The plugins of one daemon. Owns their workers; [`Plugins::shutdown`] ends them.
#[derive(Debug)]
pub(crate) struct Plugins {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shared: Arc<Shared>,
    lanes: HashMap<MethodName, Lane>,
    /// Summaries by file, so that a listing starts no worker twice.
    summaries: HashMap<MethodName, (FileIdentity, String)>,
    closed: bool,
}

#[derive(Debug)]
struct Lane {
    requests: mpsc::Sender<Request>,
    task: JoinHandle<()>,
}

impl Plugins {
    /// Nothing is looked at, and no worker started, before the first call.
    pub(crate) fn new(dirs: Vec<PathBuf>, settings: PluginSettings) -> Self {
        Self::with_program(dirs, settings, Program::this())
    }

    fn with_program(dirs: Vec<PathBuf>, settings: PluginSettings, program: Program) -> Self {
        let shared = Arc::new(Shared::new(dirs, settings, program));
        let state = State { shared, lanes: HashMap::new(), summaries: HashMap::new(), closed: false };
        Self { state: Mutex::new(state) }
    }

    /// Calls `method` with `args`, a string split as a shell does, and answers its JSON value.
    /// Dropped, the call is forgotten; if it already runs, its worker goes on to the end of it.
    ///
    /// # Errors
    /// [`Error::PluginRefused`] (not found, or not loaded: why), [`Error::PluginArgs`] (wrong
    /// arguments), [`Error::PluginFailed`] (the plugin's own), [`Error::PluginCrashed`],
    /// [`Error::PluginTimedOut`], [`Error::PluginBusy`], [`Error::ShuttingDown`].
    pub(crate) async fn call(&self, method: &str, args: &str) -> Reply {
        let name = MethodName::parse(method)
            .map_err(|err| Error::PluginRefused { method: method.to_owned(), why: err.to_string() })?;
        if args.len() > MAX_ARGS {
            let why = format!("args has {} bytes; at most {MAX_ARGS} are taken", args.len());
            return Err(Error::PluginArgs { method: method.to_owned(), why });
        }
        let (reply, answer) = oneshot::channel();
        self.enqueue(name, Request { args: args.to_owned(), reply })?;
        // A lane answers every request it takes, unless shutdown cuts it off.
        answer.await.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Every method there is a plugin file for, sorted. Nothing is loaded.
    pub(crate) fn installed(&self) -> Vec<MethodName> {
        let shared = self.lock().shared.clone();
        match host::list(&shared.dirs) {
            Ok(files) => files.into_iter().map(|(method, _)| method).collect(),
            Err(err) => {
                log::warn!("{err}");
                Vec::new()
            }
        }
    }

    /// Every method there is a plugin file for, sorted, each with its line of help; for a file that
    /// can't be used, why not.
    pub(crate) async fn methods(&self) -> Vec<(String, String)> {
        let shared = self.lock().shared.clone();
        let mut methods = Vec::new();
        for method in self.installed() {
            let summary = match self.summary(&shared, &method).await {
                Ok(summary) => summary,
                Err(err) => format!("unusable: {err}"),
            };
            methods.push((method.to_string(), summary));
        }
        methods
    }

    /// Takes new settings, and takes no plugin for a bad one any more. Workers started by the old ones finish what they
    /// were asked and end.
    pub(crate) async fn reload(&self, dirs: Vec<PathBuf>, settings: PluginSettings) {
        let lanes = {
            let mut state = self.lock();
            state.shared = Arc::new(Shared::new(dirs, settings, state.shared.program.clone()));
            state.summaries.clear();
            std::mem::take(&mut state.lanes)
        };
        end(lanes).await;
    }

    /// Takes no more calls, waits a bounded time for those that run, and ends every worker.
    pub(crate) async fn shutdown(&self) {
        let lanes = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.lanes)
        };
        end(lanes).await;
    }

    fn enqueue(&self, method: MethodName, request: Request) -> Result<(), Error> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::ShuttingDown);
        }
        let shared = state.shared.clone();
        // Lanes that have ended of idleness; their tasks are done or about to be.
        state.lanes.retain(|_, lane| !lane.requests.is_closed());
        let lane = match state.lanes.entry(method) {
            Entry::Occupied(lane) => lane,
            Entry::Vacant(vacant) => {
                // One that can't be found needs no lane: names are the peer's to invent.
                lane::locate(&shared.dirs, vacant.key())?;
                let (requests, receiver) = mpsc::channel(lane::QUEUE);
                let task = tokio::spawn(lane::run(vacant.key().clone(), shared, receiver));
                vacant.insert_entry(Lane { requests, task })
            }
        };
        lane.get()
            .requests
            .try_send(request)
            .map_err(|_| Error::PluginBusy { method: lane.key().to_string(), waiting: lane::QUEUE })
    }

    async fn summary(&self, shared: &Shared, method: &MethodName) -> Result<String, Error> {
        let (path, identity) = lane::locate(&shared.dirs, method)?;
        shared.is_free(method, identity)?;
        if let Some((known, summary)) = self.lock().summaries.get(method)
            && *known == identity
        {
            return Ok(summary.clone());
        }
        let (trust, file) = (&shared.settings.trust, (&*path, identity));
        let worker = match Worker::start(&shared.program, trust, method.as_str(), file, false).await {
            Ok(worker) => worker,
            Err(error) => {
                shared.note(method, identity, &error);
                return Err(error);
            }
        };
        let summary = worker.meta().summary.clone();
        worker.end().await;
        self.lock().summaries.insert(method.clone(), (identity, summary.clone()));
        Ok(summary)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Shared {
    fn new(dirs: Vec<PathBuf>, settings: PluginSettings, program: Program) -> Self {
        Self { dirs, settings, program, uid: geteuid(), quarantine: Mutex::default() }
    }

    /// Refuses a plugin that is in quarantine.
    pub(super) fn is_free(&self, method: &MethodName, identity: FileIdentity) -> Result<(), Error> {
        match self.quarantine().sentence(method, identity, Instant::now()) {
            Some(why) => {
                Err(Error::PluginRefused { method: method.to_string(), why: format!("{method}: {why}") })
            }
            None => Ok(()),
        }
    }

    /// Notes what came of a call, if the plugin took its process with it.
    pub(super) fn note(&self, method: &MethodName, identity: FileIdentity, error: &Error) {
        let how = match error {
            Error::PluginCrashed { how, .. } => how.clone(),
            Error::PluginTimedOut { after, .. } => format!("no answer within {} s", after.as_secs()),
            _ => return,
        };
        if self.quarantine().crashed(method, identity, how, Instant::now())
            && let Err(error) = self.is_free(method, identity)
        {
            log::error!("plugin {error}");
        }
    }

    fn quarantine(&self) -> MutexGuard<'_, Quarantine> {
        self.quarantine.lock()
    }
}

/// Closes the lanes' queues and waits until they are done; what takes too long is cut off.
async fn end(lanes: HashMap<MethodName, Lane>) {
    let deadline = tokio::time::Instant::now() + SHUTDOWN_TIMEOUT;
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
