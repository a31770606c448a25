//! One schedule: its fields, checked, and the job that it becomes on a host.

use super::EntryError;
use crate::role::Command;
use crate::{Digest, Selector};
use agent_cron::{Expression, Zone};
use agent_wire::Params;
use agent_wire::message::{CronSet, JobDefinition};
use serde_json::{Map, Value};
use std::fmt;

/// What the names of the controller's jobs on a host begin with.
pub const PREFIX: &str = "fleet:";

/// The most bytes of a schedule's name.
pub const MAX_NAME: usize = 100;

/// The most bytes of a description.
const MAX_DESCRIPTION: usize = 512;

/// The most bytes of an entry: a request to an agent must fit into one message.
const MAX_ENTRY: usize = 512 << 10;

/// The fields that are the controller's own, beside those of `cron.set`.
const OWN: [&str; 3] = ["name", "description", "selector"];

/// The fields of `cron.set` that a schedule may have.
const JOB: [&str; 19] = [
    "schedule",
    "cmd",
    "user",
    "group",
    "timeout",
    "cwd",
    "env",
    "stdin",
    "stderr",
    "max_output",
    "encoding",
    "limits",
    "timezone",
    "overlap",
    "missed",
    "horizon",
    "jitter",
    "enabled",
    "calendar",
];

/// Names that paths of the API and the console use for something else.
const RESERVED: [&str; 5] = ["apply", "check", "diff", "forecast", "new"];

/// One schedule.
#[derive(Clone, PartialEq, Eq)]
pub struct Definition {
    name: String,
    description: String,
    selector: Selector,
    /// With its name on hosts, and its revision.
    job: JobDefinition,
    revision: String,
    canonical: String,
    zone: Option<String>,
}

/// Returns the name of a schedule's job on hosts.
pub fn job_name(schedule: &str) -> String {
    format!("{PREFIX}{schedule}")
}

/// Returns the schedule that a job on a host belongs to, if it is the controller's.
pub fn schedule_name(job: &str) -> Option<&str> {
    job.strip_prefix(PREFIX)
}

