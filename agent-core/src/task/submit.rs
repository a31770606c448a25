//! Accepts tasks: one per id, durable before the reply.

use super::Error;
use super::record::{Accepted, Command, Digests, JobRun, MAX_COMMAND, Record, Shape};
use super::runner::{JobStart, wait_until};
use super::table::{Task, size_of_command};
use super::tasks::{Status, Tasks};
use crate::clock::{self, Millis};
use crate::exec::{Limits, Spec, StartError};
use agent_wire::message::Bash;
use ring::digest::{SHA256, digest};
use tokio::sync::oneshot;

/// A command on its way to become a task.
#[derive(Debug)]
pub(crate) struct Submission {
    command: Command,
    digests: Digests,
    /// The job's run that it is.
    run: Option<Box<JobRun>>,
    /// Milliseconds since 1970. It may be accepted shortly before, but does not start before.
    not_before: u64,
    /// A task that is not known is rejected after this moment.
    not_after: Option<Millis>,
}

impl Submission {
    /// Makes a submission of a request's command.
    pub(crate) fn new(bash: Bash) -> Self {
        let command = Command::new(bash);
        let digests = Digests { sent: fingerprint(command.fields()), plain: None };
        Self { command, digests, run: None, not_before: 0, not_after: None }
    }

    /// Returns the same submission, to be accepted until this moment. The moment is no part of the
    /// task: a repeat of the request may have another, or none.
    pub(crate) fn until(self, not_after: Option<Millis>) -> Self {
        Self { not_after, ..self }
    }

    /// Returns the same command as a run of a job, which does not start before a moment in
    /// milliseconds since 1970.
    pub(crate) fn for_run(&self, run: JobRun, not_before: u64) -> Self {
        let (command, digests) = (self.command.clone(), self.digests.clone());
        Self { command, digests, run: Some(Box::new(run)), not_before, not_after: None }
    }
}

/// The outcome of a submission.
#[derive(Debug)]
pub(crate) enum Submitted {
    /// The task is durable.
    Accepted,
    /// The same task was accepted before.
    Known(Status),
}

/// A submission on its way to the disk.
pub(super) struct Pending {
    digests: Digests,
    /// Requests for the same task that came meanwhile; dropped when it is done.
    others: Vec<oneshot::Sender<()>>,
}

impl Tasks {
    /// Accepts a task: it is durable when this returns. A repeat of the same request gets the
    /// task's current state.
    ///
    /// # Errors
    /// [`Error::Differs`], [`Error::Expired`], [`Error::Start`], [`Error::NoSpace`],
    /// [`Error::Busy`], [`Error::Journal`].
    pub(crate) async fn submit(
        &self,
        id: &str,
        mut submission: Submission,
    ) -> Result<Submitted, Error> {
        // The same text as before needs no look-up.
        if let Ok(Some(status)) = self.known(id, &submission.digests) {
            return Ok(Submitted::Known(status));
        }
        if submission.run.is_none() {
            submission.digests.plain = self.plain_digest(submission.command.bash()).await;
        }
        if let Some(status) = self.known(id, &submission.digests)? {
            return Ok(Submitted::Known(status));
        }
        if let Some(done) = self.claim(id, &submission.digests)? {
            // Another request submits the same task at this moment: both get the same outcome.
            let _ = done.await;
            return match self.known(id, &submission.digests)? {
                Some(status) => Ok(Submitted::Known(status)),
                None => Err(Error::Busy("an identical request was just rejected".to_owned())),
            };
        }
        let accepted = self.check_and_accept(id, submission).await;
        self.pending.lock().remove(id);
        accepted.map(|()| Submitted::Accepted)
    }

    /// Claims an id. Returns a receiver that completes when another request that submits the same
    /// task is done.
    fn claim(&self, id: &str, digests: &Digests) -> Result<Option<oneshot::Receiver<()>>, Error> {
        let mut pending = self.pending.lock();
        match pending.get_mut(id) {
            Some(other) if other.digests.is_same(digests) => {
                let (sender, done) = oneshot::channel();
                other.others.push(sender);
                Ok(Some(done))
            }
            Some(_) => Err(Error::Differs(id.to_owned())),
            None => {
                let submission = Pending { digests: digests.clone(), others: Vec::new() };
                pending.insert(id.to_owned(), submission);
                Ok(None)
            }
        }
    }

