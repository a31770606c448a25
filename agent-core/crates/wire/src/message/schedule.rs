//! The fields of `cron.set`, and the name that `cron.remove`, `cron.run` and `cron.history` take
//! (§7). The schedule itself is text here; the schedule language is another crate's.

use super::{Bash, MAX_TASK_TIMEOUT};
use crate::{InvalidParams, Params, json};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// The most bytes of a job's name.
const MAX_NAME: usize = 128;

/// The most bytes of a schedule.
const MAX_SCHEDULE: usize = 1024;

/// The largest `jitter`, in seconds: an hour.
const MAX_JITTER: u64 = 3600;

/// The most bytes of a `revision`.
const MAX_REVISION: usize = 64;

/// The longest `horizon`, in seconds: 30 days.
const MAX_HORIZON: u64 = 30 * 86_400;

/// What happens when a run is due while the one before still runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// The due run is skipped.
    #[default]
    Skip,
    /// The due run starts when the other has ended.
    Queue,
    /// Both run.
    Allow,
}

/// What happens to runs that were due while the agent was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missed {
    /// They are skipped.
    #[default]
    Skip,
    /// One run makes up for all of them.
    Once,
}

/// `cron.set`, in either of its forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CronSet {
    /// `schedule` and the fields of a command: a whole job.
    Job(JobDefinition),
    /// `line`: schedule, user and command in one text.
    Line(JobLine),
}

/// A job's one-line form, as in a crontab. The agent, which knows the schedule language, makes a
/// [`JobDefinition`] of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLine {
    /// The job's name.
    pub name: String,
    /// Schedule, user and command.
    pub line: String,
    /// The other fields of the command; its `cmd` is empty.
    pub bash: Box<Bash>,
    /// Everything else.
    pub options: JobOptions,
}

/// A scheduled job, all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobDefinition {
    /// The job's name; setting the same name again replaces the job.
    pub name: String,
    /// The schedule's expression.
    pub schedule: String,
    /// The command.
    pub bash: Box<Bash>,
    /// Everything else.
    pub options: JobOptions,
}

/// How a job is scheduled, apart from its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOptions {
    /// IANA name of the time zone; `None` is the agent's.
    pub timezone: Option<String>,
    /// What happens to runs that overlap.
    pub overlap: Overlap,
    /// What happens to runs that were missed.
    pub missed: Missed,
    /// Seconds within which one run makes up for the runs that were missed, at most 30 days.
    pub horizon: u64,
    /// Seconds, at most an hour, by which starts are put off.
    pub jitter: u64,
    /// Whether the job runs; a job that is switched off is kept.
    pub enabled: bool,
    /// Path of the calendar for `C`; `None` is the agent's.
    pub calendar: Option<String>,
    /// The caller's name for this definition, which `cron.list` returns; it has no other effect.
    pub revision: Option<String>,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            timezone: None,
            overlap: Overlap::default(),
            missed: Missed::default(),
            horizon: Self::HORIZON,
            jitter: 0,
            enabled: true,
            calendar: None,
            revision: None,
        }
    }
}

impl JobOptions {
    /// The `horizon` of a request that has none: a day.
    const HORIZON: u64 = 86_400;

    fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            timezone: params.short_text("timezone", MAX_NAME)?.map(str::to_owned),
            overlap: params
                .one_of(
                    "overlap",
                    &[
                        ("skip", Overlap::Skip),
                        ("queue", Overlap::Queue),
                        ("allow", Overlap::Allow),
                    ],
                )?
                .unwrap_or_default(),
            missed: params
                .one_of("missed", &[("skip", Missed::Skip), ("once", Missed::Once)])?
                .unwrap_or_default(),
            horizon: params
                .whole("horizon", " of seconds", 0..=MAX_HORIZON)?
                .unwrap_or(Self::HORIZON),
            jitter: params.whole("jitter", " of seconds", 0..=MAX_JITTER)?.unwrap_or(0),
            enabled: params.flag("enabled", true)?,
            calendar: match params.text("calendar")? {
                Some(path) if path.starts_with('/') => Some(path.to_owned()),
                Some(_) => {
                    return Err(InvalidParams("calendar must be an absolute path".to_owned()));
                }
                None => None,
            },
            revision: params.short_text("revision", MAX_REVISION)?.map(str::to_owned),
        })
    }
}

