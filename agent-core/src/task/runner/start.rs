//! Starts tasks: the intent becomes durable first, then the supervisor is requested.

use super::ending::not_started;
use super::{ActiveTask, Runner};
use crate::clock::{self, Millis};
use crate::exec::{Lodging, Prepared, Spec, StartError};
use crate::shutdown::boxed;
use crate::task::Error;
use crate::task::record::{Begun, Ended, Ending, JobRun, Record, Shape};
use crate::task::table::{Phase, Table};
use agent_sys::pidfd::PidFd;
use agent_sys::slot::{Claim, SlotState};
use agent_wire::message::Bash;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time;

/// The longest wait for the moment at which a run that was accepted beforehand is due.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// A task that has its turn: it holds a slot and nothing of it has happened yet.
pub(super) struct Turn {
    pub(super) n: u64,
    pub(super) slot: u32,
    pub(super) shape: Shape,
    pub(super) bash: Arc<Bash>,
    /// Milliseconds since 1970, soon to come: the command does not start before.
    not_before: u64,
}

/// A task whose intent may become durable.
struct Intent {
    record: Record,
    prepared: Prepared,
    claim: Claim,
}

/// A job's run that is being accepted.
pub(crate) struct JobStart<'a> {
    pub(crate) n: u64,
    pub(crate) bash: &'a Arc<Bash>,
    pub(crate) shape: Shape,
    pub(crate) run: &'a JobRun,
    /// Milliseconds since 1970, soon to come: the command does not start before.
    pub(crate) not_before: u64,
}

/// The supervisor of a task, and what the task keeps of the executor's until it ends.
pub(super) type Supervised = (PidFd, Lodging);

/// Why a task was not started.
pub(super) enum NotStarted {
    /// It can never be started.
    Failed(StartError),
    /// It was cancelled first.
    Cancelled,
    /// Its slot cannot be taken, or its intent is not durable: the task still waits.
    Later(Error),
}

impl Runner {
    /// Gives the next task that waits its turn, if a slot is free.
    pub(super) fn next_turn(&self) -> Option<Turn> {
        let mut active = self.active();
        let table = self.store.table();
        let task = table.next_waiting(|n| active.contains_key(&n))?;
        let Phase::Waiting(command) = &task.phase else { return None };
        let (n, shape, bash) = (task.n, task.shape, command.bash());
        self.take_turn(&mut active, &table, (n, shape, task.cancelled), bash, 0)
    }

    fn take_turn(
        &self,
        active: &mut HashMap<u64, ActiveTask>,
        table: &Table,
        (n, shape, cancelled): (u64, Shape, bool),
        bash: &Arc<Bash>,
        not_before: u64,
    ) -> Option<Turn> {
        let slot = self.free_slot(active, table, shape)?;
        active.insert(n, ActiveTask { slot: Some(slot), cancelled });
        Some(Turn { n, slot, shape, bash: bash.clone(), not_before })
    }

    /// Starts a task that waited, and follows it to its end.
    pub(super) async fn run(self: Arc<Self>, turn: Turn) {
        if turn.bash.cmd.is_empty() {
            // No command that is accepted is empty: the journal only says that the task had begun.
            let ending = Ending::Interrupted("its record in the journal is damaged".to_owned());
            return self.finish(Ended::unstarted(turn.n, clock::now().0, ending)).await;
        }
        let spec = turn.spec();
        let started = match self.prepare(&turn, &spec).await {
            Ok(intent) => self.begin(&turn, &spec, intent, Vec::new()).await,
            Err(error) => Err(error),
        };
        self.follow(&turn, &spec, started).await;
    }

