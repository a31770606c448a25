//! The labels of hosts, in the table `labels`.

use super::record;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::column::{count, parsed};
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::{FactLabels, HostRow, Label, LabelChange, source_named, too_many_labels};
use fleet::{Labels, MAX_LABELS};
use std::collections::HashMap;

/// Gives a new host the labels of its join token.
pub(super) async fn of_token(sql: &Sql, host: &str, labels: &Labels) -> Result<(), DbError> {
    let pairs = labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    set(sql, host, pairs.unzip(), "token").await
}

/// Sets labels, whoever set them before.
async fn set(
    sql: &Sql,
    host: &str,
    (keys, values): (Vec<&str>, Vec<&str>),
    source: &str,
) -> Result<(), DbError> {
    if keys.is_empty() {
        return Ok(());
    }
    sql.run(
        "INSERT INTO labels (host, key, value, source) SELECT $1, key, value, $4 \
         FROM unnest($2::text[], $3::text[]) AS given (key, value) \
         ON CONFLICT (host, key) DO UPDATE SET value = excluded.value, source = excluded.source \
         WHERE labels.value <> excluded.value OR labels.source <> excluded.source",
        params![host, keys, values, source],
    )
    .await?;
    Ok(())
}

/// Adds their labels to some hosts.
pub(super) async fn add(sql: &Sql, hosts: &mut [HostRow]) -> Result<(), DbError> {
    let ids: Vec<&str> = hosts.iter().map(|host| &*host.identity.id).collect();
    let rows: Vec<(String, String, Label)> = sql
        .all(
            "SELECT host, key, value, source FROM labels WHERE host = ANY ($1)",
            params![ids],
            |row| {
                let source = parsed(row, 3, |text| source_named(text).ok_or("not a source"))?;
                Ok((row.try_get(0)?, row.try_get(1)?, Label { value: row.try_get(2)?, source }))
            },
        )
        .await?;
    let mut of_hosts: HashMap<String, Vec<(String, Label)>> = HashMap::new();
    for (host, key, label) in rows {
        of_hosts.entry(host).or_default().push((key, label));
    }
    for host in hosts {
        let labels = of_hosts.remove(&host.identity.id);
        host.labels = labels.unwrap_or_default().into_iter().collect();
    }
    Ok(())
}

/// Sets and removes labels as an operator.
pub(super) async fn change(
    transaction: &mut Transaction,
    host: &str,
    change: &LabelChange,
) -> Result<(), ChangeError> {
    let sql = &transaction.sql;
    record::existing(sql, host).await?;
    if !change.remove.is_empty() {
        let keys: Vec<&str> = change.remove.iter().map(|key| key.as_str()).collect();
        let delete = "DELETE FROM labels WHERE host = $1 AND key = ANY ($2)";
        sql.run(delete, params![host, keys]).await?;
    }
    let pairs = change.set.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    set(sql, host, pairs.unzip(), "operator").await?;
    let read = "SELECT count(*) FROM labels WHERE host = $1 AND source <> 'fact'";
    let given = sql.first(read, params![host], |row| count(row, 0)).await?;
    if given > Some(MAX_LABELS as u64) {
        return Err(too_many_labels(host).into());
    }
    transaction.effects.relabeled.push(host.to_owned());
    Ok(())
}

/// Sets the labels that follow from a host's facts, and removes those that do no longer. A label of
/// a token or an operator stays. Returns whether anything changed.
pub(in crate::store::postgres) async fn from_facts(
    sql: &Sql,
    host: &str,
    labels: &FactLabels,
) -> Result<bool, DbError> {
    let kept: Vec<&str> = labels.set.keys().chain(&labels.keep).map(|key| key.as_str()).collect();
    let removed = sql
        .run(
            "DELETE FROM labels WHERE host = $1 AND source = 'fact' AND key <> ALL ($2)",
            params![host, kept],
        )
        .await?;
    let pairs = labels.set.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let (keys, values): (Vec<&str>, Vec<&str>) = pairs.unzip();
    let set = sql
        .run(
            "INSERT INTO labels (host, key, value, source) SELECT $1, key, value, 'fact' \
             FROM unnest($2::text[], $3::text[]) AS given (key, value) \
             ON CONFLICT (host, key) DO UPDATE SET value = excluded.value \
             WHERE labels.source = 'fact' AND labels.value <> excluded.value",
            params![host, keys, values],
        )
        .await?;
    Ok(removed + set > 0)
}
