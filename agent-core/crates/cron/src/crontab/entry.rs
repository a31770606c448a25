//! The entries of a crontab.

use crate::Expression;
use std::fmt;
use std::sync::Arc;

/// One entry of a crontab.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The entry's line in the file, from 1; 1 for the one-line form.
    pub line: usize,
    /// The schedule.
    pub when: When,
    /// The user that it runs as: a valid name; the account may not exist.
    pub user: String,
    /// The command: the rest of the line, unchanged; never empty.
    pub command: String,
    /// The variables set above it.
    pub environment: Arc<Environment>,
    /// The value of the `CRON_TZ` line above it; the caller looks it up.
    pub(super) file_zone: Option<Arc<str>>,
}

/// The schedule of an entry.
#[derive(Clone, Debug)]
pub enum When {
    /// At the times of an expression.
    At(Expression),
    /// `@reboot`: once after the host has started.
    Reboot,
}

impl Entry {
    /// Returns the name of the entry's zone: its own prefix, else the `CRON_TZ` line above it. The
    /// caller looks it up (docs/schedules.md rule 22).
    pub fn zone_name(&self) -> Option<&str> {
        match &self.when {
            When::At(expression) => expression.zone_name().or(self.file_zone.as_deref()),
            When::Reboot => None,
        }
    }
}

/// Variables set in a crontab, in the order of their first line; each name once, with its last
/// value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(Vec<(Arc<str>, Arc<str>)>);

impl Environment {
    /// Returns each name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Returns the value of a variable, if it is set.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| *other == name).map(|(_, value)| value)
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(other, _)| **other == *name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.into(), value.into())),
        }
    }
}

/// Prints names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
