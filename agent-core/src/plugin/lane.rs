//! One plugin in use: a bounded queue of calls, and the task that makes them one after the other.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use plugin_api::MethodName;
use plugin_api::host::{self, FileIdentity};
use serde_json::value::RawValue;
use tokio::select;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::plugins::Shared;
use super::process::Worker;
use crate::Error;

/// The calls that may wait for one plugin; one more is refused.
pub(super) const QUEUE: usize = 1024;

/// What a call comes back with.
pub(super) type Reply = Result<Box<RawValue>, Error>;

/// One call on its way.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) args: String,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// Makes the calls that come in until none came for the settings' idle time, or all senders are
/// gone; then ends its worker.
pub(super) async fn run(method: MethodName, shared: Arc<Shared>, mut requests: mpsc::Receiver<Request>) {
    let idle = shared.settings.idle;
    let mut lane = Lane { method, shared, worker: None };
    // Kept from one wait to the next: putting off a timer that stands is cheap.
    let mut idle_since = pin!(sleep(idle));
    loop {
        idle_since.as_mut().reset(Instant::now() + idle);
        let request = select! {
            biased;
            request = requests.recv() => request,
            () = &mut idle_since => {
                // From here on a caller opens a new lane; what came in before is still answered.
                requests.close();
                requests.recv().await
            }
        };
        let Some(request) = request else { break };
        // The caller is gone: its connection has ended.
        if request.reply.is_closed() {
            continue;
        }
        let reply = lane.call(request.args).await;
        // It may have gone in the meantime; nobody else wants the answer.
        let _ = request.reply.send(reply);
    }
    if let Some(worker) = lane.worker {
        worker.end().await;
    }
}

struct Lane {
    method: MethodName,
    shared: Arc<Shared>,
    worker: Option<Worker>,
}

impl Lane {
    async fn call(&mut self, args: String) -> Reply {
        let (path, identity) = locate(&self.shared.dirs, &self.method)?;
        self.shared.is_free(&self.method, identity)?;
        let reply = self.exchange(&path, identity, args).await;
        if let Err(error) = &reply {
            self.shared.note(&self.method, identity, error);
        }
        reply
    }

    async fn exchange(&mut self, path: &Path, identity: FileIdentity, args: String) -> Reply {
        let mut worker = self.take_worker(path, identity).await?;
        let reply = worker.call(args, self.shared.uid).await;
        match &reply {
            Ok(_) | Err(Error::PluginArgs { .. } | Error::PluginFailed { .. }) => self.worker = Some(worker),
            Err(_) => worker.kill().await,
        }
        reply
    }

    /// The worker of the file as it is now: the one that runs, or a new one.
    async fn take_worker(&mut self, path: &Path, identity: FileIdentity) -> Result<Worker, Error> {
        if let Some(worker) = self.worker.take() {
            if worker.identity == identity {
                return Ok(worker);
            }
            log::info!("plugin {}: {} has changed; it is loaded anew", self.method, path.display());
            worker.end().await;
        }
        let method = self.method.as_str();
        let Shared { settings, program, uid, .. } = &*self.shared;
        let may_keep_root = uid.is_root() && settings.roots.iter().any(|root| root == method);
        // Always without root first: a plugin that does not say it needs root never gets it.
        let worker = Worker::start(program, &settings.trust, method, (path, identity), false).await?;
        if !may_keep_root || !worker.meta().needs_root || worker.keeps_root {
            return Ok(worker);
        }
        worker.end().await;
        Worker::start(program, &settings.trust, method, (path, identity), true).await
    }
}

/// The file of `method` and which one it is.
pub(super) fn locate(dirs: &[PathBuf], method: &MethodName) -> Result<(PathBuf, FileIdentity), Error> {
    host::find(dirs, method)
        .map_err(|err| Error::PluginRefused { method: method.to_string(), why: err.to_string() })
}
