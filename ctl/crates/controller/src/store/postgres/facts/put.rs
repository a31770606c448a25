//! Writes a host's facts within one transaction.
//!
//! It holds the host's row, so that two rounds of one host come one after the other, and no host is
//! removed while its facts are written.

use super::documents::{self, New};
use super::sweep;
use crate::store::documents::{MAX_MESSAGE, Newest, Prepared};
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::error::DbError;
use crate::store::postgres::hosts::labels;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{params, text};
use crate::store::{DocumentNumber, FactAnswer, HostAnswers, StoreError, StoredAnswers};
use fleet::UnixMillis;
use std::collections::{HashMap, HashSet};

const PUT_NEWEST: &str = "\
    INSERT INTO fact_newest (host, method, at, digest, size, body) \
    SELECT $1::bigint, method, $2::bigint, digest, size, body \
    FROM unnest($3::integer[], $4::bytea[], $5::bigint[], $6::bytea[]) \
    AS n (method, digest, size, body) ON CONFLICT (host, method) DO UPDATE \
    SET at = excluded.at, digest = excluded.digest, size = excluded.size, body = excluded.body";

const PUT_SPANS: &str = "\
    INSERT INTO fact_spans (host, method, since, document) SELECT $1::bigint, method, since, document \
    FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS n (method, since, document)";

const PUT_FAILURES: &str = "\
    INSERT INTO fact_failures (host, method, since, retcode, message) \
    SELECT $1::bigint, method, $2::bigint, retcode, message \
    FROM unnest($3::integer[], $4::integer[], $5::text[]) AS n (method, retcode, message) \
    ON CONFLICT (host, method) DO UPDATE \
    SET retcode = excluded.retcode, message = excluded.message";

/// A host's fact as it is now.
struct Current {
    since: UnixMillis,
    document: Option<DocumentNumber>,
}

/// A round of answers, by what becomes of them; a method is its number.
#[derive(Default)]
struct Round<'a> {
    /// Methods with their names whose document, or its lack, is known now.
    known: Vec<(i32, &'a str)>,
    documents: New<'a>,
    unchanged: Vec<i32>,
    failed: Vec<i32>,
    retcodes: Vec<i32>,
    messages: Vec<String>,
}

/// Writes all answers.
pub(super) async fn put(
    transaction: &mut Transaction,
    answers: &HostAnswers,
    prepared: &Prepared,
    max_bytes: i64,
) -> Result<StoredAnswers, ChangeError> {
    let (sql, now) = (&transaction.sql, answers.now);
    let host: Option<i64> = sql
        .first(
            "SELECT number FROM hosts WHERE id = $1 FOR NO KEY UPDATE",
            params![answers.host],
            |row| Ok(row.try_get(0)?),
        )
        .await?;
    let host = host.ok_or_else(|| StoreError::missing("host", &answers.host))?;
    let current = current(sql, host).await?;
    let methods = methods(sql, answers).await?;
    let round = round(answers, prepared, &methods);
    newest(sql, host, &round, now).await?;
    failures(sql, host, &round, now).await?;
    let changed = spans(sql, host, &round, current, now).await?;
    sql.run(
        "INSERT INTO fact_rounds (host, at) VALUES ($1, $2) \
         ON CONFLICT (host) DO UPDATE SET at = excluded.at",
        params![host, now],
    )
    .await?;
    let labels = labels::from_facts(sql, &answers.host, &answers.labels).await?;
    sweep::keep_within(sql, max_bytes).await?;
    if !changed.is_empty() {
        transaction.effects.new_facts.push(answers.host.clone());
    }
    if labels {
        transaction.effects.relabeled.push(answers.host.clone());
    }
    Ok(StoredAnswers { changed, labels })
}

async fn current(sql: &Sql, host: i64) -> Result<HashMap<i32, Current>, DbError> {
    let rows = sql
        .all(
            "SELECT method, since, document FROM fact_spans WHERE host = $1 AND until IS NULL",
            params![host],
            |row| {
                Ok((row.try_get(0)?, Current { since: row.try_get(1)?, document: row.try_get(2)? }))
            },
        )
        .await?;
    Ok(rows.into_iter().collect())
}

/// Returns the numbers of the answers' methods, each of which has one from its first answer on.
async fn methods(sql: &Sql, answers: &HostAnswers) -> Result<HashMap<String, i32>, DbError> {
    let names: Vec<&str> = answers.answers.keys().map(String::as_str).collect();
    if names.is_empty() {
        return Ok(HashMap::new());
    }
    let find = async || -> Result<HashMap<String, i32>, DbError> {
        let find = "SELECT name, number FROM fact_methods WHERE name = ANY ($1)";
        let found =
            sql.all(find, params![names], |row| Ok((row.try_get(0)?, row.try_get(1)?))).await?;
        Ok(found.into_iter().collect())
    };
    let found = find().await?;
    let is_new = |name: &&&str| !found.contains_key(**name);
    let new: Vec<&str> = names.iter().filter(is_new).copied().collect();
    if new.is_empty() {
        return Ok(found);
    }
    sql.run(
        "INSERT INTO fact_methods (name) SELECT name FROM unnest($1::text[]) AS n (name) \
         ORDER BY name ON CONFLICT (name) DO NOTHING",
        params![new],
    )
    .await?;
    find().await
}

