//! How targets move: because their driver says so, or because a result has come.

use super::ledger::Ledger;
use crate::store::arrival::digest_of;
use crate::store::sqlite::change::{ChangeError, Effects, Transaction};
use crate::store::sqlite::column::parsed;
use crate::store::sqlite::sql::Sql as _;
use crate::store::steps::{OutputDigest, REPLY, ResultEnd, Step};
use crate::store::{MAX_MOVES, StoreError, TargetMove};
use fleet::UnixMillis;
use fleet::run::{End, TargetState, run_of_task, task_id};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::HashMap;
use std::sync::Arc;

const BY_POSITION: &str =
    "SELECT position, host, stage, state, result FROM targets WHERE run = ? AND position = ?";

const BY_HOST: &str =
    "SELECT position, host, stage, state, result FROM targets WHERE host = ? AND run = ?";

const MOVE: &str = "UPDATE targets SET state = ?1, why = ?2, change = ?3, changed_at = ?4 \
     WHERE run = ?5 AND position = ?6";

const SEND: &str = "UPDATE targets SET sent_at = coalesce(sent_at, ?4), \
     state = ?1, why = ?2, change = ?3, changed_at = ?4 WHERE run = ?5 AND position = ?6";

const ACCEPT: &str = "UPDATE targets SET accepted_at = coalesce(accepted_at, ?4), \
     state = ?1, why = ?2, change = ?3, changed_at = ?4 WHERE run = ?5 AND position = ?6";

const END: &str = "UPDATE targets SET state = ?, code = ?, why = ?, ended_at = ?, result = ?, \
     output = ?, operator = ?, accepted_at = coalesce(accepted_at, ?), change = ?, changed_at = ? \
     WHERE run = ? AND position = ?";

const SEQUENCE: &str = "SELECT sequence FROM results WHERE host = ? AND task = ? AND digest = ?";

/// A run, as far as its targets need it.
#[derive(Clone, Debug)]
struct Run {
    number: i64,
    id: Arc<str>,
    operator: Option<String>,
}

/// A target before its move.
#[derive(Debug)]
struct Target {
    position: u32,
    host: String,
    stage: u16,
    state: TargetState,
    /// Whether a result has ended it.
    has_result: bool,
}

/// How a target ends.
#[derive(Debug)]
struct Ending<'a> {
    end: &'a End,
    /// The sequence number of its result.
    result: Option<i64>,
    output: Option<OutputDigest>,
    /// Whether the agent had accepted a task, as its result shows.
    accepted: bool,
}

/// A result that the transaction stores, or has stored before.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::sqlite) struct Told<'a> {
    /// The host.
    pub(in crate::store::sqlite) host: &'a str,
    /// The task.
    pub(in crate::store::sqlite) task: &'a str,
    /// The event.
    pub(in crate::store::sqlite) event: &'a str,
    /// Its digest.
    pub(in crate::store::sqlite) digest: &'a [u8],
    /// Its sequence number, if the transaction has stored it.
    pub(in crate::store::sqlite) sequence: Option<i64>,
}

/// Moves targets; returns for each whether it moved.
pub(super) fn all(
    transaction: &mut Transaction<'_>,
    moves: &[TargetMove],
    at: UnixMillis,
) -> Result<Vec<bool>, ChangeError> {
    if moves.len() > MAX_MOVES {
        return Err(StoreError::Conflict(format!("more than {MAX_MOVES} moves at once")).into());
    }
    let sql = transaction.sql;
    let mut ledger = Ledger::open(sql, at)?;
    let mut runs: HashMap<i64, Option<Run>> = HashMap::new();
    let mut moved = Vec::with_capacity(moves.len());
    for one in moves {
        let run = match runs.get(&one.run) {
            Some(run) => run,
            None => {
                let found = sql.first(
                    "SELECT number, id, applied_by FROM runs WHERE number = ?",
                    params![one.run],
                    run_row,
                )?;
                runs.entry(one.run).or_insert(found)
            }
        };
        moved.push(match run {
            Some(run) => step(&mut ledger, run, one)?,
            None => false,
        });
    }
    ledger.close(transaction.effects)?;
    Ok(moved)
}

fn step(ledger: &mut Ledger<'_>, run: &Run, one: &TargetMove) -> rusqlite::Result<bool> {
    let found = ledger
        .prepared(BY_POSITION)?
        .query_row(params![run.number, one.position], target_row)
        .optional()?;
    let Some(target) = found else { return Ok(false) };
    match Step::of(target.state, &one.to) {
        None => return Ok(false),
        Some(Step::Go(to, why)) => go(ledger, run, &target, to, why)?,
        Some(Step::End(end)) => {
            let ending = Ending { end, result: None, output: None, accepted: false };
            finish(ledger, run, &target, &ending)?;
        }
        Some(Step::Reply(end, reply)) => {
            let result = keep_reply(ledger, run, &target, reply)?;
            let output = Some(ResultEnd::output_of_reply(end, reply));
            finish(ledger, run, &target, &Ending { end, result, output, accepted: false })?;
        }
    }
    Ok(true)
}

