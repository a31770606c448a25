//! Takes tasks: once for each id, durable before it is answered.

use super::record::{Accepted, Command, Due, Record, Shape};
use super::runner::{Run, wait_until};
use super::table::{Task, size_of_command};
use super::tasks::{Status, Tasks, lock, now, status};
use crate::Error;
use crate::exec::{Limits, Spec, StartError};
use agent_wire::message::Bash;
use ring::digest::{SHA256, digest};
use tokio::sync::oneshot;

/// A command on its way to become a task.
#[derive(Debug)]
pub(crate) struct Submission {
    command: Command,
    digest: String,
    /// The job whose run it is.
    cron: Option<Box<Due>>,
    /// Milliseconds since 1970: it may be taken shortly before, but is not started.
    not_before: u64,
}

impl Submission {
    /// Of a request's fields.
    pub(crate) fn new(bash: Bash) -> Self {
        let command = Command::new(bash);
        let digest = fingerprint(command.fields());
        Self { command, digest, cron: None, not_before: 0 }
    }

    /// The same, as a run of a job, not to be started before a moment in milliseconds since 1970.
    pub(crate) fn of_job(&self, due: Due, not_before: u64) -> Self {
        let (command, digest) = (self.command.clone(), self.digest.clone());
        Self { command, digest, cron: Some(Box::new(due)), not_before }
    }
}

/// What became of a submission.
#[derive(Debug)]
pub(crate) enum Submitted {
    /// It is on disk.
    Accepted,
    /// It was there already, the very same.
    Known(Status),
}

/// A submission on its way to the disk.
pub(super) struct UnderWay {
    digest: String,
    /// Those who ask for the very same meanwhile; dropped when it is over.
    others: Vec<oneshot::Sender<()>>,
}

impl Tasks {
    /// Takes a task: it is durable when this comes back. The same again is told what it is at.
    ///
    /// # Errors
    /// [`Error::TaskDiffers`]; those of [`Executor::check`]; [`Error::NoSpace`], [`Error::TasksBusy`], [`Error::Journal`],
    /// [`Error::ShuttingDown`].
    pub(crate) async fn submit(&self, id: &str, submission: Submission) -> Result<Submitted, Error> {
        let Submission { command, digest, cron, not_before } = submission;
        if let Some(status) = self.known(id, &digest)? {
            return Ok(Submitted::Known(status));
        }
        if let Some(over) = self.claim(id, &digest)? {
            // The same task is being taken for another request: what becomes of that is the answer here too.
            let _ = over.await;
            return match self.known(id, &digest)? {
                Some(status) => Ok(Submitted::Known(status)),
                None => Err(Error::TasksBusy("it has just been refused to another request".to_owned())),
            };
        }
        let taken = self.check_and_take(id, command, digest, cron, not_before).await;
        lock(&self.under_way).remove(id);
        taken.map(|()| Submitted::Accepted)
    }

    /// Claims an id. What is returned ends when the same task, just being taken, is.
    fn claim(&self, id: &str, digest: &str) -> Result<Option<oneshot::Receiver<()>>, Error> {
        let mut under_way = lock(&self.under_way);
        match under_way.get_mut(id) {
            Some(other) if other.digest == digest => {
                let (over, ended) = oneshot::channel();
                other.others.push(over);
                Ok(Some(ended))
            }
            Some(_) => Err(Error::TaskDiffers(id.to_owned())),
            None => {
                let submission = UnderWay { digest: digest.to_owned(), others: Vec::new() };
                under_way.insert(id.to_owned(), submission);
                Ok(None)
            }
        }
    }

    async fn check_and_take(
        &self,
        id: &str,
        command: Command,
        digest: String,
        cron: Option<Box<Due>>,
        not_before: u64,
    ) -> Result<(), Error> {
        match cron {
            None => self.check(command.bash()).await?,
            // Whether a job's command can be started is looked at when it is, and told as its result.
            Some(_) => Spec::from(&**command.bash()).check()?,
        }
        let bash = command.bash().clone();
        let due = cron.clone();
        let settings = self.runner.settings();
        let shape = Shape::of(command.bash(), self.executor.settings().max_output as u64);
        let job = cron.as_deref().map(|due| due.job.as_str());
        let forgotten =
            self.make_room(&settings, shape.most_bytes(), size_of_command(command.bash()), job)?;
        let mut records: Vec<Record> = forgotten.iter().map(|n| Record::Forgotten(*n)).collect();
        let (n, with_files) = {
            let mut table = self.store.table();
            let has_files = |n: &u64| table.task(*n).is_some_and(Task::may_have_files);
            let with_files: Vec<u64> = forgotten.into_iter().filter(has_files).collect();
            (table.take_number(), with_files)
        };
        let accepted = Accepted { n, id: id.to_owned(), at: now(), digest, shape, bash: Some(command), cron };
        records.push(Record::Accepted(accepted));
        let left = match due {
            // In a box: tasks that are no job's need not carry it.
            Some(due) => {
                let run = Run { n, bash: &bash, shape, due: &due, not_before };
                let left = Box::pin(self.runner.start_now(records, &run)).await?;
                if left.is_some() {
                    // From then on it may be started at any time.
                    wait_until(not_before).await;
                }
                left
            }
            None => Some(records),
        };
        if let Some(records) = left {
            self.store.record(records).await?;
            self.runner.wake();
        }
        with_files.into_iter().for_each(|n| self.spool.remove(n));
        Ok(())
    }

    /// Whether a command could be started.
    async fn check(&self, bash: &Bash) -> Result<(), StartError> {
        let spec = Spec::from(bash);
        if spec.user.is_some() || spec.group.is_some() || spec.limits != Limits::default() {
            // In a box: a look-up has a large state, which a thousand tasks without one need not carry.
            let check = async move { self.executor.check(&spec).await };
            Box::pin(check).await
        } else {
            // The agent's own account is there: nobody has to be asked.
            spec.check()
        }
    }

    fn known(&self, id: &str, digest: &str) -> Result<Option<Status>, Error> {
        match self.store.table().find(id) {
            Some(task) if task.digest == digest => Ok(Some(status(task))),
            Some(_) => Err(Error::TaskDiffers(id.to_owned())),
            None => Ok(None),
        }
    }
}

/// SHA-256 in hex.
fn fingerprint(fields: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let sum = digest(&SHA256, fields.as_bytes());
    let mut text = Vec::with_capacity(2 * sum.as_ref().len());
    for byte in sum.as_ref() {
        text.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    String::from_utf8(text).expect("digits")
}