fn round<'a>(
    answers: &'a HostAnswers,
    prepared: &'a Prepared,
    methods: &HashMap<String, i32>,
) -> Round<'a> {
    let mut round = Round::default();
    for (name, answer) in &answers.answers {
        let Some(method) = methods.get(name).copied() else { continue };
        match answer {
            FactAnswer::Facts { .. } => {
                round.known.push((method, name));
                if let Some(new) = prepared.documents.get(name) {
                    round.documents.insert(method, new);
                }
            }
            FactAnswer::Absent => round.known.push((method, name)),
            FactAnswer::Unchanged => round.unchanged.push(method),
            FactAnswer::Failed { retcode, message } => {
                let message: String = message.chars().take(MAX_MESSAGE).collect();
                round.failed.push(method);
                round.retcodes.push(i32::from(*retcode));
                round.messages.push(text::without_nul(&message).into_owned());
            }
        }
    }
    round
}

/// Stores the newest whole answers or their digests, and none where it is the document.
async fn newest(sql: &Sql, host: i64, round: &Round<'_>, now: UnixMillis) -> Result<(), DbError> {
    let (mut methods, mut digests, mut sizes, mut bodies) = (vec![], vec![], vec![], vec![]);
    for (method, new) in &round.documents {
        let (digest, size, body) = match &new.newest {
            Some(Newest::Whole(body, size)) => {
                (None, Some(i64::try_from(*size).unwrap_or(i64::MAX)), Some(&body[..]))
            }
            Some(Newest::Digest(digest)) => (Some(&digest.as_bytes()[..]), None, None),
            None => continue,
        };
        methods.push(*method);
        digests.push(digest);
        sizes.push(size);
        bodies.push(body);
    }
    let known = round.known.iter().map(|(method, _)| *method);
    let gone: Vec<i32> = known.filter(|method| !methods.contains(method)).collect();
    if !gone.is_empty() {
        let delete = "DELETE FROM fact_newest WHERE host = $1 AND method = ANY ($2)";
        sql.run(delete, params![host, gone]).await?;
    }
    if !methods.is_empty() {
        sql.run(PUT_NEWEST, params![host, now, methods, digests, sizes, bodies]).await?;
    }
    if !round.unchanged.is_empty() {
        let update = "UPDATE fact_newest SET at = $3 WHERE host = $1 AND method = ANY ($2)";
        sql.run(update, params![host, round.unchanged, now]).await?;
    }
    Ok(())
}

/// Notes the providers that fail, and forgets the failures of the others that were asked.
async fn failures(sql: &Sql, host: i64, round: &Round<'_>, now: UnixMillis) -> Result<(), DbError> {
    let known = round.known.iter().map(|(method, _)| *method);
    let work: Vec<i32> = known.chain(round.unchanged.iter().copied()).collect();
    if !work.is_empty() {
        let delete = "DELETE FROM fact_failures WHERE host = $1 AND method = ANY ($2)";
        sql.run(delete, params![host, work]).await?;
    }
    if !round.failed.is_empty() {
        let Round { failed, retcodes, messages, .. } = round;
        sql.run(PUT_FAILURES, params![host, now, failed, retcodes, messages]).await?;
    }
    Ok(())
}

/// Notes which documents the host has; returns the methods of those that are others than before.
async fn spans(
    sql: &Sql,
    host: i64,
    round: &Round<'_>,
    mut current: HashMap<i32, Current>,
    now: UnixMillis,
) -> Result<Vec<String>, ChangeError> {
    let has: HashSet<DocumentNumber> = current.values().filter_map(|fact| fact.document).collect();
    let numbers = documents::store(sql, &round.documents, &has).await?;
    let (mut ended, mut changed) = (Vec::new(), Vec::new());
    let (mut methods, mut sinces, mut documents) = (Vec::new(), Vec::new(), Vec::new());
    for (method, name) in &round.known {
        let document = numbers.get(method).copied();
        let before = current.remove(method);
        if before.as_ref().is_some_and(|before| before.document == document) {
            continue;
        }
        // A clock that was set back makes a fact last a millisecond.
        sinces.push(before.as_ref().map_or(now, |before| now.max(before.since + 1)));
        ended.extend(before.map(|_| *method));
        methods.push(*method);
        documents.push(document);
        changed.push((*name).to_owned());
    }
    for method in round.unchanged.iter().chain(&round.failed) {
        current.remove(method);
    }
    // What is not asked for anymore.
    ended.extend(current.into_keys());
    if !ended.is_empty() {
        sql.run(
            "UPDATE fact_spans SET until = greatest($3::bigint, since + 1) \
             WHERE host = $1 AND method = ANY ($2) AND until IS NULL",
            params![host, ended, now],
        )
        .await?;
    }
    if !methods.is_empty() {
        sql.run(PUT_SPANS, params![host, methods, sinces, documents]).await?;
    }
    Ok(changed)
}