fn go(
    ledger: &mut Ledger<'_>,
    run: &Run,
    target: &Target,
    to: TargetState,
    why: Option<&str>,
) -> rusqlite::Result<()> {
    let at = ledger.books.at();
    let change = ledger.books.target((run.number, &run.id), target.position, to);
    let text = match to {
        TargetState::Sent => SEND,
        TargetState::Running => ACCEPT,
        TargetState::Waiting | TargetState::Queued | TargetState::Ended(_) => MOVE,
    };
    let values = params![to.word(), why, change, at, run.number, target.position];
    ledger.prepared(text)?.execute(values)?;
    ledger.books.moved((run.number, target.stage), target.state, to);
    Ok(())
}

fn finish(
    ledger: &mut Ledger<'_>,
    run: &Run,
    target: &Target,
    ending: &Ending<'_>,
) -> rusqlite::Result<()> {
    let at = ledger.books.at();
    let to = TargetState::Ended(ending.end.state);
    let change = ledger.books.target((run.number, &run.id), target.position, to);
    ledger.prepared(END)?.execute(params![
        to.word(),
        ending.end.code,
        ending.end.why.as_deref(),
        at,
        ending.result,
        ending.output,
        run.operator,
        ending.accepted.then_some(at),
        change,
        at,
        run.number,
        target.position
    ])?;
    ledger.books.moved((run.number, target.stage), target.state, to);
    Ok(())
}

/// Stores a reply beside the results of its host; returns its sequence number.
fn keep_reply(
    ledger: &mut Ledger<'_>,
    run: &Run,
    target: &Target,
    reply: &str,
) -> rusqlite::Result<Option<i64>> {
    let task = task_id(&run.id);
    let digest = digest_of(reply);
    let inserted = ledger.sql.run(
        "INSERT INTO results (host, task, kind, received, event, digest) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (host, task, digest) DO NOTHING",
        params![target.host, task, REPLY, ledger.books.at(), reply, digest],
    )?;
    if inserted > 0 {
        ledger.books.reply(&target.host, reply.len() as u64);
    }
    sequence(ledger, &target.host, &task, &digest)
}

/// Ends the targets that results of this transaction belong to.
pub(in crate::store::sqlite) fn arrived<'a>(
    sql: &Connection,
    results: impl Iterator<Item = Told<'a>>,
    at: UnixMillis,
    effects: &mut Effects,
) -> rusqlite::Result<()> {
    let mut ledger = None;
    let mut runs: HashMap<&str, Option<Run>> = HashMap::new();
    for told in results {
        let Some(id) = run_of_task(told.task) else { continue };
        let run = match runs.get(id) {
            Some(run) => run,
            None => {
                let found = sql.first(
                    "SELECT number, id, applied_by FROM runs WHERE id = ?",
                    params![id],
                    run_row,
                )?;
                runs.entry(id).or_insert(found)
            }
        };
        let Some(run) = run else { continue };
        let ledger = match &mut ledger {
            Some(ledger) => ledger,
            None => ledger.insert(Ledger::open(sql, at)?),
        };
        end_by_result(ledger, run, told)?;
    }
    ledger.map_or(Ok(()), |ledger| ledger.close(effects))
}

fn end_by_result(ledger: &mut Ledger<'_>, run: &Run, told: Told<'_>) -> rusqlite::Result<()> {
    let found = ledger
        .prepared(BY_HOST)?
        .query_row(params![told.host, run.number], target_row)
        .optional()?;
    let Some(target) = found else { return Ok(()) };
    let ended = ResultEnd::of(target.state, target.has_result, told.event);
    let Some(ResultEnd { end, output }) = ended else { return Ok(()) };
    let result = match told.sequence {
        Some(stored) => Some(stored),
        None => sequence(ledger, told.host, told.task, told.digest)?,
    };
    let output = Some(output);
    finish(ledger, run, &target, &Ending { end: &end, result, output, accepted: true })
}

fn sequence(
    ledger: &mut Ledger<'_>,
    host: &str,
    task: &str,
    digest: &[u8],
) -> rusqlite::Result<Option<i64>> {
    let found = ledger.prepared(SEQUENCE)?.query_row(params![host, task, digest], |row| row.get(0));
    found.optional()
}

fn run_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Run> {
    Ok(Run { number: row.get(0)?, id: row.get::<_, String>(1)?.into(), operator: row.get(2)? })
}

fn target_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Target> {
    Ok(Target {
        position: row.get(0)?,
        host: row.get(1)?,
        stage: row.get(2)?,
        state: parsed(row, 3, |text| text.parse())?,
        has_result: row.get::<_, Option<i64>>(4)?.is_some(),
    })
}
