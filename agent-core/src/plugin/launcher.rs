//! Finding plugins' files and starting workers for them, unless a plugin is quarantined.

use parking_lot::Mutex;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use nix::unistd::{Uid, geteuid};
use plugin_api::MethodName;
use plugin_api::host::{self, FileIdentity};

use super::Error;
use super::process::Worker;
use super::quarantine::Quarantine;
use super::worker::WORKER_FLAG;
use crate::config::PluginSettings;

/// The program that becomes a worker.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// A path that still names this program when its file has been replaced.
    pub(super) path: PathBuf,
    pub(super) args: Vec<OsString>,
}

impl Program {
    /// Returns this very binary.
    pub(super) fn this() -> Self {
        Self { path: PathBuf::from("/proc/self/exe"), args: vec![WORKER_FLAG.into()] }
    }
}

/// A plugin's file, as found in one of the directories.
#[derive(Debug)]
pub(super) struct PluginFile {
    pub(super) path: PathBuf,
    pub(super) identity: FileIdentity,
}

/// Starts workers under one set of settings.
#[derive(Debug)]
pub(super) struct Launcher {
    /// Plugin directories: absolute, searched in order.
    dirs: Vec<PathBuf>,
    pub(super) settings: PluginSettings,
    pub(super) program: Program,
    /// The agent's own user.
    uid: Uid,
    quarantine: Mutex<Quarantine>,
}

impl Launcher {
    pub(super) fn new(dirs: Vec<PathBuf>, settings: PluginSettings, program: Program) -> Self {
        Self { dirs, settings, program, uid: geteuid(), quarantine: Mutex::default() }
    }

    /// Returns every method that has a plugin file, sorted. Loads nothing.
    pub(super) fn installed(&self) -> Vec<MethodName> {
        match host::list(&self.dirs) {
            Ok(files) => files.into_iter().map(|(method, _)| method).collect(),
            Err(err) => {
                log::warn!("{err}");
                Vec::new()
            }
        }
    }

    /// Finds the file of `method`.
    pub(super) fn find(&self, method: &MethodName) -> Result<PluginFile, Error> {
        match host::find(&self.dirs, method) {
            Ok((path, identity)) => Ok(PluginFile { path, identity }),
            Err(err) => Err(Error::Refused(err.to_string())),
        }
    }

    /// Finds the file of `method` and rejects a quarantined plugin.
    pub(super) fn find_usable(&self, method: &MethodName) -> Result<PluginFile, Error> {
        let file = self.find(method)?;
        match self.quarantine.lock().reason(method, file.identity, Instant::now()) {
            Some(why) => Err(Error::Refused(format!("{method}: {why}"))),
            None => Ok(file),
        }
    }

    /// Starts a worker that loads `file`; with root only if the settings allow it and the plugin
    /// needs it.
    pub(super) async fn start(
        &self,
        method: &MethodName,
        file: &PluginFile,
    ) -> Result<Worker, Error> {
        // Always without root first: a plugin that does not declare that it needs root never gets
        // it.
        let worker = self.start_confined(method, file).await?;
        let allowed = self.settings.roots.iter().any(|root| root == method.as_str());
        if !self.uid.is_root() || !allowed || !worker.meta().needs_root {
            return Ok(worker);
        }
        worker.end().await;
        Worker::start(&self.program, &self.settings.trust, method, file, true).await
    }

    /// Starts a worker that loads `file` without root.
    pub(super) async fn start_confined(
        &self,
        method: &MethodName,
        file: &PluginFile,
    ) -> Result<Worker, Error> {
        Worker::start(&self.program, &self.settings.trust, method, file, false).await
    }

    /// Counts the crash if `error` says that the plugin ended its process or hung.
    pub(super) fn note(&self, method: &MethodName, file: &PluginFile, error: &Error) {
        let how = match error {
            Error::Crashed { how, .. } => how.clone(),
            Error::TimedOut { after, .. } => format!("no reply within {} s", after.as_secs()),
            Error::Refused(_)
            | Error::Args { .. }
            | Error::Failed { .. }
            | Error::Busy { .. }
            | Error::ShuttingDown => return,
        };
        let mut quarantine = self.quarantine.lock();
        let now = Instant::now();
        if quarantine.add_crash(method, file.identity, how, now)
            && let Some(why) = quarantine.reason(method, file.identity, now)
        {
            log::error!("{method}: {why}");
        }
    }
}
