//! The fields of `cron.set`, and the name that `cron.remove`, `cron.run` and `cron.history` take (§7).
//! The schedule itself is text here; the schedule language is another crate's.

use super::{Bash, MAX_TASK_TIMEOUT};
use crate::{InvalidParams, Params};

/// Bytes of a schedule's name.
const MAX_NAME: usize = 128;

/// Bytes of a schedule's text, or of a one-line form.
const MAX_SCHEDULE: usize = 1024;

/// The largest `jitter`, in seconds: an hour.
const MAX_JITTER: u64 = 3600;

/// What happens when a run is due while the one before still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// The due run is left out.
    #[default]
    Skip,
    /// It starts when the other has ended.
    Queue,
    /// Both run.
    Allow,
}

/// What happens to runs that were due while the agent was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// They are left out.
    #[default]
    Skip,
    /// One run stands for all of them.
    Once,
}

/// When and what, in either form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// `schedule` and the fields of a command.
    Fields {
        /// The expression.
        schedule: String,
        /// What runs.
        bash: Box<Bash>,
    },
    /// `line`: expression, user and command in one text, as a crontab has them.
    Line(String),
}

/// `cron.set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSet {
    /// Setting the same name again replaces the job.
    pub name: String,
    /// When and what.
    pub schedule: Schedule,
    /// IANA name; `None` is the agent's.
    pub timezone: Option<String>,
    /// Policy for runs that overlap.
    pub overlap: Overlap,
    /// Policy for runs that were missed.
    pub missed: Missed,
    /// Seconds, at most an hour; 0 when absent.
    pub jitter: u64,
}

impl CronSet {
    /// Reads the name of a schedule, the only field of `cron.remove`, `cron.run` and `cron.history`.
    ///
    /// # Errors
    /// When it is missing or too long.
    pub fn name(params: Params<'_>) -> Result<String, InvalidParams> {
        match params.short_text("name", MAX_NAME)? {
            Some(name) => Ok(name.to_owned()),
            None => Err(InvalidParams("name is missing".to_owned())),
        }
    }

    /// Reads the fields of `cron.set`.
    ///
    /// # Errors
    /// The first field that is not as §7 has it; both or none of `schedule` and `line`.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let schedule = match (params.short_text("schedule", MAX_SCHEDULE)?, params.text("line")?) {
            (Some(schedule), None) => Schedule::Fields {
                schedule: schedule.to_owned(),
                bash: Box::new(Bash::parse(params, MAX_TASK_TIMEOUT)?),
            },
            (None, Some(line)) => Schedule::Line(line.to_owned()),
            (Some(_), Some(_)) => return Err(InvalidParams("give schedule or line, not both".to_owned())),
            (None, None) => return Err(InvalidParams("schedule is missing".to_owned())),
        };
        Ok(Self {
            name: Self::name(params)?,
            schedule,
            timezone: params.short_text("timezone", MAX_NAME)?.map(str::to_owned),
            overlap: params
                .one_of(
                    "overlap",
                    &[("skip", Overlap::Skip), ("queue", Overlap::Queue), ("allow", Overlap::Allow)],
                )?
                .unwrap_or_default(),
            missed: params
                .one_of("missed", &[("skip", Missed::Skip), ("once", Missed::Once)])?
                .unwrap_or_default(),
            jitter: params.whole("jitter", " of seconds", 0..=MAX_JITTER)?.unwrap_or(0),
        })
    }
}
