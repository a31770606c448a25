//! Deletes runs that are too old, with their targets, and plans that nobody applied.

use super::query;
use super::record;
use crate::store::StopRun;
use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::sqlite::sql::Sql as _;
use fleet::run::RunEnd;
use fleet::{DAY, UnixMillis};
use rusqlite::{Connection, params};

/// Targets deleted in one transaction.
const MAX_DELETED: i64 = 1024;

/// Plans ended in one transaction.
const MAX_ENDED: i64 = 64;

/// Minutes of which the first change is forgotten in one transaction.
const MAX_MINUTES: i64 = 1024;

/// How long a plan that nobody applied can be looked at after its end.
const PLAN_KEPT: UnixMillis = DAY;

/// Deletes some of what is too old: plans, as [`make_room`], and runs that ended before `oldest`.
/// Returns whether there may be more.
pub(in crate::store::sqlite) fn delete_old(
    transaction: &mut Transaction<'_>,
    now: UnixMillis,
    oldest: UnixMillis,
    most: i64,
) -> Result<bool, ChangeError> {
    let mut more = make_room(transaction, now, most)?;
    let sql = transaction.sql;
    if let Some(number) = sql.first(
        "SELECT number FROM runs WHERE state = 'ended' AND ended_at < ? ORDER BY ended_at LIMIT 1",
        params![oldest],
        |row| row.get(0),
    )? {
        delete(sql, number)?;
        more = true;
    }
    sql.run(
        "DELETE FROM change_minutes WHERE minute IN \
         (SELECT minute FROM change_minutes WHERE minute < ? ORDER BY minute LIMIT ?)",
        params![oldest / 60_000, MAX_MINUTES],
    )?;
    Ok(more)
}

/// Ends the plans that nobody applied in time, and deletes some targets of those that ended a day
/// ago, and of the oldest ended run while there are more than `most`. Each part of a new plan does
/// that first: plans of a whole fleet that are only looked at would fill the disk within a day. Returns
/// whether there may be more.
pub(super) fn make_room(
    transaction: &mut Transaction<'_>,
    now: UnixMillis,
    most: i64,
) -> Result<bool, ChangeError> {
    let sql = transaction.sql;
    let expired: Vec<String> = sql.all(
        "SELECT id FROM runs WHERE state = 'planned' AND valid_until < ? \
         ORDER BY valid_until LIMIT ?",
        params![now, MAX_ENDED],
        |row| row.get(0),
    )?;
    for id in &expired {
        let why = "nobody applied the plan in time".to_owned();
        let stop = StopRun { end: RunEnd::Expired, why: Some(why), at: now };
        let plan = query::existing(sql, id)?;
        // One that is just being made, or was when the controller ended.
        if plan.valid_until > 0 || plan.created_at < now - DAY {
            record::end_plan(transaction, &plan, &stop)?;
        }
    }
    let stored = sql.first("SELECT targets FROM target_changes", [], |row| row.get::<_, i64>(0))?;
    let full = stored.unwrap_or_default() > most;
    let mut more = false;
    for (text, before) in [
        (
            "SELECT number FROM runs WHERE state = 'ended' AND ended_at < ? \
             ORDER BY ended_at LIMIT 1",
            if full { now } else { UnixMillis::MIN },
        ),
        (
            "SELECT number FROM runs WHERE state = 'ended' AND applied_at IS NULL \
             AND ended_at < ? ORDER BY ended_at LIMIT 1",
            now - PLAN_KEPT,
        ),
    ] {
        if let Some(number) = sql.first(text, params![before], |row| row.get(0))? {
            delete(sql, number)?;
            more = true;
        }
    }
    Ok(more || expired.len() >= usize::try_from(MAX_ENDED).unwrap_or(usize::MAX))
}

