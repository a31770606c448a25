//! How targets move: because their driver says so, or because a result has come.

use super::ledger::Ledger;
use crate::store::sqlite::change::{ChangeError, Effects, Transaction};
use crate::store::sqlite::column::{document, parsed};
use crate::store::sqlite::sql::Sql as _;
use crate::store::{MAX_MOVES, MoveTo, StoreError, TargetMove};
use agent_wire::json::parse_object;
use fleet::UnixMillis;
use fleet::run::{End, Outcome, TargetState, run_of_task, task_id};
use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// The kind of a stored reply, beside the methods of events.
pub(super) const REPLY: &str = "reply";

/// Bytes of the digest by which outputs are grouped.
const OUTPUT_DIGEST: usize = 16;

/// The fields of an event or reply that are its output.
const OUTPUT: [&str; 4] = ["data", "encoding", "stderr", "stderr_encoding"];

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
    output: Option<[u8; OUTPUT_DIGEST]>,
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
    let Some(target) = found.filter(|target| target.state.end().is_none()) else {
        return Ok(false);
    };
    match &one.to {
        MoveTo::Queued { why } => go(ledger, run, &target, TargetState::Queued, why.as_deref()),
        MoveTo::Sent if target.state == TargetState::Running => Ok(false),
        MoveTo::Sent => go(ledger, run, &target, TargetState::Sent, None),
        MoveTo::Running => go(ledger, run, &target, TargetState::Running, None),
        MoveTo::Ended(end) => {
            let ending = Ending { end, result: None, output: None, accepted: false };
            finish(ledger, run, &target, &ending)
        }
        MoveTo::Replied { end, reply } => {
            let result = keep_reply(ledger, run, &target, reply)?;
            let output = Some(grouped(end, &parse_object(reply).unwrap_or_default()));
            finish(ledger, run, &target, &Ending { end, result, output, accepted: false })
        }
    }
}

fn go(
    ledger: &mut Ledger<'_>,
    run: &Run,
    target: &Target,
    to: TargetState,
    why: Option<&str>,
) -> rusqlite::Result<bool> {
    let at = ledger.at();
    let change = ledger.target((run.number, &run.id), target.position, to);
    let text = match to {
        TargetState::Sent => SEND,
        TargetState::Running => ACCEPT,
        TargetState::Waiting | TargetState::Queued | TargetState::Ended(_) => MOVE,
    };
    let values = params![to.word(), why, change, at, run.number, target.position];
    ledger.prepared(text)?.execute(values)?;
    count(ledger, run, target, to);
    Ok(true)
}

fn finish(
    ledger: &mut Ledger<'_>,
    run: &Run,
    target: &Target,
    ending: &Ending<'_>,
) -> rusqlite::Result<bool> {
    let at = ledger.at();
    let to = TargetState::Ended(ending.end.state);
    let change = ledger.target((run.number, &run.id), target.position, to);
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
    count(ledger, run, target, to);
    Ok(true)
}

fn count(ledger: &mut Ledger<'_>, run: &Run, target: &Target, to: TargetState) {
    ledger.count((run.number, target.stage), target.state, -1);
    ledger.count((run.number, target.stage), to, 1);
}

/// Stores a reply beside the results of its host; returns its sequence number.
fn keep_reply(
    ledger: &mut Ledger<'_>,
    run: &Run,
    target: &Target,
    reply: &str,
) -> rusqlite::Result<Option<i64>> {
    let task = task_id(&run.id);
    let hash = digest(&SHA256, reply.as_bytes());
    let inserted = ledger.sql.run(
        "INSERT INTO results (host, task, kind, received, event, digest) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (host, task, digest) DO NOTHING",
        params![target.host, task, REPLY, ledger.at(), reply, hash.as_ref()],
    )?;
    if inserted > 0 {
        ledger.reply(&target.host, reply.len() as u64);
    }
    sequence(ledger, &target.host, &task, hash.as_ref())
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
    // The host knows better than whoever gave it up; but a result is final.
    if target.state.end().is_some() && target.has_result {
        return Ok(());
    }
    // An event without an outcome is rejected before it comes here.
    let Ok(event) = parse_object(told.event) else { return Ok(()) };
    let Ok(outcome) = Outcome::parse(&event) else { return Ok(()) };
    let end = outcome.end_of_task();
    let result = match told.sequence {
        Some(stored) => Some(stored),
        None => sequence(ledger, told.host, told.task, told.digest)?,
    };
    let output = Some(grouped(&end, &event));
    finish(ledger, run, &target, &Ending { end: &end, result, output, accepted: true })?;
    Ok(())
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

/// Returns the digest by which targets that ended alike are grouped.
fn grouped(end: &End, event: &Map<String, Value>) -> [u8; OUTPUT_DIGEST] {
    let mut text = Vec::new();
    text.extend_from_slice(end.state.word().as_bytes());
    text.extend_from_slice(&end.code.unwrap_or_default().to_be_bytes());
    for name in OUTPUT {
        text.push(0);
        if let Some(value) = event.get(name) {
            text.extend_from_slice(document(value).as_bytes());
        }
    }
    let hash = digest(&SHA256, &text);
    let mut short = [0; OUTPUT_DIGEST];
    short.copy_from_slice(&hash.as_ref()[..OUTPUT_DIGEST]);
    short
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
