//! The records of the journal: one for each step of a task or a job that must not be forgotten
//! (PROTOCOL §6).
//!
//! They are JSON, so that a person can read a journal and a later version may add fields. The names
//! on disk are fixed: a field or variant whose name here differs has a `serde(rename)`.

use super::journal::MAX_RECORD;
use agent_sys::spool::Extent;
use agent_wire::Params;
use agent_wire::message::{Bash, Encoding, MAX_TASK_TIMEOUT, StderrMode};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Map;
use serde_json::value::RawValue;
use std::sync::Arc;

/// The most bytes of a command's fields as JSON: the longest record of the journal, without the
/// other fields of its record.
pub(crate) const MAX_COMMAND: usize = MAX_RECORD - (16 << 10);

/// Bytes that most records fit in.
const SHORT: usize = 512;

/// One step of one task or job. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    /// Task numbers up to this one have been used.
    Used(u64),
    /// A task is accepted; from here on it is never lost.
    Accepted(Accepted),
    /// A task is about to start; from here on it is never started again.
    Begun(Begun),
    /// A task is to be cancelled, even if the agent that was asked dies.
    Cancelled(u64),
    /// A task has ended; its result is to be delivered.
    Ended(Ended),
    /// The controller has acknowledged a task's result.
    Acked(u64),
    /// A task has been kept long enough.
    Forgotten(u64),
    /// A job is set, or set again.
    Job(Job),
    /// A job is removed.
    #[serde(rename = "unjob")]
    JobRemoved(String),
    /// A run that was due is skipped.
    Skipped(Skipped),
    /// The clock was set to this time, by so much that nothing that was due before counts.
    #[serde(rename = "clock")]
    ClockSet(u64),
    /// The clock was set back to this time: instants after it may come again.
    #[serde(rename = "back")]
    SteppedBack(u64),
}

/// A scheduled job (PROTOCOL §7).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// When it was set; its times before do not count.
    pub(crate) at: u64,
    /// The crontab file that defines it; `None` when a request set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// Its definition as JSON, which only the scheduler reads.
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
        let parts =
            |job: &Self| (job.name.clone(), job.at, job.file.clone(), job.last, job.boot.clone());
        parts(self) == parts(other) && self.fields.get() == other.fields.get()
    }
}

/// The run of a job that a task is. It is one record with the task, so that each instant starts one
/// run, whichever process is killed at any moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobRun {
    pub(crate) job: String,
    /// The instant it was due, in seconds; `None` when a request asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<i64>,
    /// Whether it waits for the end of the job's other runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) queue: bool,
    /// The boot that a run of an `@reboot` job is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boot: Option<String>,
    /// Whether the job has been removed since: another job of its name does not know of this run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) orphan: bool,
    /// Whether the clock has been set back to before its instant, which may come again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ahead: bool,
}

/// A run that was due and was skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Skipped {
    pub(crate) job: String,
    /// The instant it was due, in seconds.
    pub(crate) at: i64,
    pub(crate) why: String,
}

/// A task as it was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    /// Its number, which names its files; never used again.
    pub(crate) n: u64,
    /// The id of the request.
    pub(crate) id: String,
    pub(crate) at: u64,
    /// See [`Digests::sent`].
    pub(crate) digest: String,
    /// See [`Digests::plain`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plain: Option<String>,
    pub(crate) shape: Shape,
    /// The command; left out once the task has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bash: Option<Command>,
    /// The job's run that it is.
    #[serde(rename = "cron", default, skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<Box<JobRun>>,
}

/// Digests of a command, SHA-256 of its fields in hex: they tell a repeated request from another
/// task with the same id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Digests {
    /// Of the fields as they were sent.
    pub(crate) sent: String,
    /// Of the fields without those that only spell out a default, where there are such.
    pub(crate) plain: Option<String>,
}

impl Digests {
    /// Returns whether both are of the same request. The defaults of the settings may have changed
    /// since, so the same text is the same request in any case.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        fn plain(digests: &Digests) -> &str {
            digests.plain.as_ref().unwrap_or(&digests.sent)
        }
        self.sent == other.sent || plain(self) == plain(other)
    }
}