impl fmt::Debug for Definition {
    /// Leaves out values of variables and input, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("name", &self.name)
            .field("selector", &self.selector)
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

impl Definition {
    /// Reads a schedule from its fields: `name`, `selector`, `description` and those of `cron.set`.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub fn parse(fields: &Map<String, Value>) -> Result<Self, EntryError> {
        // `null` counts as absent, as on the wire.
        let unknown = fields.keys().find(|key| {
            let key = key.as_str();
            !OWN.contains(&key) && !JOB.contains(&key)
        });
        if let Some(unknown) = unknown {
            let known: Vec<&str> = OWN.iter().chain(&JOB).copied().collect();
            let why = format!("there is no such field; the fields are {}", known.join(", "));
            return Err(EntryError::new(unknown, why));
        }
        let text = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(EntryError::new(name, "this must be a text")),
        };
        let name = text("name")?.ok_or_else(|| EntryError::new("name", "it is missing"))?;
        check_name(name)?;
        let description = text("description")?.unwrap_or_default();
        if description.len() > MAX_DESCRIPTION || description.contains(char::is_control) {
            let why = format!("a description is one line of at most {MAX_DESCRIPTION} bytes");
            return Err(EntryError::new("description", why));
        }
        let selector = text("selector")?.ok_or_else(|| {
            EntryError::new("selector", "it is missing; selector = \"\" means every host")
        })?;
        let selector = Selector::parse(selector)
            .map_err(|error| EntryError::at("selector", error.why(), selector, error.at()))?;
        let (job, expression) = job(name, fields, text("schedule")?)?;
        let zone = expression.zone_name().map(str::to_owned).or(job.options.timezone.clone());
        let canonical = expression.to_string();
        Self::new(name, description, selector, job, canonical, zone)
    }

    fn new(
        name: &str,
        description: &str,
        selector: Selector,
        mut job: JobDefinition,
        canonical: String,
        zone: Option<String>,
    ) -> Result<Self, EntryError> {
        let fields = job.to_fields();
        if fields.get().len() > MAX_ENTRY {
            let why = format!("the entry has more than {} KiB", MAX_ENTRY >> 10);
            return Err(EntryError::new("cmd", why));
        }
        let revision = Digest::of(fields.get().as_bytes()).to_string()[..32].to_owned();
        job.options.revision = Some(revision.clone());
        let (name, description) = (name.to_owned(), description.to_owned());
        Ok(Self { name, description, selector, job, revision, canonical, zone })
    }

    /// Returns the schedule's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name of its job on hosts.
    pub fn job_name(&self) -> &str {
        &self.job.name
    }

    /// Returns the hosts that it is for.
    pub const fn selector(&self) -> &Selector {
        &self.selector
    }

    /// Returns the hash of all that the hosts get: another one means another job.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Returns its job, as `cron.set` takes it.
    pub const fn job(&self) -> &JobDefinition {
        &self.job
    }

    /// Returns the cron expression in canonical form, as agents list it.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the expression, to find its times.
    pub fn expression(&self) -> Option<Expression> {
        Expression::parse(&self.job.schedule).ok()
    }

    /// Returns the name of its time zone; `None` means each host's own.
    pub fn zone_name(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Returns its command, as roles judge it: `user` is the text of its user.
    pub fn command<'a>(&'a self, user: Option<&'a str>, group: Option<&'a str>) -> Command<'a> {
        let bash = &self.job.bash;
        let brings_more = !bash.env.is_empty() || bash.cwd.is_some() || bash.stdin.is_some();
        Command { user, group, text: &bash.cmd, brings_more }
    }

    /// Returns its user and its group as texts.
    pub fn account(&self) -> (Option<String>, Option<String>) {
        let text = |account: &Option<agent_wire::message::AccountId>| {
            account.as_ref().map(ToString::to_string)
        };
        (text(&self.job.bash.user), text(&self.job.bash.group))
    }

    /// Returns its fields without those that have their default, as [`Definition::parse`] reads
    /// them.
    pub fn to_fields(&self) -> Map<String, Value> {
        let mut job = self.job.clone();
        job.options.revision = None;
        let fields: Map<String, Value> =
            serde_json::from_str(job.to_fields().get()).unwrap_or_default();
        let mut all = Map::new();
        all.insert("name".to_owned(), self.name.as_str().into());
        if !self.description.is_empty() {
            all.insert("description".to_owned(), self.description.as_str().into());
        }
        all.insert("selector".to_owned(), self.selector.to_string().into());
        all.extend(fields.into_iter().filter(|(key, _)| key != "name"));
        all
    }

    /// Returns the instants, in seconds since 1970, at which a host in this zone runs it, one after
    /// the other, without its jitter. A calendar on the host is not known here.
    pub fn times(&self, zone: &Zone) -> Option<agent_cron::Schedule> {
        self.expression().map(|expression| agent_cron::Schedule::new(&expression, zone, None))
    }
}

fn check_name(name: &str) -> Result<(), EntryError> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.len() > MAX_NAME
        || !ends(name.chars().next())
        || !ends(name.chars().next_back())
        || !name.chars().all(inner)
    {
        let why = format!(
            "a name has 1 to {MAX_NAME} letters, digits, \"-\", \"_\" or \".\", the first and the \
             last a letter or digit"
        );
        let at = name.char_indices().find(|(_, c)| !inner(*c)).map_or(0, |(at, _)| at);
        return Err(EntryError::at("name", why, name, at));
    }
    if RESERVED.contains(&name) {
        let why = format!(
            "the paths of the API and the console use {}; choose another name",
            RESERVED.join(", ")
        );
        return Err(EntryError::new("name", why));
    }
    Ok(())
}

/// Reads the fields of `cron.set`.
fn job(
    name: &str,
    fields: &Map<String, Value>,
    schedule: Option<&str>,
) -> Result<(JobDefinition, Expression), EntryError> {
    let schedule =
        schedule.ok_or_else(|| EntryError::new("schedule", "it is missing: a cron expression"))?;
    let expression = Expression::parse(schedule)
        .map_err(|error| EntryError::at("schedule", error.to_string(), schedule, error.offset()))?;
    let mut fields = fields.clone();
    fields.retain(|key, _| !OWN.contains(&key.as_str()));
    fields.insert("name".to_owned(), job_name(name).into());
    match CronSet::parse(Params::new(&fields)) {
        Ok(CronSet::Job(job)) => Ok((job, expression)),
        Ok(CronSet::Line(_)) => Err(EntryError::new("line", "there is no such field")),
        Err(error) => {
            let why = error.to_string();
            let word = why.split(' ').next().unwrap_or_default();
            let known = JOB.contains(&word.split('.').next().unwrap_or_default());
            let field = if known { word } else { "cmd" };
            let rest = why.strip_prefix(word).map_or(&*why, str::trim_start);
            Err(EntryError::new(field, if known { rest } else { &why }))
        }
    }
}
