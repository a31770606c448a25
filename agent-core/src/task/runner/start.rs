//! Starts tasks: the intent first, then the supervisor.

use super::{Live, Runner};
use crate::clock::Millis;
use crate::Error;
use crate::exec::{Lodging, Prepared, Spec, StartError};
use crate::shutdown::boxed;
use crate::task::record::{Begun, Due, How, Record, Shape};
use crate::task::runner::ending::{ended, not_started};
use crate::task::tasks::now;
use agent_sys::pidfd::PidFd;
use agent_sys::slot::{Claim, Look};
use agent_wire::message::Bash;
use std::sync::Arc;
use std::time::Duration;
use tokio::time;

/// The longest wait for the moment at which a run that was taken beforehand is due.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// A task whose intent may become durable.
struct Ready {
    prepared: Prepared,
    claim: Claim,
}

/// A job's run that is being taken.
pub(crate) struct Run<'a> {
    pub(crate) n: u64,
    pub(crate) bash: &'a Bash,
    pub(crate) shape: Shape,
    pub(crate) due: &'a Due,
    /// Milliseconds since 1970, soon to come: its command is not started before.
    pub(crate) not_before: u64,
}

/// The supervisor of a task, and what the task keeps of the executor's until it is over.
pub(super) type Started = (PidFd, Lodging);

/// How the start of a task failed.
pub(super) enum NotBegun {
    /// For good.
    Failed(StartError),
    /// It was cancelled first.
    Cancelled,
    /// The intent could not be made durable: it still waits.
    Later(Error),
}

impl Runner {
    /// Takes a job's run and starts it in the same breath, if nobody waits for a place: `taken`, the records that it
    /// was taken, and its intent go to the disk together. Gives them back where its turn has not come.
    ///
    /// # Errors
    /// Those of [`Store::record`]: it was not taken.
    pub(crate) async fn start_now(
        self: &Arc<Self>,
        mut taken: Vec<Record>,
        run: &Run<'_>,
    ) -> Result<Option<Vec<Record>>, Error> {
        let &Run { n, bash, shape, due, not_before } = run;
        let slot = {
            let mut live = self.live();
            let table = self.store.table();
            let must_wait = table.next_waiting(|n| live.contains_key(&n)).is_some()
                || due.queue && table.runs(&due.job).any(|run| !run.is_over());
            let slot = if must_wait { None } else { self.place(&live, &table, shape) };
            let Some(slot) = slot else { return Ok(Some(taken)) };
            live.insert(n, Live { slot: Some(slot), ..Live::default() });
            slot
        };
        let spec = spec(bash, shape);
        let (begun, ready) = match self.prepare(n, &spec, slot).await {
            Ok(ready) => ready,
            Err(NotBegun::Failed(error)) => {
                taken.push(Record::Ended(ended(n, not_started(&error))));
                let recorded = self.store.record(taken).await;
                self.live().remove(&n);
                return recorded.map(|()| None);
            }
            Err(NotBegun::Cancelled | NotBegun::Later(_)) => {
                self.live().remove(&n);
                return Ok(Some(taken));
            }
        };
        taken.push(begun);
        if let Err(error) = self.store.record(taken).await {
            self.live().remove(&n);
            return Err(error);
        }
        let begun = self.launch(n, &spec, slot, ready, not_before).await;
        let runner = self.clone();
        let rest = boxed(async move { runner.follow(n, slot, shape, &spec, begun).await });
        self.started().push(rest);
        self.wake();
        Ok(None)
    }

    pub(super) async fn run(self: Arc<Self>, n: u64, bash: Arc<Bash>, shape: Shape, slot: u32) {
        if bash.cmd.is_empty() {
            // None that is accepted is: the journal says that it had begun, and no more.
            return self
                .over(ended(n, How::Interrupted("its record in the journal is damaged".to_owned())))
                .await;
        }
        let spec = spec(&bash, shape);
        let begun = self.begin(n, &spec, slot).await;
        self.follow(n, slot, shape, &spec, begun).await;
    }

    /// Intent, then start.
    async fn begin(&self, n: u64, spec: &Spec, slot: u32) -> Result<Option<Started>, NotBegun> {
        let (begun, ready) = self.prepare(n, spec, slot).await?;
        self.store.record(vec![begun]).await.map_err(NotBegun::Later)?;
        self.launch(n, spec, slot, ready, 0).await
    }

    /// All that comes before the intent, and the intent.
    async fn prepare(&self, n: u64, spec: &Spec, slot: u32) -> Result<(Record, Ready), NotBegun> {
        let prepared = self.executor.prepare(spec, n).await.map_err(NotBegun::Failed)?;
        if self.live().get(&n).is_some_and(|live| live.cancelled) {
            return Err(NotBegun::Cancelled);
        }
        let claim = self.slots.take(slot, n).map_err(|source| {
            let path = self.spool.path().join("slots");
            NotBegun::Later(Error::File { path, source })
        })?;
        let cgroup = prepared.leaf().map(|path| path.display().to_string());
        let begun = Begun { n, at: now(), boot: self.boot.clone(), slot, cgroup };
        Ok((Record::Begun(begun), Ready { prepared, claim }))
    }

    /// The start, once the intent is durable.
    async fn launch(
        &self,
        n: u64,
        spec: &Spec,
        slot: u32,
        ready: Ready,
        not_before: u64,
    ) -> Result<Option<Started>, NotBegun> {
        let Ready { prepared, claim } = ready;
        match self.executor.supervise(prepared, spec, claim, self.spool.fd(), not_before).await {
            Ok(started) => Ok(Some(started)),
            Err(error) => {
                // The zygote may have died over it, before or after the supervisor came to be: the slot tells.
                match self.slots.look(slot, n) {
                    Ok(Look::Running { .. } | Look::Ended(_)) => Ok(None),
                    Ok(Look::Lost { begun: None, .. }) | Err(_) => Err(NotBegun::Failed(error)),
                    Ok(Look::Lost { begun: Some(_), .. }) => Ok(None),
                }
            }
        }
    }
}

/// A command as it is started. What was said when it was accepted holds, whatever the settings are by now.
fn spec(bash: &Bash, shape: Shape) -> Spec {
    Spec { max_output: usize::try_from(shape.max_output).ok(), ..Spec::from(bash) }
}

/// Comes back at a moment in milliseconds since 1970 that is soon to come, or has come.
pub(crate) async fn wait_until(moment: u64) {
    time::sleep(Millis(moment).until().min(MAX_WAIT)).await;
}