/// A command that waits: its fields as on the wire, and their meaning.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    fields: Box<RawValue>,
    bash: Arc<Bash>,
}

impl Command {
    /// Makes the command of a request.
    pub(crate) fn new(bash: Bash) -> Self {
        Self { fields: bash.to_fields(), bash: Arc::new(bash) }
    }

    /// Returns its fields as JSON text, the same for the same command.
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
        let bash =
            Bash::parse(Params::new(&fields), MAX_TASK_TIMEOUT).map_err(de::Error::custom)?;
        Ok(Self::new(bash))
    }
}

/// The parameters of a command that are needed until its result is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shape {
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout: Option<u64>,
    /// Whether output travels as base64 even where it is text.
    #[serde(default)]
    pub(crate) base64: bool,
    /// Whether standard error has a file of its own.
    #[serde(default)]
    pub(crate) separate: bool,
    /// Bytes kept of each stream.
    pub(crate) max_output: u64,
}

impl Shape {
    /// Takes the parameters from a command; `max_output` applies where it has none.
    pub(crate) fn of(bash: &Bash, max_output: u64) -> Self {
        Self {
            timeout: bash.timeout,
            base64: bash.encoding == Encoding::Base64,
            separate: bash.stderr == StderrMode::Separate,
            max_output: bash.max_output.unwrap_or(max_output),
        }
    }

    /// Returns the most bytes that the output may take on disk.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.max_output.saturating_mul(1 + u64::from(self.separate))
    }
}

/// A task's intent: where it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) n: u64,
    pub(crate) at: u64,
    /// The kernel's boot id: a different one now means that none of its processes is left.
    pub(crate) boot: String,
    /// Its place in the file of slots.
    pub(crate) slot: u32,
    /// The cgroup of its processes, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cgroup: Option<String>,
}

/// A task's end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) n: u64,
    /// `None` when it never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started: Option<u64>,
    pub(crate) at: u64,
    #[serde(rename = "how")]
    pub(crate) ending: Ending,
    #[serde(rename = "took", default, skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<ResourceUsage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stdout: Option<StoredStream>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stderr: Option<StoredStream>,
}

impl Ended {
    /// Returns the end of a task that never began, or of which nothing else is known.
    pub(crate) fn unstarted(n: u64, at: u64, ending: Ending) -> Self {
        Self { n, started: None, at, ending, usage: None, stdout: None, stderr: None }
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ending {
    /// By itself, with this exit status.
    Exited(u8),
    /// By a signal that the agent did not send.
    Signaled {
        signal: i32,
        core: bool,
    },
    TimedOut,
    Cancelled,
    /// It could not be started: the retcode, and the text that follows the retcode's phrase.
    NotStarted {
        retcode: u16,
        why: String,
    },
    /// Its real end is not known: why.
    Interrupted(String),
}

/// The resources that a task used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResourceUsage {
    pub(crate) user_us: u64,
    pub(crate) sys_us: u64,
    pub(crate) wall_us: u64,
    pub(crate) max_rss_kib: u64,
}

/// The part of an output stream that is on disk: an [`Extent`] as a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredStream {
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

impl StoredStream {
    /// Describes a stream that has ended; `None` when nothing was printed. `max` is the bound of
    /// its file.
    pub(crate) fn of(extent: &Extent, max: u64) -> Option<Self> {
        let Extent { total, written, tail, stopped } = *extent;
        (total > 0).then(|| Self { total, written, tail, stopped, stored: extent.stored(max) })
    }

    pub(crate) fn extent(&self) -> Extent {
        Extent { total: self.total, written: self.written, tail: self.tail, stopped: self.stopped }
    }
}

impl Record {
    /// Returns the record's bytes for the journal.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SHORT);
        serde_json::to_writer(&mut bytes, self).expect("records have string keys and go to memory");
        bytes
    }

    /// Reads a record of this or a later version; `None` for bytes that no version writes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests;
