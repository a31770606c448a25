//! What the journal says of tasks, one record for each step that must not be forgotten (§6).
//!
//! JSON, so that a person can read a journal, and so that a later version may add fields.

use agent_sys::spool::Extent;
use agent_wire::Params;
use agent_wire::message::{Bash, Encoding, MAX_TASK_TIMEOUT, StderrMode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Map;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Bytes that most records fit in.
const SHORT: usize = 512;

/// One step of one task. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    /// Numbers up to this one have been used.
    Used(u64),
    /// Taken; from here on it is never lost.
    Accepted(Accepted),
    /// About to be started; from here on it is never started again.
    Begun(Begun),
    /// To be ended: a wish that outlives the agent it was told to.
    Cancelled(u64),
    /// Over; its result is to be delivered.
    Ended(Ended),
    /// The controller has its result.
    Acked(u64),
    /// Kept long enough.
    Forgotten(u64),
    /// A scheduled job as it is set, or set again.
    Job(Job),
    /// There is no such job any more.
    Unjob(String),
    /// A run that was due and will not be.
    Skipped(Skipped),
    /// The clock has been set to this, by so much that what was due before is no job's any more.
    Clock(u64),
}

/// A scheduled job (§7).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// When it was set: what was due before then is not its own.
    pub(crate) at: u64,
    /// The crontab that has it; `None`: it was set by a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// When and what, as JSON; the scheduler knows what it says.
    pub(crate) fields: Box<RawValue>,
    /// The last instant, in seconds, for which it was started or skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last: Option<i64>,
    /// The boot of the host after which an `@reboot` job was last started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<String>,
}

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        let parts = |job: &Self| (job.name.clone(), job.at, job.file.clone(), job.last, job.boot.clone());
        parts(self) == parts(other) && self.fields.get() == other.fields.get()
    }
}

/// Which run of a job a task is. In one record with the task: what was due is started once, whatever is killed when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) job: String,
    /// The instant it was due, in seconds; `None`: it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<i64>,
    /// It waits for the job's other runs to end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) queue: bool,
    /// Of an `@reboot` job: the boot it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<String>,
    /// The job has been removed since; another of its name does not know of this run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) orphan: bool,
    /// The clock has been set back since to before its instant, so that this one may come again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ahead: bool,
}

/// A run that will not be: why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) job: String,
    /// The instant it was due, in seconds.
    pub(crate) at: i64,
    pub(crate) why: String,
}

/// A task as it was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    /// Its number, which names its files; never used again.
    pub(crate) n: u64,
    /// The request's id.
    pub(crate) id: String,
    pub(crate) at: u64,
    /// SHA-256 of the command's fields, in hex: tells a repetition from another task of the same id.
    pub(crate) digest: String,
    pub(crate) shape: Shape,
    /// The command; left out once it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bash: Option<Command>,
    /// The job whose run it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cron: Option<Box<Due>>,
}

/// A command that waits: its fields as on the wire, and what they say.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    fields: Box<RawValue>,
    bash: Arc<Bash>,
}

impl Command {
    /// Of a request.
    pub(crate) fn new(bash: Bash) -> Self {
        Self { fields: bash.to_fields(), bash: Arc::new(bash) }
    }

    /// Its fields as JSON text, the same for the same command.
    pub(crate) fn fields(&self) -> &str {
        self.fields.get()
    }

    pub(crate) fn bash(&self) -> &Arc<Bash> {
        &self.bash
    }
}

impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.bash == other.bash
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.fields.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = Map::deserialize(deserializer)?;
        let bash = Bash::parse(Params::new(&fields), MAX_TASK_TIMEOUT).map_err(de::Error::custom)?;
        Ok(Self::new(bash))
    }
}

/// What of a command is still needed when it has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<u64>,
    /// Output travels as base64 even where it is text.
    #[serde(default)]
    pub(crate) base64: bool,
    /// Standard error has a file of its own.
    #[serde(default)]
    pub(crate) separate: bool,
    /// Bytes kept of each stream.
    pub(crate) max_output: u64,
}

impl Shape {
    /// Of a command; `max_output` where it does not say.
    pub(crate) fn of(bash: &Bash, max_output: u64) -> Self {
        Self {
            timeout: bash.timeout,
            base64: bash.encoding == Encoding::Base64,
            separate: bash.stderr == StderrMode::Separate,
            max_output: bash.max_output.unwrap_or(max_output),
        }
    }

    /// Bytes its output may come to on disk.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.max_output.saturating_mul(1 + u64::from(self.separate))
    }
}

