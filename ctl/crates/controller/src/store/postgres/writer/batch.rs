//! Stores a batch of results within a transaction.

use crate::store::Arrival;
use crate::store::arrival::digest_of;
use crate::store::postgres::change::Transaction;
use crate::store::postgres::core::Core;
use crate::store::postgres::error::DbError;
use crate::store::postgres::lock::Lock;
use crate::store::postgres::runs::{self, Told};
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{column, params, usage};
use crate::store::usage::{Fate, Usage};
use std::collections::{HashMap, HashSet};

/// A result, by what makes it one of its own.
type Key<'a> = (&'a str, &'a str, [u8; 32]);

/// A result to store.
pub(super) struct Item<'a> {
    key: Key<'a>,
    kind: &'static str,
    event: &'a str,
}

impl<'a> Item<'a> {
    /// Returns what an arrival brings.
    pub(super) fn of(arrival: &'a Arrival) -> Self {
        let Arrival { host, task, kind, event, .. } = arrival;
        Self { key: (host, task, digest_of(event)), kind: kind.method(), event }
    }

    fn cost(&self) -> u64 {
        Usage::cost(self.event.len() as u64)
    }
}

/// Numbers results in the order in which they came, and returns those that were not there already.
const INSERT: &str = "\
    WITH arrived AS MATERIALIZED ( \
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[]) \
        WITH ORDINALITY AS a (host, task, kind, event, digest, place) \
    ), stored AS ( \
        INSERT INTO results (host, task, kind, received, event, digest) \
        SELECT host, task, kind, $6, event, digest FROM arrived ORDER BY place \
        ON CONFLICT (host, task, digest) DO NOTHING \
        RETURNING host, task, digest, sequence \
    ) SELECT host, task, digest, sequence FROM stored";

const FIND: &str = "\
    SELECT r.host, r.task, r.digest, r.sequence \
    FROM unnest($1::text[], $2::text[], $3::bytea[]) AS a (host, task, digest) \
    JOIN results r ON r.host = a.host AND r.task = a.task AND r.digest = a.digest";

/// Stores each result that there is room for, as received at this time.
pub(super) async fn store(
    core: &Core,
    transaction: &mut Transaction,
    items: &[Item<'_>],
    received: i64,
) -> Result<Vec<Fate>, DbError> {
    let sql = &transaction.sql;
    core.known_usage(sql).await?;
    Lock::Results.take(sql).await?;
    let mut fates = fates(core, items, &HashSet::new());
    if fates.iter().any(|fate| *fate != Fate::Stored) {
        // What is there already needs no room.
        let known = find(sql, items).await?;
        let known = known.iter().map(|(host, task, digest)| (&**host, &**task, *digest)).collect();
        fates = self::fates(core, items, &known);
    }
    let mut room = (0..items.len()).filter(|place| fates[*place] == Fate::Stored).peekable();
    if room.peek().is_some() {
        let places: Vec<usize> = room.collect();
        let new = insert(sql, items, &places, received).await?;
        let changes = count(core, items, &new);
        let written: Vec<_> = changes.iter().map(|(host, bytes)| (&**host, *bytes)).collect();
        usage::write(sql, &written).await?;
        if transaction.node.is_some() {
            let stored = new.keys().map(|place| items[*place].key);
            let stored = stored.map(|(host, task, _)| (host.to_owned(), task.to_owned()));
            transaction.effects.results.extend(stored);
            transaction.effects.usage.extend(changes);
        }
        let told: Vec<Told<'_>> = places.iter().map(|place| told(items, &new, *place)).collect();
        runs::arrived(transaction, &told, received).await?;
    }
    Ok(fates)
}

/// Returns a result as the run needs it that it may belong to.
fn told<'a>(items: &[Item<'a>], new: &HashMap<usize, i64>, place: usize) -> Told<'a> {
    let Item { key: (host, task, digest), event, .. } = items[place];
    Told { host, task, event, digest, sequence: new.get(&place).copied() }
}

/// Says which results there is room for, if those that are `known` are there already and all others
/// are new.
fn fates(core: &Core, items: &[Item<'_>], known: &HashSet<Key<'_>>) -> Vec<Fate> {
    let mut usage = core.usage.lock();
    let usage = usage.get_or_insert_with(|| Usage::of(HashMap::new()));
    let mut stored = HashSet::new();
    let mut fates = Vec::with_capacity(items.len());
    for item in items {
        if known.contains(&item.key) || stored.contains(&item.key) {
            fates.push(Fate::Stored);
            continue;
        }
        let (host, cost) = (item.key.0, item.cost());
        fates.push(match usage.full(&core.bounds, host, cost) {
            Some(full) => Fate::Refused(full),
            None => {
                usage.add(host, cost);
                stored.insert(item.key);
                Fate::Stored
            }
        });
    }
    usage.rolled_back();
    fates
}

/// Finds the results that are there already.
async fn find(sql: &Sql, items: &[Item<'_>]) -> Result<Vec<(String, String, [u8; 32])>, DbError> {
    let hosts: Vec<&str> = items.iter().map(|item| item.key.0).collect();
    let tasks: Vec<&str> = items.iter().map(|item| item.key.1).collect();
    let digests: Vec<&[u8]> = items.iter().map(|item| &item.key.2[..]).collect();
    sql.all(FIND, params![hosts, tasks, digests], |row| {
        Ok((row.try_get(0)?, row.try_get(1)?, *column::digest(row, 2)?.as_bytes()))
    })
    .await
}

/// Inserts the results at these places; returns which of them are new, with their numbers.
async fn insert(
    sql: &Sql,
    items: &[Item<'_>],
    places: &[usize],
    received: i64,
) -> Result<HashMap<usize, i64>, DbError> {
    let of = |place: &usize| &items[*place];
    let hosts: Vec<&str> = places.iter().map(|place| of(place).key.0).collect();
    let tasks: Vec<&str> = places.iter().map(|place| of(place).key.1).collect();
    let kinds: Vec<&str> = places.iter().map(|place| of(place).kind).collect();
    let events: Vec<&str> = places.iter().map(|place| of(place).event).collect();
    let digests: Vec<&[u8]> = places.iter().map(|place| &of(place).key.2[..]).collect();
    let values = params![hosts, tasks, kinds, events, digests, received];
    let stored = sql
        .all(INSERT, values, |row| {
            Ok((
                row.try_get(0)?,
                row.try_get(1)?,
                *column::digest(row, 2)?.as_bytes(),
                row.try_get(3)?,
            ))
        })
        .await?;
    let stored: Vec<(String, String, [u8; 32], i64)> = stored;
    let numbers: HashMap<Key<'_>, i64> = stored
        .iter()
        .map(|(host, task, digest, sequence)| ((&**host, &**task, *digest), *sequence))
        .collect();
    let mut new = HashMap::new();
    let mut first = HashSet::new();
    for place in places {
        if let Some(sequence) = numbers.get(&of(place).key)
            && first.insert(&of(place).key)
        {
            new.insert(*place, *sequence);
        }
    }
    Ok(new)
}

/// Counts what the new results occupy; returns what that changes.
fn count(core: &Core, items: &[Item<'_>], new: &HashMap<usize, i64>) -> Vec<(String, i64)> {
    let mut usage = core.usage.lock();
    let usage = usage.get_or_insert_with(|| Usage::of(HashMap::new()));
    for place in new.keys() {
        usage.add(items[*place].key.0, items[*place].cost());
    }
    usage.changes().map(|(host, bytes)| (host.to_owned(), bytes)).collect()
}
