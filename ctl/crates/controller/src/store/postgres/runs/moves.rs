//! How targets move: because their driver says so, or because a result has come.
//!
//! The rows are read once, under the ledger's lock; whatever becomes of a target is worked out in the
//! process, and written by one statement for all of them.

use super::ledger::Ledger;
use super::replies::{self, Reply};
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::column::{number, parsed};
use crate::store::postgres::error::DbError;
use crate::store::postgres::lock::Lock;
use crate::store::postgres::sql::Sql;
use crate::store::postgres::{params, text};
use crate::store::steps::{OutputDigest, ResultEnd, Step};
use crate::store::{MAX_MOVES, MoveTo, RunChange, StoreError, TargetMove};
use fleet::UnixMillis;
use fleet::run::{End, TargetState, run_of_task};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use tokio_postgres::Row;

const BY_POSITION: &str = "\
    SELECT t.run, t.position, t.host, t.stage, t.state, t.result, t.change \
    FROM unnest($1::bigint[], $2::integer[]) AS m (run, position) \
    JOIN targets t ON t.run = m.run AND t.position = m.position";

const BY_HOST: &str = "\
    SELECT t.run, t.position, t.host, t.stage, t.state, t.result, t.change \
    FROM unnest($1::text[], $2::bigint[]) AS m (host, run) \
    JOIN targets t ON t.host = m.host AND t.run = m.run";

const WRITE: &str = "\
    UPDATE targets t SET state = m.state, why = m.why, change = m.change, changed_at = $1, \
    sent_at = CASE WHEN m.sent THEN coalesce(t.sent_at, $1) ELSE t.sent_at END, \
    accepted_at = CASE WHEN m.accepted THEN coalesce(t.accepted_at, $1) ELSE t.accepted_at END, \
    ended_at = CASE WHEN m.ended THEN $1 ELSE t.ended_at END, \
    code = m.code, result = m.result, output = m.output, operator = m.operator \
    FROM unnest($2::bigint[], $3::integer[], $4::text[], $5::text[], $6::bigint[], \
    $7::boolean[], $8::boolean[], $9::boolean[], $10::integer[], $11::bigint[], $12::bytea[], \
    $13::text[]) AS m (run, position, state, why, change, sent, accepted, ended, code, result, \
    output, operator) WHERE t.run = m.run AND t.position = m.position";

/// A run, as far as its targets need it.
#[derive(Clone, Debug)]
struct Run {
    number: i64,
    id: Arc<str>,
    operator: Option<String>,
}

/// A target, and its move.
#[derive(Debug)]
struct Target {
    position: u32,
    host: String,
    stage: u16,
    state: TargetState,
    /// The result that has ended it.
    result: Option<i64>,
    /// The number of its last change.
    change: i64,
    moved: bool,
    why: Option<String>,
    sent: bool,
    accepted: bool,
    ending: Option<Ending>,
}

/// How a target ends.
#[derive(Clone, Copy, Debug, Default)]
struct Ending {
    code: Option<u16>,
    /// The sequence number of its result.
    result: Option<i64>,
    output: Option<OutputDigest>,
}

/// A result that the transaction stores, or has stored before.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::postgres) struct Told<'a> {
    /// The host.
    pub(in crate::store::postgres) host: &'a str,
    /// The task.
    pub(in crate::store::postgres) task: &'a str,
    /// The event.
    pub(in crate::store::postgres) event: &'a str,
    /// Its digest.
    pub(in crate::store::postgres) digest: [u8; 32],
    /// Its sequence number, if the transaction has stored it.
    pub(in crate::store::postgres) sequence: Option<i64>,
}

/// The targets that a transaction moves, by run and position.
type Targets = BTreeMap<(i64, u32), Target>;

