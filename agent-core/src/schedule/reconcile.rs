//! Keeps the jobs of crontab files equal to what the files say, whenever they change.

use super::Error;
use super::crontabs::{Crontabs, FileJob};
use super::planning::COMMIT;
use super::scheduler::Scheduler;
use super::watch::Watch;
use crate::clock;
use crate::exec::StartError;
use crate::task::Job;
use agent_wire::message::{AccountId, JobDefinition};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::yield_now;

/// The most problems in crontab files that are reported.
const MAX_PROBLEMS: usize = 200;

impl Scheduler {
    /// Reads the crontab files again after each change, until shutdown.
    pub(super) async fn keep_crontabs(
        self: Arc<Self>,
        mut watch: Option<Watch>,
        mut dir: watch::Receiver<PathBuf>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        loop {
            let changed = async {
                match &mut watch {
                    Some(watch) => watch.changed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = shutdown.wait_for(|shutdown| *shutdown) => return,
                Ok(()) = dir.changed() => watch = watched(&dir.borrow_and_update()),
                changed = changed => {
                    if let Err(error) = changed {
                        log::error!("cannot watch the crontab files; SIGHUP reads them again: {error}");
                        watch = None;
                    }
                }
            }
            let dir = dir.borrow().clone();
            self.load(&dir, false).await;
        }
    }

    /// Reads the crontab files and updates the jobs of files. `starting`: the agent has not read
    /// them before, so `@reboot` jobs are still to run.
    pub(super) async fn load(&self, dir: &Path, starting: bool) {
        let from = dir.to_owned();
        let read = tokio::task::spawn_blocking(move || Crontabs::read(&from)).await;
        let Ok(Crontabs { jobs, mut problems, warnings, unread }) = read else {
            return log::error!("{}: reading it panicked", dir.display());
        };
        let unknown_users = self.unknown_users(&jobs).await;
        // They are jobs nevertheless: the user or the zone may come to be.
        for FileJob { definition, file, line } in &jobs {
            let user = definition.bash.user.as_ref();
            let error = match user.and_then(|user| unknown_users.get(user)) {
                Some(error) => format!(
                    "{error} (if the lines of this file name no user, put CRON_USER=root at the top)"
                ),
                // The line alone does not show everything: the zone of a line above it, the
                // calendar of the settings.
                None => match self.reader.times(definition) {
                    Ok(_) => continue,
                    Err(error) => error.to_string(),
                },
            };
            problems.push(format!("{}:{line}: {error}", file.display()));
        }
        *self.unknown_users.lock() = unknown_users.into_keys().collect();
        problems.truncate(MAX_PROBLEMS);
        problems.iter().for_each(|problem| log::error!("{problem}"));
        warnings.iter().take(MAX_PROBLEMS).for_each(|warning| log::warn!("{warning}"));
        let count = counted(jobs.len(), "job");
        match self.reconcile(jobs, &unread, starting).await {
            Ok(()) => {
                log::info!("{}: {count}, {}", dir.display(), counted(problems.len(), "problem"));
            }
            Err(error) => {
                log::error!("{}: {error}", dir.display());
                problems.push(format!("{}: {error}", dir.display()));
            }
        }
        *self.problems.lock() = problems.into();
    }

    /// Returns why the user of a crontab's job still does not exist. Once it does, the crontabs are
    /// read again, so that their problems are up to date.
    pub(super) async fn unknown_user(&self, user: &AccountId) -> Option<String> {
        if !self.unknown_users.lock().contains(user) {
            return None;
        }
        match self.executor.account(Some(user.clone()), None).await {
            Err(error @ StartError::NoSuchUser(_)) => Some(error.to_string()),
            Ok(_) | Err(_) => {
                self.unknown_users.lock().remove(user);
                self.dir.send_modify(|_| {});
                None
            }
        }
    }

    /// Returns the users of jobs that do not exist, with the error for each.
    async fn unknown_users(&self, jobs: &[FileJob]) -> HashMap<AccountId, String> {
        let mut users: HashMap<AccountId, Option<String>> = HashMap::new();
        for user in jobs.iter().filter_map(|job| job.definition.bash.user.clone()) {
            if users.contains_key(&user) {
                continue;
            }
            let error = match self.executor.account(Some(user.clone()), None).await {
                Err(error @ StartError::NoSuchUser(_)) => Some(error.to_string()),
                // Any other error may pass; until then, a run that cannot start reports it.
                Ok(_) | Err(_) => None,
            };
            users.insert(user, error);
        }
        users.into_iter().filter_map(|(user, error)| Some((user, error?))).collect()
    }

    /// Makes the jobs of crontab files equal to these, except for jobs of files that could not be
    /// read. A job with an unchanged definition keeps its history.
    ///
    /// # Errors
    /// [`Error::Task`]; earlier changes stay.
    async fn reconcile(
        &self,
        found: Vec<FileJob>,
        unread: &[PathBuf],
        starting: bool,
    ) -> Result<(), Error> {
        let mut wanted: HashMap<String, (JobDefinition, String)> = found
            .into_iter()
            .map(|FileJob { definition, file, .. }| {
                (definition.name.clone(), (definition, file.display().to_string()))
            })
            .collect();
        for names in self.vanished(&wanted, unread).await.chunks(COMMIT) {
            self.tasks.remove_jobs(names.to_vec()).await?;
            let mut plan = self.plan();
            names.iter().for_each(|name| plan.remove(name));
        }
        let boot = (!starting).then(|| self.boot.clone());
        let mut jobs = Vec::new();
        for (name, (definition, file)) in wanted.drain() {
            let fields = definition.to_fields();
            let known =
                self.tasks.job(&name, |job| (job.file.clone(), job.fields.get() == fields.get()));
            match known {
                Some((Some(old), true)) if *old == *file => continue,
                Some((None, _)) => {
                    log::error!(
                        "{file}: ignored job {name}: a request has set a job with this name"
                    );
                    continue;
                }
                Some((Some(_), _)) | None => {}
            }
            let at = clock::now().0;
            jobs.push(Job { name, at, file: Some(file), fields, last: None, boot: boot.clone() });
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

    /// Returns the names of stored jobs of files that are not in the files any more.
    async fn vanished(
        &self,
        wanted: &HashMap<String, (JobDefinition, String)>,
        unread: &[PathBuf],
    ) -> Vec<String> {
        let mut vanished = Vec::new();
        let mut after: Option<Arc<str>> = None;
        loop {
            let names = self.tasks.job_names(after.as_deref(), COMMIT);
            let Some((last, _)) = names.last() else { return vanished };
            after = Some(last.clone());
            for (name, file) in names {
                let Some(file) = file else { continue };
                let is_unread = unread.iter().any(|unread| Path::new(&*file).starts_with(unread));
                if !is_unread && !wanted.contains_key(&*name) {
                    vanished.push(name.to_string());
                }
            }
            yield_now().await;
        }
    }
}

/// Watches the directory of crontab files, if that is possible.
pub(super) fn watched(dir: &Path) -> Option<Watch> {
    match Watch::new([dir.to_owned()].into()) {
        Ok(watch) => Some(watch),
        Err(error) => {
            log::error!("cannot watch {}; SIGHUP reads it again: {error}", dir.display());
            None
        }
    }
}

/// Returns a number with its noun: "1 job", "2 jobs".
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
