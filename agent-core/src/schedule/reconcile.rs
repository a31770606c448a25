//! Jobs of crontab files: what is in the files is what is kept, whenever they change.

use super::crontabs::{Crontabs, FileJob};
use super::planning::COMMIT;
use super::scheduler::{Scheduler, now_ms};
use super::watch::Watch;
use crate::Error;
use crate::exec::StartError;
use crate::task::Job;
use agent_wire::message::JobDefinition;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::yield_now;

/// Problems of crontabs that are told.
const MAX_PROBLEMS: usize = 200;

impl Scheduler {
    /// Reads the crontabs again whenever something has changed, until shutdown.
    pub(super) async fn keep_crontabs(
        self: Arc<Self>,
        mut watch: Option<Watch>,
        mut dir: watch::Receiver<PathBuf>,
        mut over: watch::Receiver<bool>,
    ) {
        loop {
            let changed = async {
                match &mut watch {
                    Some(watch) => watch.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = over.wait_for(|over| *over) => return,
                Ok(()) = dir.changed() => watch = watched(&dir.borrow_and_update()),
                changed = changed => {
                    if let Err(error) = changed {
                        log::error!("crontabs are read at SIGHUP only: {error}");
                        watch = None;
                    }
                }
            }
            let dir = dir.borrow().clone();
            self.load(&dir, false).await;
        }
    }

    /// Makes the jobs of crontab files those that are given, with the file of each; whatever else is from a file goes, but
    /// what is from those that could not be read. A
    /// job that is the same as before keeps what it has done. `starting`: the agent has not looked before, so what is to
    /// run after the host's start is still to be run.
    ///
    /// # Errors
    /// [`Error::NoSpace`], [`Error::TasksBusy`], [`Error::Journal`]; what came before it stays.
    async fn reconcile(
        &self,
        found: Vec<(JobDefinition, PathBuf)>,
        unread: &[PathBuf],
        starting: bool,
    ) -> Result<(), Error> {
        let mut wanted: HashMap<String, (JobDefinition, String)> = found
            .into_iter()
            .map(|(job, file)| (job.name.clone(), (job, file.display().to_string())))
            .collect();
        let mut gone = Vec::new();
        let mut after: Option<Arc<str>> = None;
        loop {
            let names = self.tasks.job_names(after.as_deref(), COMMIT);
            let Some((last, _)) = names.last() else { break };
            after = Some(last.clone());
            for (name, file) in names {
                let Some(file) = file else { continue };
                let is_unread = unread.iter().any(|unread| Path::new(&*file).starts_with(unread));
                if !is_unread && !wanted.contains_key(&*name) {
                    gone.push(name.to_string());
                }
            }
            yield_now().await;
        }
        for names in gone.chunks(COMMIT) {
            self.tasks.remove_jobs(names.to_vec()).await?;
            let mut plan = self.plan();
            names.iter().for_each(|name| plan.remove(name));
        }
        let boot = (!starting).then(|| self.boot.clone());
        let mut jobs = Vec::new();
        for (name, (definition, file)) in wanted.drain() {
            let fields = definition.to_fields();
            let known = self.tasks.job(&name, |job| (job.file.clone(), job.fields.get() == fields.get()));
            match known {
                Some((Some(old), true)) if *old == *file => continue,
                Some((None, _)) => {
                    log::error!("{file}: a job that was set by a request is called {name}: it stays");
                    continue;
                }
                Some((Some(_), _)) | None => {}
            }
            jobs.push(Job { name, at: now_ms(), file: Some(file), fields, last: None, boot: boot.clone() });
        }
        for jobs in jobs.chunks(COMMIT) {
            self.tasks.set_jobs(jobs.to_vec()).await?;
            for job in jobs {
                self.replan(&job.name);
            }
            yield_now().await;
        }
        Ok(())
    }

    /// Reads the crontabs and makes theirs the jobs of files.
    pub(super) async fn load(&self, dir: &Path, starting: bool) {
        let from = dir.to_owned();
        let read = tokio::task::spawn_blocking(move || Crontabs::read(&from)).await;
        let Ok(Crontabs { mut jobs, mut problems, warnings, unread }) = read else {
            return log::error!("{}: reading it ended in a panic", dir.display());
        };
        // What is wrong with each user, if anything.
        let mut users: HashMap<String, Option<String>> = HashMap::new();
        for user in jobs.iter().filter_map(|job| job.definition.bash.user.clone()) {
            if users.contains_key(&user) {
                continue;
            }
            let error = match self.executor.account(Some(user.clone()), None).await {
                Err(error @ StartError::NoSuchUser(_)) => Some(error.to_string()),
                // Whatever else keeps an answer back will pass: then a run that can't be started says so itself.
                Ok(_) | Err(_) => None,
            };
            users.insert(user, error);
        }
        jobs.retain(|FileJob { definition, file, line }| {
            let error = match definition.bash.user.as_ref().and_then(|user| users.get(user)?.as_ref()) {
                Some(error) => {
                    format!("{error} (if the lines of this file name no user, put CRON_USER=root above them)")
                }
                // What its line does not tell: the zone of a line above it, the calendar of the settings.
                None => match self.reader.times(definition) {
                    Ok(_) => return true,
                    Err(error) => error.to_string(),
                },
            };
            problems.push(format!("{}:{line}: {error}", file.display()));
            false
        });
        problems.truncate(MAX_PROBLEMS);
        problems.iter().for_each(|problem| log::error!("{problem}"));
        warnings.iter().take(MAX_PROBLEMS).for_each(|warning| log::warn!("{warning}"));
        let count = jobs.len();
        let jobs = jobs.into_iter().map(|job| (job.definition, job.file)).collect();
        match self.reconcile(jobs, &unread, starting).await {
            Ok(()) => log::info!("{}: {count} jobs, {} problems", dir.display(), problems.len()),
            Err(error) => {
                log::error!("{}: {error}", dir.display());
                problems.push(format!("{}: {error}", dir.display()));
            }
        }
        *self.problems.lock() = problems.into();
    }
}

/// A watch of the directory of crontabs, if there can be one.
pub(super) fn watched(dir: &Path) -> Option<Watch> {
    match Watch::new(dir) {
        Ok(watch) => Some(watch),
        Err(error) => {
            log::error!("{} is read at SIGHUP only: {error}", dir.display());
            None
        }
    }
}
