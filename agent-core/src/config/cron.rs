//! `[cron]`: where schedules come from and which zone and calendar they use.

use super::{Error, value};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The `[cron]` section. Its values are checked by the schedule module, which can read zones and
/// calendars.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CronSettings {
    /// The directory of crontab files.
    pub(crate) dir: PathBuf,
    /// The IANA zone of schedules that name none; empty: the system's.
    pub(crate) timezone: String,
    /// The path of the calendar for `C` in jobs that name none; empty: none.
    pub(crate) calendar: String,
}

impl CronSettings {
    pub(super) fn check(&self, found: &mut Vec<Error>) {
        found.extend(value::absolute("cron.dir", &self.dir));
        if !self.calendar.is_empty() {
            found.extend(value::absolute("cron.calendar", Path::new(&self.calendar)));
        }
    }
}

impl Default for CronSettings {
    fn default() -> Self {
        Self {
            dir: "/etc/basicagent/cron.d".into(),
            timezone: String::new(),
            calendar: String::new(),
        }
    }
}