/// Moves targets; returns for each whether it moved.
pub(super) async fn all(
    transaction: &mut Transaction,
    moves: &[TargetMove],
    at: UnixMillis,
) -> Result<Vec<bool>, ChangeError> {
    if moves.len() > MAX_MOVES {
        return Err(StoreError::Conflict(format!("more than {MAX_MOVES} moves at once")).into());
    }
    let sql = &transaction.sql;
    if moves.iter().any(|one| matches!(one.to, MoveTo::Replied { .. })) {
        Lock::Results.take(sql).await?;
    }
    let mut ledger = Ledger::open(sql, at, moves.len()).await?;
    let numbers: Vec<i64> = moves.iter().map(|one| one.run).collect();
    let positions: Vec<i32> = moves.iter().map(|one| super::position(one.position)).collect();
    let runs = sql
        .all(
            "SELECT number, id, applied_by FROM runs WHERE number = ANY($1)",
            params![numbers],
            run_row,
        )
        .await?;
    let runs: HashMap<i64, Run> = runs.into_iter().map(|run| (run.number, run)).collect();
    let found = sql.all(BY_POSITION, params![numbers, positions], target_row).await?;
    let mut targets: Targets = found.into_iter().collect();
    let replies = keep_replies(sql, &mut ledger, &runs, &targets, moves).await?;
    let mut replies = replies.into_iter();
    let mut moved = Vec::with_capacity(moves.len());
    for one in moves {
        let target = targets.get_mut(&(one.run, one.position));
        let (Some(run), Some(target)) = (runs.get(&one.run), target) else {
            moved.push(false);
            continue;
        };
        let step = Step::of(target.state, &one.to);
        moved.push(step.is_some());
        match step {
            None => {}
            Some(Step::Go(to, why)) => target.go(&mut ledger, run, to, why),
            Some(Step::End(end)) => target.end(&mut ledger, run, end, Ending::default()),
            Some(Step::Reply(end, reply)) => {
                let (result, output) =
                    (replies.next(), Some(ResultEnd::output_of_reply(end, reply)));
                target.end(&mut ledger, run, end, Ending { result, output, code: None });
            }
        }
    }
    write(sql, &runs, targets, at).await?;
    ledger.close(transaction).await?;
    Ok(moved)
}

/// Stores the replies that end targets; returns their sequence numbers, in the order of the moves.
async fn keep_replies(
    sql: &Sql,
    ledger: &mut Ledger,
    runs: &HashMap<i64, Run>,
    targets: &Targets,
    moves: &[TargetMove],
) -> Result<Vec<i64>, DbError> {
    let mut ending = HashSet::new();
    let mut kept = Vec::new();
    for one in moves {
        let place = (one.run, one.position);
        let (Some(run), Some(target)) = (runs.get(&one.run), targets.get(&place)) else { continue };
        let Some(step) = Step::of(target.state, &one.to) else { continue };
        // What ends a target is the last that moves it.
        if !matches!(step, Step::Go(..))
            && ending.insert(place)
            && let Step::Reply(_, reply) = step
        {
            kept.push(Reply::new(&run.id, &target.host, reply));
        }
    }
    let at = ledger.books.at();
    replies::store(sql, &mut ledger.books, &kept, at).await
}

