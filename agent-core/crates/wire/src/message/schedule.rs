//! The fields of `cron.set`, and the name that `cron.remove`, `cron.run` and `cron.history` take (§7).
//! The schedule itself is text here; the schedule language is another crate's.

use super::{Bash, MAX_TASK_TIMEOUT};
use crate::{InvalidParams, Params, json};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// Bytes of a schedule's name.
const MAX_NAME: usize = 128;

/// Bytes of a schedule's text, or of a one-line form.
const MAX_SCHEDULE: usize = 1024;

/// The largest `jitter`, in seconds: an hour.
const MAX_JITTER: u64 = 3600;

/// The longest `horizon`, in seconds: 30 days.
const MAX_HORIZON: u64 = 30 * 86_400;

/// What happens when a run is due while the one before still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// Seconds within which one run stands for those that were missed; a day when absent, at most 30.
    pub horizon: u64,
    /// Seconds, at most an hour; 0 when absent.
    pub jitter: u64,
    /// Whether it runs; a job that does not is kept.
    pub enabled: bool,
    /// Path of the calendar for `C`; `None` is the agent's.
    pub calendar: Option<String>,
}

impl CronSet {
    /// `horizon` when it is absent: a day.
    pub const HORIZON: u64 = 86_400;

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
            horizon: params.whole("horizon", " of seconds", 0..=MAX_HORIZON)?.unwrap_or(Self::HORIZON),
            jitter: params.whole("jitter", " of seconds", 0..=MAX_JITTER)?.unwrap_or(0),
            enabled: params.flag("enabled", true)?,
            calendar: match params.text("calendar")? {
                Some(path) if path.starts_with('/') => Some(path.to_owned()),
                Some(_) => return Err(InvalidParams("calendar must be an absolute path".to_owned())),
                None => None,
            },
        })
    }

    /// Its fields as JSON text, the same for the same job: what an agent keeps of it.
    #[must_use]
    pub fn to_fields(&self) -> Box<RawValue> {
        to_raw_value(self).expect("a job goes to memory")
    }

    /// Reads what [`CronSet::to_fields`] has written.
    ///
    /// # Errors
    /// It is not that, or a later version's.
    pub fn from_fields(fields: &str) -> Result<Self, InvalidParams> {
        let fields = json::parse_object(fields).map_err(|error| InvalidParams(error.message))?;
        Self::parse(Params::new(&fields))
    }
}

impl Serialize for CronSet {
    /// The request's fields without `id` and `method`, those left out that say what is so without them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        match &self.schedule {
            Schedule::Line(line) => map.serialize_entry("line", line)?,
            Schedule::Fields { schedule, bash } => {
                map.serialize_entry("schedule", schedule)?;
                bash.serialize_into(&mut map)?;
            }
        }
        if let Some(timezone) = &self.timezone {
            map.serialize_entry("timezone", timezone)?;
        }
        if self.overlap != Overlap::default() {
            map.serialize_entry("overlap", &self.overlap)?;
        }
        if self.missed != Missed::default() {
            map.serialize_entry("missed", &self.missed)?;
        }
        if self.horizon != Self::HORIZON {
            map.serialize_entry("horizon", &self.horizon)?;
        }
        if self.jitter != 0 {
            map.serialize_entry("jitter", &self.jitter)?;
        }
        if !self.enabled {
            map.serialize_entry("enabled", &false)?;
        }
        if let Some(calendar) = &self.calendar {
            map.serialize_entry("calendar", calendar)?;
        }
        map.end()
    }
}

/// Jobs that one `cron.list` answers, and that it answers when `limit` is absent.
const MAX_LISTED: u64 = 1000;
const LISTED: u64 = 1000;

/// Runs that one `cron.history` answers at most, and when `limit` is absent.
const MAX_HISTORY: u64 = 1000;
const HISTORY: u64 = 20;

/// `cron.list`: the jobs by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronList {
    /// Those after this name.
    pub after: Option<String>,
    /// How many at most.
    pub limit: u64,
}

impl CronList {
    /// Reads the fields.
    ///
    /// # Errors
    /// The first field that is not as §7 has it.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            after: params.short_text("after", MAX_NAME)?.map(str::to_owned),
            limit: params.whole("limit", "", 1..=MAX_LISTED)?.unwrap_or(LISTED),
        })
    }
}

/// `cron.history`: a job's runs, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronHistory {
    /// The job.
    pub name: String,
    /// How many at most.
    pub limit: u64,
}

impl CronHistory {
    /// Reads the fields.
    ///
    /// # Errors
    /// The first field that is not as §7 has it.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let limit = params.whole("limit", "", 1..=MAX_HISTORY)?.unwrap_or(HISTORY);
        Ok(Self { name: CronSet::name(params)?, limit })
    }
}