/// Deletes some targets of a run; with the last of them, the run.
fn delete(sql: &Connection, number: i64) -> rusqlite::Result<()> {
    let deleted = sql.run(
        "DELETE FROM targets WHERE run = ?1 AND position IN \
         (SELECT position FROM targets WHERE run = ?1 ORDER BY position LIMIT ?2)",
        params![number, MAX_DELETED],
    )?;
    let deleted = i64::try_from(deleted).unwrap_or(MAX_DELETED);
    sql.run("UPDATE target_changes SET targets = max(targets - ?, 0)", params![deleted])?;
    if deleted < MAX_DELETED {
        sql.run("DELETE FROM left_out WHERE run = ?", params![number])?;
        sql.run("DELETE FROM target_counts WHERE run = ?", params![number])?;
        sql.run("DELETE FROM runs WHERE number = ?", params![number])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Bounds;
    use crate::store::conformance::runs::{NOW, applied, plan};
    use crate::store::sqlite::SqliteStore;
    use crate::store::{MoveTo, NewPlan, Runs as _, TargetMove};
    use fleet::run::{End, EndState};
    use test_support::Scratch;

    #[tokio::test]
    async fn a_new_plan_ends_those_that_nobody_applied_and_makes_room_for_itself() {
        let scratch = Scratch::new("controller-store");
        let bounds = Bounds { max_run_bytes: 0, ..Bounds::generous() };
        let store = SqliteStore::open(scratch.path(), bounds).unwrap();
        let hosts = ["a", "b", "c"];
        let at = async |id: &str, created_at: UnixMillis| {
            let valid_until = created_at + 600_000;
            let new = NewPlan { created_at, valid_until, ..plan(id, &hosts) };
            store.insert_plan(new).await.unwrap();
        };
        applied(&store, "active", &hosts).await;
        at("first", NOW).await;
        at("second", NOW + 1).await;
        assert!(store.run("first").await.unwrap().unwrap().end.is_none(), "it is still good");
        at("third", NOW + 700_000).await;
        // The others are over, and there is no room for plans that are.
        at("fourth", NOW + 700_001).await;
        assert!(store.run("first").await.unwrap().is_none());
        at("fifth", NOW + 700_002).await;
        assert!(store.run("second").await.unwrap().is_none());
        for id in ["active", "third", "fourth", "fifth"] {
            let run = store.run(id).await.unwrap().unwrap();
            assert!(run.end.is_none() && run.counts.total() == 3, "{id}");
        }
        crate::store::Store::close(&store).await;
    }

    #[tokio::test]
    async fn runs_that_are_too_old_or_too_many_are_deleted_and_active_ones_stay() {
        let scratch = Scratch::new("controller-store");
        let store = SqliteStore::open(scratch.path(), Bounds::generous()).unwrap();
        for (id, ends) in [("old", true), ("new", true), ("active", false)] {
            let run = applied(&store, id, &["a", "b"]).await;
            if ends {
                let to = |_| MoveTo::Ended(End::new(EndState::Expired));
                let moves =
                    (0..2).map(|position| TargetMove { run: run.number, position, to: to(()) });
                store.move_targets(moves.collect(), NOW).await.unwrap();
                let at = if id == "old" { NOW } else { NOW + 10 * DAY };
                store.end_run(run.number, RunEnd::Completed, None, at).await.unwrap();
            }
        }
        store.insert_plan(plan("plan", &["a"])).await.unwrap();
        let sweep = async |now: UnixMillis, oldest, most| {
            let more = store.change(move |transaction| delete_old(transaction, now, oldest, most));
            let more = more.await.unwrap();
            let mut left = Vec::new();
            for id in ["old", "new", "active", "plan"] {
                left.extend(store.run(id).await.unwrap().map(|_| id));
            }
            (more, left)
        };
        let all = vec!["old", "new", "active", "plan"];
        assert_eq!(sweep(NOW, NOW, 99).await, (false, all.clone()));
        assert_eq!(sweep(NOW + DAY, NOW, 99).await, (false, all));
        let plan = store.run("plan").await.unwrap().unwrap();
        assert_eq!(plan.end, Some(RunEnd::Expired));
        let later = NOW + 11 * DAY;
        assert_eq!(sweep(later, NOW + 5 * DAY, 99).await, (true, vec!["new", "active"]));
        // Too many targets: the oldest run that has ended goes.
        assert_eq!(sweep(later, NOW, 3).await, (true, vec!["active"]));
        assert_eq!(sweep(later, NOW, 1).await, (false, vec!["active"]));
        assert!(store.target("new", "a").await.unwrap().is_none());
        crate::store::Store::close(&store).await;
    }
}
