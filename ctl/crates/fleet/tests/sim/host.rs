//! A host and its agent: the tasks on its disk survive everything but their own bugs.

use crate::bug::Bug;
use crate::rng::Rng;
use agent_wire::message::Resp;
use fleet::run::Ask;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Host {
    /// The channel, as the agent sees it.
    pub(crate) channel: Option<u64>,
    /// It never comes back.
    pub(crate) dead: bool,
    /// What its clock shows more than the world's.
    pub(crate) clock: i64,
    /// Its agent ignores `not_after`.
    pub(crate) old: bool,
    /// Its policy refuses commands.
    pub(crate) refuses: bool,
    /// Its policy refuses questions about tasks.
    pub(crate) refuses_questions: bool,
    /// It has no room for tasks.
    pub(crate) full: bool,
    /// Its agent rejects every request for lack of room, known tasks included.
    pub(crate) busy: bool,
    pub(crate) tasks: BTreeMap<usize, Task>,
}

/// A task on a host's disk.
pub(crate) struct Task {
    pub(crate) state: Progress,
    /// How often its command was started.
    pub(crate) starts: u32,
    pub(crate) acknowledged: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Waiting,
    Running,
    Ended { resp: Resp, retcode: u16 },
}

/// A reply, as it travels.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) resp: Resp,
    pub(crate) retcode: u16,
    pub(crate) data: Option<Value>,
}

/// What becomes of a request.
pub(crate) enum Done {
    /// Only the reply.
    Replied(Reply),
    /// A task was accepted.
    Accepted(Reply),
    /// A task has ended by this.
    Canceled(Reply),
}

const fn failed(retcode: u16) -> Done {
    Done::Replied(Reply { resp: Resp::Failed, retcode, data: None })
}

const fn success(data: Option<Value>) -> Reply {
    Reply { resp: Resp::Success, retcode: 0, data }
}

impl Host {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { old: rng.chance(200), ..Self::default() }
    }

    /// Answers a request. `late` says whether `not_after` is over by the host's clock.
    pub(crate) fn answer(
        &mut self,
        run: usize,
        ask: Ask,
        is_task: bool,
        late: bool,
        bug: Option<Bug>,
    ) -> Done {
        if self.busy {
            return failed(3041);
        }
        match (ask, self.tasks.get_mut(&run)) {
            (Ask::Start, _) if !is_task => {
                if self.refuses {
                    failed(3023)
                } else {
                    Done::Replied(success(None))
                }
            }
            (Ask::Start, _) if self.refuses => failed(3023),
            (Ask::Start, Some(task)) if bug != Some(Bug::NoDedup) => {
                Done::Replied(success(Some(task.status())))
            }
            (Ask::Start, _) if late && !self.old => failed(3026),
            (Ask::Start, _) if self.full => failed(3043),
            (Ask::Start, known) => {
                let starts = known.map_or(0, |task| task.starts);
                let task = Task { state: Progress::Waiting, starts, acknowledged: false };
                self.tasks.insert(run, task);
                Done::Accepted(success(None))
            }
            (Ask::Status | Ask::Cancel, _) if self.refuses_questions => failed(3023),
            (Ask::Status | Ask::Cancel, None) => failed(3024),
            (Ask::Status, Some(task)) => Done::Replied(success(Some(task.status()))),
            (Ask::Cancel, Some(task)) => {
                let reply = success(Some(task.status()));
                if matches!(task.state, Progress::Ended { .. }) {
                    return Done::Replied(reply);
                }
                task.state = Progress::Ended { resp: Resp::Failed, retcode: 3034 };
                Done::Canceled(reply)
            }
        }
    }

    /// The machine goes down: what runs is interrupted.
    pub(crate) fn reboot(&mut self) -> Vec<usize> {
        let mut interrupted = Vec::new();
        for (run, task) in &mut self.tasks {
            if !matches!(task.state, Progress::Ended { .. }) {
                task.state = Progress::Ended { resp: Resp::Failed, retcode: 3035 };
                interrupted.push(*run);
            }
        }
        interrupted
    }
}

impl Task {
    fn status(&self) -> Value {
        match self.state {
            Progress::Waiting => json!({"state": "waiting"}),
            Progress::Running => json!({"state": "running", "started": "then"}),
            Progress::Ended { resp, retcode } => {
                let mut status = json!({
                    "state": "ended", "acknowledged": self.acknowledged, "resp": resp,
                    "retcode": retcode,
                });
                if self.starts > 0 {
                    status["started"] = json!("then");
                }
                status
            }
        }
    }
}
