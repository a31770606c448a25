//! The difference of two sets of schedules, for people.

use super::Definition;
use serde_json::Value;
use std::collections::BTreeMap;

/// The difference.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Names of schedules that are new.
    pub added: Vec<String>,
    /// Schedules that change.
    pub changed: Vec<Changed>,
    /// Names of schedules that go.
    pub removed: Vec<String>,
    /// Names of schedules that stay as they are.
    pub unchanged: Vec<String>,
}

/// A schedule that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// The fields that change, by name.
    pub fields: Vec<FieldChange>,
}

/// A field that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// Its value now; `None` is the default.
    pub from: Option<Value>,
    /// Its value then; `None` is the default.
    pub to: Option<Value>,
}

impl Diff {
    /// Returns whether nothing changes.
    pub const fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Returns what becomes of the schedules of `old` when those of `new` are applied. Schedules that
/// are not in `new` go with `prune`, and else stay.
pub fn diff<'a>(
    old: impl IntoIterator<Item = &'a Definition>,
    new: impl IntoIterator<Item = &'a Definition>,
    prune: bool,
) -> Diff {
    let by_name = |definition: &'a Definition| (definition.name(), definition);
    let old: BTreeMap<&str, &Definition> = old.into_iter().map(by_name).collect();
    let new: BTreeMap<&str, &Definition> = new.into_iter().map(by_name).collect();
    let mut diff = Diff::default();
    for (name, definition) in &new {
        match old.get(name) {
            None => diff.added.push((*name).to_owned()),
            Some(known) if known == definition => diff.unchanged.push((*name).to_owned()),
            Some(known) => {
                let fields = fields(known, definition);
                diff.changed.push(Changed { name: (*name).to_owned(), fields });
            }
        }
    }
    if prune {
        let gone = old.keys().filter(|name| !new.contains_key(*name));
        diff.removed.extend(gone.map(|name| (*name).to_owned()));
    }
    diff
}

/// Returns the fields in which two versions of a schedule differ.
pub fn fields(from: &Definition, to: &Definition) -> Vec<FieldChange> {
    let (from, to) = (from.to_fields(), to.to_fields());
    let mut names: Vec<&String> = from.keys().chain(to.keys()).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter(|name| from.get(*name) != to.get(*name))
        .map(|name| FieldChange {
            field: name.clone(),
            from: from.get(name).cloned(),
            to: to.get(name).cloned(),
        })
        .collect()
}
