//! What a line of a crontab says.

use crate::Expression;
use std::fmt;
use std::sync::Arc;

/// One entry of a crontab.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its line in the file, from 1; 1 for the one-line form.
    pub line: usize,
    /// When it runs.
    pub when: When,
    /// Who it runs as: a valid name, not known to exist.
    pub user: String,
    /// The rest of the line as it stands; never empty.
    pub command: String,
    /// The variables set above it.
    pub environment: Arc<Environment>,
    /// The `CRON_TZ` line above it, not looked up.
    pub(super) file_zone: Option<Arc<str>>,
}

/// When an entry runs.
#[derive(Clone, Debug)]
pub enum When {
    /// At the times of an expression.
    At(Expression),
    /// `@reboot`: once after the host has started.
    Reboot,
}

impl Entry {
    /// The zone it names: its own prefix, else the `CRON_TZ` line above it; not looked up (rule 22).
    pub fn zone_name(&self) -> Option<&str> {
        match &self.when {
            When::At(expression) => expression.zone_name().or(self.file_zone.as_deref()),
            When::Reboot => None,
        }
    }
}

/// Variables set in a crontab, in the order of their first line. A name stands once, with its last value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(Vec<(Arc<str>, Arc<str>)>);

impl Environment {
    /// Each name with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of a variable, if it is set.
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

/// Names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