/// Where a task runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) n: u64,
    pub(crate) at: u64,
    /// The kernel's boot id: another one now means that nothing of it runs any more.
    pub(crate) boot: String,
    /// Its place in the file of slots.
    pub(crate) slot: u32,
    /// The cgroup that holds its processes, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cgroup: Option<String>,
}

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) n: u64,
    /// `None`: it never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started: Option<u64>,
    pub(crate) at: u64,
    pub(crate) how: How,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) took: Option<Took>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stdout: Option<Kept>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stderr: Option<Kept>,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum How {
    /// By itself, with this exit status.
    Exited(u8),
    /// By a signal from elsewhere.
    Signaled {
        signal: i32,
        core: bool,
    },
    TimedOut,
    Cancelled,
    /// It could not be started: the retcode and what goes behind its phrase.
    NotStarted {
        retcode: u16,
        why: String,
    },
    /// What became of it is not known: why.
    Interrupted(String),
}

/// What a task used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Took {
    pub(crate) user_us: u64,
    pub(crate) sys_us: u64,
    pub(crate) wall_us: u64,
    pub(crate) max_rss_kib: u64,
}

/// What there is of an output stream on disk: [`Extent`] as a record has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Bytes that were printed.
    pub(crate) total: u64,
    pub(crate) written: u64,
    #[serde(default)]
    pub(crate) tail: u64,
    #[serde(default)]
    pub(crate) stopped: bool,
    /// Bytes in the file.
    pub(crate) stored: u64,
}

impl Kept {
    /// Of a stream that is over; `None` when nothing was printed. `max` is the bound of its file.
    pub(crate) fn of(extent: &Extent, max: u64) -> Option<Self> {
        let Extent { total, written, tail, stopped } = *extent;
        (total > 0).then(|| Self { total, written, tail, stopped, stored: extent.stored(max) })
    }

    pub(crate) fn extent(&self) -> Extent {
        Extent { total: self.total, written: self.written, tail: self.tail, stopped: self.stopped }
    }
}

impl Record {
    /// The record's bytes for the journal.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SHORT);
        serde_json::to_writer(&mut bytes, self).expect("records have string keys and go to memory");
        bytes
    }

    /// Reads a record of this or a later version; `None` for what none has written.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_read_as_it_was_written() {
        let bash = Bash {
            cmd: "echo \"a\0b\"\n".into(),
            env: vec![("A".into(), "1".into())],
            timeout: Some(9),
            ..Bash::default()
        };
        let shape = Shape::of(&bash, 7);
        let accepted = Accepted {
            n: 1,
            id: "x".into(),
            at: 2,
            digest: "00".into(),
            shape,
            bash: Some(Command::new(bash)),
            cron: Some(Box::new(Due {
                job: "j".into(),
                at: Some(-5),
                queue: true,
                boot: None,
                orphan: false,
                ahead: false,
            })),
        };
        let fields = RawValue::from_string("{\"schedule\":\"@daily\"}".to_owned()).unwrap();
        let job =
            |last| Job { name: "j".into(), at: 1, file: None, fields: fields.clone(), last, boot: None };
        let ended =
            |how| Ended { n: 1, started: Some(3), at: 4, how, took: None, stdout: None, stderr: None };
        let table = [
            Record::Used(9),
            Record::Accepted(accepted),
            Record::Begun(Begun { n: 1, at: 3, boot: "b".into(), slot: 4, cgroup: Some("/c".into()) }),
            Record::Ended(ended(How::Exited(0))),
            Record::Ended(ended(How::Signaled { signal: 11, core: true })),
            Record::Ended(ended(How::TimedOut)),
            Record::Ended(ended(How::NotStarted { retcode: 3033, why: "no".into() })),
            Record::Ended(Ended {
                took: Some(Took { user_us: 1, sys_us: 2, wall_us: 3, max_rss_kib: 4 }),
                stdout: Some(Kept { total: u64::MAX, written: 9, tail: 6, stopped: true, stored: 3 }),
                ..ended(How::Interrupted("the machine".into()))
            }),
            Record::Cancelled(1),
            Record::Acked(1),
            Record::Forgotten(1),
            Record::Job(job(None)),
            Record::Job(Job { file: Some("backup".into()), boot: Some("b".into()), ..job(Some(7)) }),
            Record::Unjob("j".into()),
            Record::Skipped(Skipped { job: "j".into(), at: 7, why: "it still runs".into() }),
            Record::Clock(5),
        ];
        for record in table {
            let bytes = record.to_bytes();
            assert_eq!(Record::from_bytes(&bytes), Some(record), "{}", String::from_utf8_lossy(&bytes));
        }
        assert_eq!(Record::from_bytes(b"{\"later\":1}"), None);
    }
}
