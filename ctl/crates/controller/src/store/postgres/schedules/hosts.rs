//! The attempts to put schedules on hosts. No row counts them: every host would change that row.

use crate::store::postgres::change::ChangeError;
use crate::store::postgres::column::{count, parsed};
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{limit, params, text};
use crate::store::{ScheduleCount, ScheduleHost, ScheduleNote};
use fleet::UnixMillis;
use fleet::schedule::standing::Outcome;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tokio_postgres::Row;

const HOST_COLUMNS: &str = "schedule, host, outcome, tried, applied, why, since, drift, drift_at";

const TRIED: &str = "\
    INSERT INTO schedule_hosts AS h \
    (schedule, host, outcome, tried, applied, why, since, drift, drift_at) \
    SELECT schedule, $1, outcome, tried, applied, why, $2::bigint, drift, \
    CASE WHEN drift IS NOT NULL THEN $2 END \
    FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) \
    AS n (schedule, outcome, tried, applied, why, drift) ORDER BY schedule \
    ON CONFLICT (schedule, host) DO UPDATE SET \
    since = CASE WHEN h.outcome = excluded.outcome AND h.tried = excluded.tried THEN h.since \
    ELSE excluded.since END, \
    outcome = excluded.outcome, tried = excluded.tried, applied = excluded.applied, \
    why = excluded.why, drift = coalesce(excluded.drift, h.drift), \
    drift_at = coalesce(excluded.drift_at, h.drift_at)";

/// Returns a page of a schedule's hosts.
pub(super) async fn page(
    sql: &Sql,
    name: &str,
    only: Option<Outcome>,
    after: &str,
    most: usize,
) -> Result<Vec<ScheduleHost>, DbError> {
    let of = if only.is_some() { "AND outcome = $4 " } else { "" };
    let text = format!(
        "SELECT {HOST_COLUMNS} FROM schedule_hosts \
         WHERE schedule = $1 AND host > $2 {of}ORDER BY host LIMIT $3"
    );
    let most = limit(most);
    match only {
        None => sql.all(&text, params![name, after, most], host_row).await,
        Some(only) => sql.all(&text, params![name, after, most, only.name()], host_row).await,
    }
}

/// Counts a schedule's hosts by outcome and revision.
pub(super) async fn counts(sql: &Sql, name: &str) -> Result<Vec<ScheduleCount>, DbError> {
    sql.all(
        "SELECT outcome, tried, count(*) FROM schedule_hosts WHERE schedule = $1 \
         GROUP BY outcome, tried ORDER BY outcome, tried",
        params![name],
        |row| {
            Ok(ScheduleCount {
                outcome: outcome(row, 0)?,
                tried: row.try_get(1)?,
                hosts: count(row, 2)?,
            })
        },
    )
    .await
}

/// Returns what was tried on a host.
pub(super) async fn of_host(sql: &Sql, host: &str) -> Result<Vec<ScheduleHost>, DbError> {
    let text =
        format!("SELECT {HOST_COLUMNS} FROM schedule_hosts WHERE host = $1 ORDER BY schedule");
    sql.all(&text, params![host], host_row).await
}

/// Notes what attempts on a host came to; the last one with each schedule counts.
pub(super) async fn noted(
    sql: &Sql,
    host: &str,
    notes: &[ScheduleNote],
    now: UnixMillis,
) -> Result<(), ChangeError> {
    // The host may have been removed meanwhile, and its rows with it; it stays until the commit.
    let known = sql
        .first("SELECT 1 FROM hosts WHERE id = $1 FOR KEY SHARE", params![host], |_| Ok(()))
        .await?;
    if known.is_none() {
        return Ok(());
    }
    let mut gone: Vec<&str> = Vec::new();
    let mut last: BTreeMap<&str, &ScheduleNote> = BTreeMap::new();
    for note in notes {
        let (ScheduleNote::Gone { schedule } | ScheduleNote::Tried { schedule, .. }) = note;
        last.insert(schedule, note);
    }
    let mut tried = Tried::default();
    for note in last.into_values() {
        match note {
            ScheduleNote::Gone { schedule } => gone.push(schedule),
            ScheduleNote::Tried { schedule, outcome, tried: revision, applied, why, drift } => {
                tried.schedules.push(schedule);
                tried.outcomes.push(outcome.name());
                tried.revisions.push(revision);
                tried.applied.push(applied.as_deref());
                tried.whys.push(why.as_deref().map(text::without_nul));
                tried.drifts.push(drift.as_deref().map(text::without_nul));
            }
        }
    }
    if !gone.is_empty() {
        sql.run(
            "DELETE FROM schedule_hosts WHERE host = $1 AND schedule = ANY($2)",
            params![host, gone],
        )
        .await?;
    }
    if !tried.schedules.is_empty() {
        let Tried { schedules, outcomes, revisions, applied, whys, drifts } = tried;
        let values = params![host, now, schedules, outcomes, revisions, applied, whys, drifts];
        sql.run(TRIED, values).await?;
    }
    Ok(())
}

/// The columns of notes.
#[derive(Default)]
struct Tried<'a> {
    schedules: Vec<&'a str>,
    outcomes: Vec<&'a str>,
    revisions: Vec<&'a str>,
    applied: Vec<Option<&'a str>>,
    whys: Vec<Option<Cow<'a, str>>>,
    drifts: Vec<Option<Cow<'a, str>>>,
}

/// Forgets what was tried on a host that is removed.
pub(in crate::store::postgres) async fn forget_host(sql: &Sql, host: &str) -> Result<(), DbError> {
    sql.run("DELETE FROM schedule_hosts WHERE host = $1", params![host]).await?;
    Ok(())
}

fn host_row(row: &Row) -> Result<ScheduleHost, DbError> {
    Ok(ScheduleHost {
        schedule: row.try_get(0)?,
        host: row.try_get(1)?,
        outcome: outcome(row, 2)?,
        tried: row.try_get(3)?,
        applied: row.try_get(4)?,
        why: row.try_get(5)?,
        since: row.try_get(6)?,
        drift: row.try_get(7)?,
        drift_at: row.try_get(8)?,
    })
}

fn outcome(row: &Row, column: usize) -> Result<Outcome, DbError> {
    parsed(row, column, |text| Outcome::named(text).ok_or("not an outcome"))
}