/// Ends the targets that results of this transaction belong to, which holds the lock of results.
///
/// # Errors
/// When the database fails.
pub(in crate::store::postgres) async fn arrived(
    transaction: &mut Transaction,
    told: &[Told<'_>],
    at: UnixMillis,
) -> Result<(), DbError> {
    let sql = &transaction.sql;
    let ids: HashSet<&str> = told.iter().filter_map(|told| run_of_task(told.task)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = ids.into_iter().collect();
    let runs = sql
        .all("SELECT number, id, applied_by FROM runs WHERE id = ANY($1)", params![ids], run_row)
        .await?;
    if runs.is_empty() {
        return Ok(());
    }
    let mut ledger = Ledger::open(sql, at, told.len()).await?;
    let by_id: HashMap<&str, i64> = runs.iter().map(|run| (&*run.id, run.number)).collect();
    let of_run = |told: &Told<'_>| Some(*by_id.get(run_of_task(told.task)?)?);
    let of_runs: Vec<(i64, Told<'_>)> =
        told.iter().filter_map(|told| Some((of_run(told)?, *told))).collect();
    let hosts: Vec<&str> = of_runs.iter().map(|(_, told)| told.host).collect();
    let numbers: Vec<i64> = of_runs.iter().map(|(number, _)| *number).collect();
    let found = sql.all(BY_HOST, params![hosts, numbers], target_row).await?;
    let places: HashMap<(i64, String), (i64, u32)> =
        found.iter().map(|(place, target)| ((place.0, target.host.clone()), *place)).collect();
    let mut targets: Targets = found.into_iter().collect();
    let sequences = replies::sequences(sql, &of_runs).await?;
    let runs: HashMap<i64, Run> = runs.into_iter().map(|run| (run.number, run)).collect();
    let mut again = Vec::new();
    for (number, told) in of_runs {
        let place = places.get(&(number, told.host.to_owned()));
        let target = place.and_then(|place| targets.get_mut(place));
        let (Some(run), Some(target)) = (runs.get(&number), target) else { continue };
        let key = (told.host, told.task, told.digest);
        let result = told.sequence.or_else(|| sequences.get(&key).copied());
        let ended = ResultEnd::of(target.state, target.result.is_some(), told.event);
        let Some(ResultEnd { end, output }) = ended else {
            if result.is_some() && result == target.result {
                again.push(target.again(run));
            }
            continue;
        };
        target.accepted = true;
        target.end(&mut ledger, run, &end, Ending { result, output: Some(output), code: None });
    }
    write(sql, &runs, targets, at).await?;
    // A result comes again when nobody has acknowledged it: the commit may have been lost, and with
    // it the news.
    transaction.effects.runs.extend(again);
    ledger.close(transaction).await
}

impl Target {
    /// Returns its last change once more.
    fn again(&self, run: &Run) -> RunChange {
        let target = Some((self.position, self.state));
        RunChange { change: self.change, number: run.number, run: Arc::clone(&run.id), target }
    }

    fn go(&mut self, ledger: &mut Ledger, run: &Run, to: TargetState, why: Option<&str>) {
        self.sent |= to == TargetState::Sent;
        self.accepted |= to == TargetState::Running;
        self.step(ledger, run, to, why);
    }

    fn end(&mut self, ledger: &mut Ledger, run: &Run, end: &End, ending: Ending) {
        self.result = ending.result;
        self.ending = Some(Ending { code: end.code, ..ending });
        self.step(ledger, run, TargetState::Ended(end.state), end.why.as_deref());
    }

    fn step(&mut self, ledger: &mut Ledger, run: &Run, to: TargetState, why: Option<&str>) {
        self.change = ledger.books.target((run.number, &run.id), self.position, to);
        self.moved = true;
        self.why = why.map(|why| text::without_nul(why).into_owned());
        ledger.books.moved((run.number, self.stage), self.state, to);
        self.state = to;
    }
}

/// Writes the targets that have moved.
async fn write(
    sql: &Sql,
    runs: &HashMap<i64, Run>,
    targets: Targets,
    at: UnixMillis,
) -> Result<(), DbError> {
    let moved: Vec<(i64, Target)> = targets
        .into_iter()
        .filter(|(_, target)| target.moved)
        .map(|((run, _), target)| (run, target))
        .collect();
    if moved.is_empty() {
        return Ok(());
    }
    let numbers: Vec<i64> = moved.iter().map(|(run, _)| *run).collect();
    let of = || moved.iter().map(|(_, target)| target);
    let positions: Vec<i32> = of().map(|target| super::position(target.position)).collect();
    let states: Vec<&str> = of().map(|target| target.state.word()).collect();
    let whys: Vec<Option<&str>> = of().map(|target| target.why.as_deref()).collect();
    let changes: Vec<i64> = of().map(|target| target.change).collect();
    let sent: Vec<bool> = of().map(|target| target.sent).collect();
    let accepted: Vec<bool> = of().map(|target| target.accepted).collect();
    let ended: Vec<bool> = of().map(|target| target.ending.is_some()).collect();
    let ending = || of().map(|target| target.ending.as_ref());
    let codes: Vec<Option<i32>> = ending().map(|end| end?.code.map(i32::from)).collect();
    let results: Vec<Option<i64>> = ending().map(|end| end?.result).collect();
    let outputs: Vec<Option<&[u8]>> =
        ending().map(|end| end?.output.as_ref().map(|output| &output[..])).collect();
    let operators: Vec<Option<&str>> = moved
        .iter()
        .map(|(run, target)| {
            target.ending.as_ref().and_then(|_| runs.get(run)?.operator.as_deref())
        })
        .collect();
    sql.run(
        WRITE,
        params![
            at, numbers, positions, states, whys, changes, sent, accepted, ended, codes, results,
            outputs, operators
        ],
    )
    .await?;
    Ok(())
}

fn run_row(row: &Row) -> Result<Run, DbError> {
    let id: &str = row.try_get(1)?;
    Ok(Run { number: row.try_get(0)?, id: id.into(), operator: row.try_get(2)? })
}

fn target_row(row: &Row) -> Result<((i64, u32), Target), DbError> {
    let position = number(row, 1)?;
    let target = Target {
        position,
        host: row.try_get(2)?,
        stage: number(row, 3)?,
        state: parsed(row, 4, |text| text.parse())?,
        result: row.try_get(5)?,
        change: row.try_get(6)?,
        moved: false,
        why: None,
        sent: false,
        accepted: false,
        ending: None,
    };
    Ok(((row.try_get(0)?, position), target))
}
