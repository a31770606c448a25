//! What there should be: every schedule, read once after each change.

use crate::store::{ScheduleRow, ScheduleSet};
use fleet::Labels;
use fleet::schedule::Definition;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A schedule and its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authored {
    /// The schedule.
    pub(crate) definition: Definition,
    /// The operator who changed it last, whose roles count.
    pub(crate) author: String,
}

/// Every schedule.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// 0 means that there has never been one.
    pub(crate) generation: i64,
    schedules: Vec<Authored>,
    /// Names of schedules that cannot be read: a later version stored them. Their jobs stay.
    unreadable: BTreeSet<String>,
}

impl Catalog {
    /// Reads the stored schedules.
    pub(crate) fn read(set: ScheduleSet) -> Self {
        let mut catalog = Self { generation: set.generation, ..Self::default() };
        for row in set.rows {
            match definition(&row) {
                Ok(definition) => {
                    catalog.schedules.push(Authored { definition, author: row.changed_by });
                }
                Err(why) => {
                    log::error!("schedule {}: its hosts keep what they have: {why}", row.name);
                    catalog.unreadable.insert(row.name);
                }
            }
        }
        catalog
    }

    /// Returns the schedules, ordered by name.
    pub(crate) fn schedules(&self) -> &[Authored] {
        &self.schedules
    }

    /// Returns the names of schedules that cannot be read.
    pub(crate) const fn unreadable(&self) -> &BTreeSet<String> {
        &self.unreadable
    }

    /// Returns the schedules for a host.
    pub(crate) fn for_host(&self, host: &str, labels: &Labels) -> impl Iterator<Item = &Authored> {
        self.schedules
            .iter()
            .filter(move |schedule| schedule.definition.selector().matches(host, labels))
    }

    /// Returns the schedules of either catalog that are not the same in the other.
    pub(crate) fn differing<'a>(&'a self, other: &'a Self) -> Vec<&'a Definition> {
        let missing = |from: &'a Self, to: &'a Self| {
            from.schedules.iter().filter(move |schedule| {
                let name = schedule.definition.name();
                let found =
                    to.schedules.binary_search_by(|other| other.definition.name().cmp(name));
                found.ok().and_then(|at| to.schedules.get(at)) != Some(*schedule)
            })
        };
        let both = missing(self, other).chain(missing(other, self));
        both.map(|schedule| &schedule.definition).collect()
    }
}

/// Reads a stored schedule.
///
/// # Errors
/// When a later version stored it.
pub(crate) fn definition(row: &ScheduleRow) -> Result<Definition, String> {
    let fields: Map<String, Value> =
        serde_json::from_str(&row.entry).map_err(|error| error.to_string())?;
    Definition::parse(&fields).map_err(|error| error.to_string())
}