    /// Accepts a job's run and starts it at once, if no other task waits for a slot: `accepted`,
    /// the records of its acceptance, and its intent go to the disk together. Returns the records
    /// when it is not the run's turn.
    ///
    /// # Errors
    /// The errors of [`Store::record`](crate::task::store::Store::record): it was not accepted.
    pub(crate) async fn start_run(
        self: &Arc<Self>,
        mut accepted: Vec<Record>,
        start: &JobStart<'_>,
    ) -> Result<Option<Vec<Record>>, Error> {
        let &JobStart { n, bash, shape, run, not_before } = start;
        let turn = {
            let mut active = self.active();
            let table = self.store.table();
            let must_wait = table.next_waiting(|n| active.contains_key(&n)).is_some()
                || run.queue && table.runs(&run.job).any(|run| !run.has_ended());
            if must_wait {
                return Ok(Some(accepted));
            }
            self.take_turn(&mut active, &table, (n, shape, false), bash, not_before)
        };
        let Some(turn) = turn else { return Ok(Some(accepted)) };
        let spec = turn.spec();
        let started = match self.prepare(&turn, &spec).await {
            Ok(intent) => self.begin(&turn, &spec, intent, accepted).await,
            Err(NotStarted::Failed(error)) => {
                accepted.push(Record::Ended(Ended::unstarted(
                    n,
                    clock::now().0,
                    not_started(&error),
                )));
                let recorded = self.store.record(accepted).await;
                self.active().remove(&n);
                return recorded.map(|()| None);
            }
            Err(NotStarted::Cancelled | NotStarted::Later(_)) => {
                self.active().remove(&n);
                return Ok(Some(accepted));
            }
        };
        if let Err(NotStarted::Later(error)) = started {
            self.active().remove(&n);
            return Err(error);
        }
        let runner = self.clone();
        let follow = boxed(async move { runner.follow(&turn, &spec, started).await });
        self.started.lock().push(follow);
        self.wake();
        Ok(None)
    }

    /// Does everything that comes before the intent.
    async fn prepare(&self, turn: &Turn, spec: &Spec) -> Result<Intent, NotStarted> {
        let &Turn { n, slot, .. } = turn;
        let prepared = self.executor.prepare(spec, n).await.map_err(|error| {
            match error.is_out_of_descriptors() {
                true => NotStarted::Later(Error::Start(error)),
                false => NotStarted::Failed(error),
            }
        })?;
        if self.is_cancelled(n) {
            return Err(NotStarted::Cancelled);
        }
        let claim = self.slots.take(slot, n).map_err(|source| {
            NotStarted::Later(Error::file(&self.spool.path().join("slots"), source))
        })?;
        let cgroup = prepared.leaf().map(|path| path.display().to_string());
        let begun = Begun { n, at: clock::now().0, boot: self.boot.clone(), slot, cgroup };
        Ok(Intent { record: Record::Begun(begun), prepared, claim })
    }

    /// Makes the intent durable, together with the records before it, then starts the task.
    ///
    /// Without a supervisor where the zygote died during the start: the slot tells the rest.
    async fn begin(
        &self,
        turn: &Turn,
        spec: &Spec,
        intent: Intent,
        mut records: Vec<Record>,
    ) -> Result<Option<Supervised>, NotStarted> {
        let Intent { record, prepared, claim } = intent;
        let &Turn { n, slot, not_before, .. } = turn;
        records.push(record);
        self.store.record(records).await.map_err(NotStarted::Later)?;
        match self.executor.supervise(prepared, spec, claim, self.spool.fd(), not_before).await {
            Ok(supervised) => Ok(Some(supervised)),
            // The zygote may have died before or after the supervisor came to be.
            Err(error) => match self.slots.state(slot, n) {
                Ok(SlotState::Running { .. } | SlotState::Ended(_)) => Ok(None),
                Ok(SlotState::Lost { begun: None, .. }) | Err(_) => Err(NotStarted::Failed(error)),
                Ok(SlotState::Lost { begun: Some(_), .. }) => Ok(None),
            },
        }
    }
}

impl Turn {
    /// Returns the command as it is started. The bound of its output was set when the task was
    /// accepted, whatever the settings are by now.
    fn spec(&self) -> Spec {
        Spec { max_output: usize::try_from(self.shape.max_output).ok(), ..Spec::from(&*self.bash) }
    }
}

/// Waits until a moment in milliseconds since 1970 that is soon to come, or has come.
pub(crate) async fn wait_until(moment: u64) {
    time::sleep(Millis(moment).until().min(MAX_WAIT)).await;
}
