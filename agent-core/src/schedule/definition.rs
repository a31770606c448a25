//! Reads the times from a job's definition.
//!
//! Jobs are kept as the text of their fields and parsed when they are due; only the text stays in
//! memory.

use super::Error;
use super::plan::{Times, jitter};
use crate::named_file::{self, Writers};
use agent_cron::{Calendar, Expression, Schedule, Zone, Zones, crontab};
use agent_wire::message::{Bash, CronSet, JobDefinition, JobLine, Missed};
use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The schedule of a job that runs once after each start of the host, and has no times.
pub(crate) const REBOOT: &str = "@reboot";

/// Bytes of a calendar that are read; the parser rejects a calendar of that size.
const MAX_CALENDAR_BYTES: u64 = 1 << 20;

/// Calendars kept in memory; any further calendar is read each time.
const MAX_CALENDARS: usize = 64;

/// Takes the one-line form of `cron.set` apart; the other form is a whole job already. The policy
/// judges the command of the job.
///
/// # Errors
/// [`Error::Invalid`]: the line is not `SCHEDULE USER COMMAND`.
pub(crate) fn resolve(set: CronSet) -> Result<JobDefinition, Error> {
    let JobLine { name, line, bash, options } = match set {
        CronSet::Job(job) => return Ok(job),
        CronSet::Line(line) => line,
    };
    let entry = crontab::line(&line).map_err(|problem| Error::invalid("line", problem))?;
    let crontab::When::At(expression) = &entry.when else {
        return Err(Error::invalid(
            "line",
            format_args!("{REBOOT} is only allowed in crontab files"),
        ));
    };
    let bash = Bash { cmd: entry.command.clone(), user: Some(entry.user.clone().into()), ..*bash };
    Ok(JobDefinition { name, schedule: expression.to_string(), bash: Box::new(bash), options })
}

/// Checks the settings of `[cron]`: a zone's name and a calendar's path, each empty where it is not
/// set.
///
/// # Errors
/// [`Error::Invalid`]: which of them, and why.
pub(crate) fn check(timezone: &str, calendar: &str) -> Result<(), Error> {
    if !timezone.is_empty() {
        check_zone(timezone).map_err(|why| Error::invalid("cron.timezone", why))?;
    }
    let reader = Reader {
        host: String::new(),
        zones: Zones::system(),
        defaults: Mutex::new(Defaults { zone: Ok(Zone::utc()), calendar: Ok(None) }),
        calendars: Mutex::default(),
        appeared: AtomicBool::default(),
    };
    if !calendar.is_empty() {
        reader.calendar(Path::new(calendar)).map_err(|why| Error::invalid("cron.calendar", why))?;
    }
    Ok(())
}

/// Checks that this host knows a time zone of this name.
///
/// # Errors
/// A sentence that says why not.
pub(crate) fn check_zone(name: &str) -> Result<(), String> {
    Zones::system().load(name).map(|_| ()).map_err(|error| error.to_string())
}

/// Reads schedules: it knows the zones and calendars, and the defaults for jobs that name none.
pub(super) struct Reader {
    host: String,
    zones: Zones,
    defaults: Mutex<Defaults>,
    /// `None`: there was no calendar that could be read.
    calendars: Mutex<HashMap<PathBuf, Option<Arc<Calendar>>>>,
    /// A calendar that could not be read before was read since the last reload.
    appeared: AtomicBool,
}

/// The default zone and calendar, or the reason why one cannot be used: then only the jobs that
/// need it are not planned.
#[derive(Clone, PartialEq)]
struct Defaults {
    zone: Result<Zone, String>,
    calendar: Result<Option<Arc<Calendar>>, String>,
}

/// A job's schedule and its parts.
pub(super) struct Parsed {
    pub(super) expression: Expression,
    pub(super) zone: Zone,
    pub(super) schedule: Schedule,
}

impl Reader {
    /// Creates a reader from the settings of `[cron]`: a zone's name and a calendar's path, each
    /// empty where it is not set.
    pub(super) fn new(host: &str, timezone: &str, calendar: &str) -> Self {
        let zones = Zones::system();
        let unread = String::new;
        let defaults = Defaults { zone: Err(unread()), calendar: Err(unread()) };
        let reader = Self {
            host: host.to_owned(),
            zones,
            defaults: Mutex::new(defaults),
            calendars: Mutex::default(),
            appeared: AtomicBool::default(),
        };
        reader.reload(timezone, calendar);
        reader
    }