    async fn check_and_accept(&self, id: &str, submission: Submission) -> Result<(), Error> {
        let Submission { command, digests, run, not_before, not_after } = submission;
        if command.fields().len() > MAX_COMMAND {
            return Err(Error::too_long(command.fields().len()));
        }
        match run {
            None => self.check(command.bash()).await?,
            // Whether a job's command can start shows when it is due, and is part of its result.
            Some(_) => Spec::from(&**command.bash()).check()?,
        }
        let bash = command.bash().clone();
        let job_run = run.clone();
        let settings = self.runner.settings();
        let shape = Shape::of(&bash, self.executor.settings().max_output as u64);
        let job = run.as_deref().map(|run| run.job.as_str());
        let forgotten =
            self.make_room(&settings, shape.most_bytes(), size_of_command(&bash), job)?;
        let mut records: Vec<Record> = forgotten.iter().map(|n| Record::Forgotten(*n)).collect();
        let (n, with_files) = {
            let mut table = self.store.table();
            let has_files = |n: &u64| table.task(*n).is_some_and(Task::may_have_files);
            let with_files: Vec<u64> = forgotten.into_iter().filter(has_files).collect();
            (table.take_number(), with_files)
        };
        let (id, at) = (id.to_owned(), check_time(not_after)?.0);
        records.push(Record::Accepted(Accepted {
            n,
            id,
            at,
            digest: digests.sent,
            plain: digests.plain,
            shape,
            bash: Some(command),
            run,
        }));
        let records = match job_run {
            // Boxed: tasks that are not a job's run need not carry its state.
            Some(run) => {
                let start = JobStart { n, bash: &bash, shape, run: &run, not_before };
                let records = Box::pin(self.runner.start_run(records, &start)).await?;
                if records.is_some() {
                    // Once it is accepted, it may start at any time.
                    wait_until(not_before).await;
                }
                records
            }
            None => Some(records),
        };
        if let Some(records) = records {
            self.store.record(records).await?;
            self.runner.wake();
        }
        with_files.into_iter().for_each(|n| self.spool.remove(n));
        Ok(())
    }

    /// Checks whether a command could be started.
    async fn check(&self, bash: &Bash) -> Result<(), StartError> {
        let spec = Spec::from(bash);
        if spec.user.is_some() || spec.group.is_some() || spec.limits != Limits::default() {
            // Boxed: a look-up has a large state, which a thousand tasks without one need not
            // carry.
            let check = async move { self.executor.check(&spec).await };
            Box::pin(check).await
        } else {
            // The agent's own account exists: no look-up is needed.
            spec.check()
        }
    }

    /// Returns the digest of the same command without the fields that only spell out a default;
    /// `None` where there are none.
    async fn plain_digest(&self, bash: &Bash) -> Option<String> {
        let default = |bytes: &u64| *bytes == self.executor.settings().max_output as u64;
        let mut plain = match bash.user.is_some() || bash.group.is_some() {
            // Boxed: see `check`.
            true => Box::pin(self.executor.without_default_account(bash)).await,
            false => None,
        };
        if bash.max_output.as_ref().is_some_and(default) {
            plain.get_or_insert_with(|| bash.clone()).max_output = None;
        }
        plain.map(|bash| fingerprint(bash.to_fields().get()))
    }

    fn known(&self, id: &str, digests: &Digests) -> Result<Option<Status>, Error> {
        match self.store.table().find(id) {
            Some(task) if task.digests.is_same(digests) => Ok(Some(Status::of(task))),
            Some(_) => Err(Error::Differs(id.to_owned())),
            None => Ok(None),
        }
    }
}

/// Returns the present moment, unless it is after `not_after`.
///
/// # Errors
/// [`Error::Expired`].
pub(crate) fn check_time(not_after: Option<Millis>) -> Result<Millis, Error> {
    let now = clock::now();
    match not_after {
        Some(not_after) if now > not_after => Err(Error::Expired { not_after, now }),
        _ => Ok(now),
    }
}

/// Returns the SHA-256 of a text, in hex.
fn fingerprint(fields: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let sum = digest(&SHA256, fields.as_bytes());
    let mut text = Vec::with_capacity(2 * sum.as_ref().len());
    for byte in sum.as_ref() {
        text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    String::from_utf8(text).expect("digits are ASCII")
}