impl CronSet {
    /// Reads the name of a job, the only field of `cron.remove`, `cron.run` and `cron.history`.
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
    /// The first field that is not as §7 describes; both or none of `schedule` and `line`; `cmd` or
    /// `user` beside `line`, which contains them.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        match (params.short_text("schedule", MAX_SCHEDULE)?, params.text("line")?) {
            (Some(schedule), None) => {
                let bash = Box::new(Bash::parse(params, MAX_TASK_TIMEOUT)?);
                let (name, options) = (Self::name(params)?, JobOptions::parse(params)?);
                Ok(Self::Job(JobDefinition { name, schedule: schedule.to_owned(), bash, options }))
            }
            (None, Some(line)) => {
                let bash = Bash::parse_with(String::new(), params, MAX_TASK_TIMEOUT)?;
                let also = match (params.text("cmd")?, &bash.user) {
                    (Some(_), _) => Some("cmd"),
                    (None, Some(_)) => Some("user"),
                    (None, None) => None,
                };
                if let Some(also) = also {
                    return Err(InvalidParams(format!(
                        "give line or {also}, not both: the line names its user and its command"
                    )));
                }
                let (name, options) = (Self::name(params)?, JobOptions::parse(params)?);
                let bash = Box::new(bash);
                Ok(Self::Line(JobLine { name, line: line.to_owned(), bash, options }))
            }
            (Some(_), Some(_)) => Err(InvalidParams("give schedule or line, not both".to_owned())),
            (None, None) => Err(InvalidParams("schedule is missing".to_owned())),
        }
    }
}

impl JobDefinition {
    /// Returns the fields as JSON text, the same for the same job: what an agent stores.
    #[must_use]
    pub fn to_fields(&self) -> Box<RawValue> {
        to_raw_value(self).expect("a job goes to memory")
    }

    /// Reads what [`JobDefinition::to_fields`] wrote.
    ///
    /// # Errors
    /// When the text is something else, or a later version's.
    pub fn from_fields(fields: &str) -> Result<Self, InvalidParams> {
        let fields = json::parse_object(fields).map_err(|error| InvalidParams(error.message))?;
        match CronSet::parse(Params::new(&fields))? {
            CronSet::Job(job) => Ok(job),
            CronSet::Line(_) => Err(InvalidParams("schedule is missing".to_owned())),
        }
    }
}

impl Serialize for JobDefinition {
    /// Writes the request's fields without `id` and `method`; fields with their default value are
    /// left out.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { name, schedule, bash, options } = self;
        let JobOptions { timezone, overlap, missed, horizon, jitter, enabled, calendar, revision } =
            options;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", name)?;
        map.serialize_entry("schedule", schedule)?;
        bash.serialize_into(&mut map)?;
        if let Some(timezone) = timezone {
            map.serialize_entry("timezone", timezone)?;
        }
        if *overlap != Overlap::default() {
            map.serialize_entry("overlap", overlap)?;
        }
        if *missed != Missed::default() {
            map.serialize_entry("missed", missed)?;
        }
        if *horizon != JobOptions::HORIZON {
            map.serialize_entry("horizon", horizon)?;
        }
        if *jitter != 0 {
            map.serialize_entry("jitter", jitter)?;
        }
        if !*enabled {
            map.serialize_entry("enabled", &false)?;
        }
        if let Some(calendar) = calendar {
            map.serialize_entry("calendar", calendar)?;
        }
        if let Some(revision) = revision {
            map.serialize_entry("revision", revision)?;
        }
        map.end()
    }
}

/// The most jobs that one `cron.list` returns, and the `limit` of one that has none.
const MAX_LISTED: u64 = 1000;
const LISTED: u64 = 1000;

/// The most runs that one `cron.history` returns, and the `limit` of one that has none.
const MAX_HISTORY: u64 = 1000;
const HISTORY: u64 = 20;

/// `cron.list`: the jobs by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronList {
    /// Lists only jobs after this name.
    pub after: Option<String>,
    /// Lists only jobs whose names begin with it.
    pub prefix: String,
    /// The most items in the reply.
    pub limit: u64,
}

impl CronList {
    /// Reads the fields.
    ///
    /// # Errors
    /// The first field that is not as §7 describes.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        Ok(Self {
            after: params.short_text("after", MAX_NAME)?.map(str::to_owned),
            prefix: params.text("prefix")?.unwrap_or_default().to_owned(),
            limit: params.whole("limit", "", 1..=MAX_LISTED)?.unwrap_or(LISTED),
        })
    }
}

/// `cron.history`: a job's runs, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronHistory {
    /// The job.
    pub name: String,
    /// The most items in the reply.
    pub limit: u64,
}

impl CronHistory {
    /// Reads the fields.
    ///
    /// # Errors
    /// The first field that is not as §7 describes.
    pub fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let limit = params.whole("limit", "", 1..=MAX_HISTORY)?.unwrap_or(HISTORY);
        Ok(Self { name: CronSet::name(params)?, limit })
    }
}