    /// Applies new settings, and reads the system's zone, all zones and all calendars again. A
    /// setting that cannot be used changes nothing, if there was one that could. Returns whether
    /// anything that a job's times come from has changed.
    pub(super) fn reload(&self, timezone: &str, calendar: &str) -> bool {
        let known = std::mem::take(&mut *self.calendars.lock());
        let mut changed = self.zones.refresh() | self.appeared.swap(false, Ordering::Relaxed);
        for (path, before) in known {
            changed |= self.calendar(&path).ok() != before;
        }
        let before = self.defaults().clone();
        let zone = if timezone.is_empty() { self.zones.local() } else { self.zones.load(timezone) };
        let calendar = match calendar {
            "" => Ok(None),
            path => self.calendar(Path::new(path)).map(Some),
        };
        let mut after = self.defaults();
        replace(&mut after.zone, zone.map_err(|error| error.to_string()), "cron.timezone");
        replace(&mut after.calendar, calendar, "cron.calendar");
        changed || before != *after
    }

    /// Returns the directories whose changes may change a job's times.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        let mut directories = self.zones.directories();
        let calendars = self.calendars.lock();
        directories.extend(calendars.keys().filter_map(|path| Some(path.parent()?.to_owned())));
        directories
    }

    fn defaults(&self) -> parking_lot::MutexGuard<'_, Defaults> {
        self.defaults.lock()
    }

    /// Reads a job's schedule.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field and its fault.
    pub(super) fn read(&self, job: &JobDefinition) -> Result<Parsed, Error> {
        let invalid = |field| move |error: agent_cron::Error| Error::invalid(field, error);
        let expression = Expression::parse(&job.schedule).map_err(invalid("schedule"))?;
        let zone = match (expression.zone_name(), job.options.timezone.as_deref()) {
            (Some(name), _) => self.zones.load(name).map_err(invalid("schedule"))?,
            (None, Some(name)) => self.zones.load(name).map_err(invalid("timezone"))?,
            (None, None) => {
                let zone = self.defaults().zone.clone();
                zone.map_err(|why| Error::invalid("cron.timezone", why))?
            }
        };
        // A calendar that cannot be read stops only the jobs that ask it.
        let calendar = if !expression.has_calendar_days() {
            None
        } else if let Some(path) = &job.options.calendar {
            let calendar = self.calendar(Path::new(path));
            Some(calendar.map_err(|why| Error::invalid("calendar", why))?)
        } else {
            let calendar = self.defaults().calendar.clone();
            calendar.map_err(|why| Error::invalid("cron.calendar", why))?
        };
        let schedule = Schedule::new(&expression, &zone, calendar.as_ref());
        Ok(Parsed { expression, zone, schedule })
    }

    /// Checks the calendar that a job names, also where its schedule does not ask it.
    ///
    /// # Errors
    /// [`Error::Invalid`]: what is wrong with it.
    pub(super) fn check_calendar(&self, job: &JobDefinition) -> Result<(), Error> {
        let Some(path) = &job.options.calendar else { return Ok(()) };
        self.calendar(Path::new(path)).map_err(|why| Error::invalid("calendar", why))?;
        Ok(())
    }

    /// Returns a job's times; `None` where it is switched off, or has none.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the field and its fault.
    pub(super) fn times(&self, job: &JobDefinition) -> Result<Option<Times>, Error> {
        if !job.options.enabled || job.schedule == REBOOT {
            return Ok(None);
        }
        let options = &job.options;
        let schedule = Arc::new(self.read(job)?.schedule);
        let horizon = (options.missed == Missed::Once)
            .then(|| i64::try_from(options.horizon).unwrap_or(i64::MAX));
        Ok(Some(Times { schedule, jitter: jitter(&self.host, &job.name, options.jitter), horizon }))
    }

    /// Returns a calendar, or the path and its fault.
    fn calendar(&self, path: &Path) -> Result<Arc<Calendar>, String> {
        let mut calendars = self.calendars.lock();
        if let Some(Some(known)) = calendars.get(path) {
            return Ok(known.clone());
        }
        let calendar = read(path).map_err(|why| format!("{}: {why}", path.display()));
        if calendars.len() < MAX_CALENDARS || calendars.contains_key(path) {
            let before = calendars.insert(path.to_owned(), calendar.as_ref().ok().cloned());
            if before == Some(None) && calendar.is_ok() {
                self.appeared.store(true, Ordering::Relaxed);
            }
        }
        calendar
    }
}

/// Reads a calendar.
fn read(path: &Path) -> Result<Arc<Calendar>, String> {
    let bytes = named_file::read(path, MAX_CALENDAR_BYTES, Writers::Any);
    let text = String::from_utf8(bytes.map_err(|error| error.to_string())?);
    let text = text.map_err(|error| error.to_string())?;
    Ok(Arc::new(Calendar::parse(&text).map_err(|error| error.to_string())?))
}

/// Replaces a default, unless the new one cannot be used and the old one can.
fn replace<T>(old: &mut Result<T, String>, new: Result<T, String>, setting: &str) {
    if let Err(why) = &new {
        log::error!("{setting}: {why}");
    }
    if new.is_ok() || old.is_err() {
        *old = new;
    }
}
