//! The labels of hosts, in the table `labels`.

use super::record;
use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::sqlite::column::parsed;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{FactLabels, Label, LabelChange, source_name, source_named, too_many_labels};
use fleet::{LabelSource, MAX_LABELS};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// Sets a label, whoever set it before.
pub(super) fn set(
    sql: &Connection,
    host: &str,
    key: &str,
    value: &str,
    source: LabelSource,
) -> rusqlite::Result<()> {
    sql.run(
        "INSERT INTO labels (host, key, value, source, number) \
         VALUES (?1, ?2, ?3, ?4, (SELECT number FROM hosts WHERE id = ?1)) \
         ON CONFLICT (host, key) DO UPDATE SET value = ?3, source = ?4 \
         WHERE value <> ?3 OR source <> ?4",
        params![host, key, value, source_name(source)],
    )
    .map(|_| ())
}

/// Returns a host's labels.
pub(super) fn of(sql: &Connection, host: &str) -> rusqlite::Result<BTreeMap<String, Label>> {
    let rows =
        sql.all("SELECT key, value, source FROM labels WHERE host = ?", params![host], |row| {
            let source = parsed(row, 2, |text| source_named(text).ok_or("not a source"))?;
            Ok((row.get(0)?, Label { value: row.get(1)?, source }))
        })?;
    Ok(rows.into_iter().collect())
}

/// Sets and removes labels as an operator.
pub(super) fn change(
    transaction: &mut Transaction<'_>,
    host: &str,
    change: &LabelChange,
) -> Result<(), ChangeError> {
    let sql = transaction.sql;
    record::existing(sql, host)?;
    for key in &change.remove {
        sql.run("DELETE FROM labels WHERE host = ? AND key = ?", params![host, key.as_str()])?;
    }
    for (key, value) in &change.set {
        set(sql, host, key.as_str(), value.as_str(), LabelSource::Operator)?;
    }
    let given = sql.first(
        "SELECT count(*) FROM labels WHERE host = ? AND source <> 'fact'",
        params![host],
        |row| row.get::<_, u32>(0),
    )?;
    if given.is_some_and(|given| given as usize > MAX_LABELS) {
        return Err(too_many_labels(host).into());
    }
    transaction.effects.relabeled.push(host.to_owned());
    Ok(())
}

/// Sets the labels that follow from a host's facts, and removes those that do no longer. A label of
/// a token or an operator stays. Returns whether anything changed.
pub(in crate::store::sqlite) fn from_facts(
    sql: &Connection,
    host: &str,
    labels: &FactLabels,
) -> rusqlite::Result<bool> {
    let mut changes = 0;
    for (key, label) in of(sql, host)? {
        let stays = labels.set.keys().chain(&labels.keep).any(|kept| kept.as_str() == key);
        if label.source == LabelSource::Fact && !stays {
            changes +=
                sql.run("DELETE FROM labels WHERE host = ? AND key = ?", params![host, key])?;
        }
    }
    for (key, value) in &labels.set {
        changes += sql.run(
            "INSERT INTO labels (host, key, value, source, number) \
             VALUES (?1, ?2, ?3, 'fact', (SELECT number FROM hosts WHERE id = ?1)) \
             ON CONFLICT (host, key) DO UPDATE SET value = ?3 \
             WHERE source = 'fact' AND value <> ?3",
            params![host, key.as_str(), value.as_str()],
        )?;
    }
    Ok(changes > 0)
}
