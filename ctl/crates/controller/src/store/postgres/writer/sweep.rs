//! Deletes expired rows.

use super::{Writer, expire};
use crate::store::clock::{Clock, Verdict};
use crate::store::milliseconds;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::core::Core;
use crate::store::postgres::lock::Lock;
use crate::store::postgres::{clock, column, facts, params, runs, schedules, usage};
use crate::store::usage::Usage;
use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The interval between two searches for expired rows.
const SWEEP: Duration = Duration::from_secs(24 * 3600);

/// The time after which a node that does not lead looks whether it does.
const FOLLOWER: Duration = Duration::from_secs(10 * 60);

/// Results deleted in one transaction; new ones are stored in between.
const MAX_SWEPT: i64 = 1024;

/// Deletes the oldest results and returns what they occupied.
const DELETE: &str = "\
    DELETE FROM results WHERE sequence IN \
    (SELECT sequence FROM results WHERE received < $1 ORDER BY received LIMIT $2) \
    RETURNING host, octet_length(event)::bigint";

impl Writer {
    /// Deletes some expired rows and schedules the next sweep.
    pub(super) async fn sweep(&mut self, now: SystemTime) {
        self.next_sweep = match self.delete_old(now).await {
            // More may be left: continue at once, but after what came meanwhile.
            Ok(true) => Instant::now(),
            Ok(false) if self.core.nodes.leads() => Instant::now() + SWEEP,
            Ok(false) => Instant::now() + FOLLOWER,
            Err(error) => {
                self.count(false);
                log::warn!("cannot delete expired rows, retrying tomorrow: {error}");
                Instant::now() + SWEEP
            }
        };
        let (usage, bounds) = (self.core.usage.lock(), &self.core.bounds);
        let hosts = self.refused.ask_again(|host, cost| {
            usage.as_ref().and_then(|usage| usage.full(bounds, host, cost))
        });
        if hosts > 0 {
            log::info!("{hosts} hosts have room for results again; their agents redeliver them");
        }
    }

    /// Deletes some expired rows, unless the clock is doubted; returns whether there may be
    /// more.
    async fn delete_old(&mut self, now: SystemTime) -> Result<bool, ChangeError> {
        if !self.core.nodes.leads() {
            return Ok(false);
        }
        let verdict = self.clock.judge(milliseconds(now));
        if verdict == Verdict::Doubt {
            log::warn!(
                "the clock is far from the newest result, or from the last time that results were \
                 deleted for their age: none is deleted before the clock has been consistent for \
                 a day"
            );
        }
        let mut transaction = self.core.try_begin().await?;
        match some(&self.core, &self.clock, &mut transaction, verdict, now).await {
            Ok(more) => {
                self.core.commit(transaction).await.map_err(|error| error.into_inner())?;
                self.count(true);
                Ok(more)
            }
            Err(error) => {
                transaction.roll_back().await;
                Err(error)
            }
        }
    }
}

async fn some(
    core: &Core,
    clock: &Clock,
    transaction: &mut Transaction,
    verdict: Verdict,
    now: SystemTime,
) -> Result<bool, ChangeError> {
    let sql = &transaction.sql;
    clock::save(sql, clock).await?;
    if verdict != Verdict::Sweep {
        return Ok(false);
    }
    let before = |keep| milliseconds(now.checked_sub(keep).unwrap_or(UNIX_EPOCH));
    let mut more = results(core, transaction, before(core.bounds.keep)).await?;
    let (at, most_targets) = (milliseconds(now), core.bounds.most_targets());
    more |= facts::sweep::some(&transaction.sql, before(core.bounds.keep_facts)).await?;
    more |= schedules::delete_old(&transaction.sql, at).await?;
    more |= expire::some(transaction, at).await?;
    // Last, and the audit log behind it: whoever changes a run or a target waits for it.
    more |= runs::delete_old(transaction, at, before(core.bounds.keep_runs), most_targets).await?;
    more |= expire::events(transaction, at, before(core.bounds.keep_events)).await?;
    Ok(more)
}

/// Deletes some results; returns whether there may be more.
async fn results(
    core: &Core,
    transaction: &mut Transaction,
    oldest: i64,
) -> Result<bool, ChangeError> {
    let sql = &transaction.sql;
    core.known_usage(sql).await?;
    Lock::Results.take(sql).await?;
    let deleted: Vec<(String, u64)> = sql
        .all(DELETE, params![oldest, MAX_SWEPT], |row| {
            Ok((row.try_get(0)?, column::count(row, 1)?))
        })
        .await?;
    let changes: Vec<(String, i64)> = {
        let mut usage = core.usage.lock();
        let usage = usage.get_or_insert_with(|| Usage::of(HashMap::new()));
        for (host, bytes) in &deleted {
            usage.delete(host, Usage::cost(*bytes));
        }
        usage.changes().map(|(host, bytes)| (host.to_owned(), bytes)).collect()
    };
    let written: Vec<_> = changes.iter().map(|(host, bytes)| (&**host, *bytes)).collect();
    usage::write(sql, &written).await?;
    sql.run(
        "DELETE FROM usage WHERE bytes = 0 AND host IN \
         (SELECT host FROM unnest($1::text[]) AS emptied (host))",
        params![deleted.iter().map(|(host, _)| &**host).collect::<Vec<&str>>()],
    )
    .await?;
    transaction.effects.usage.extend(changes);
    Ok(i64::try_from(deleted.len()).unwrap_or(MAX_SWEPT) >= MAX_SWEPT)
}
