//! News: what each change means to the other nodes, written with the change, in the table `news`.
//!
//! A row has the number of its transaction. Transactions do not end in the order of their numbers, so
//! a reader remembers the snapshot that it read by: what that did not show is new.

use crate::store::effects::Effects;
use crate::store::postgres::change::Transaction;
use crate::store::postgres::core::Core;
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use crate::store::{Moves, PlaceChange, RunChange, StandingChange, milliseconds};
use fleet::run::TargetState;
use serde::{Deserialize, Serialize};
use std::sync::Weak;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Rows that one look reads. Where there are more, the node reads everything again.
const MOST: i64 = 50_000;

/// How long news are kept; a node whose tenure goes on has read them by then.
const KEPT: Duration = Duration::from_secs(10 * 60);

const WRITE: &str =
    "INSERT INTO news (xid, node, at, body) VALUES (pg_current_xact_id(), $1, $2, $3)";

const SNAPSHOT: &str = "SELECT pg_current_snapshot()::text";

/// The snapshot of this moment, and the news that the one before did not show.
const READ: &str = "\
    SELECT pg_current_snapshot()::text, n.body FROM (SELECT 1) one LEFT JOIN LATERAL \
    (SELECT xid, body FROM news WHERE xid >= pg_snapshot_xmin($1::text::pg_snapshot) \
    AND NOT pg_visible_in_snapshot(xid, $1::text::pg_snapshot) AND node <> $2 \
    ORDER BY xid LIMIT $3) n ON true";

const DELETE: &str = "DELETE FROM news WHERE at < $1";

/// The news of one change.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct News {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    standings: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    counts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Run>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    budgets: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replies: Vec<(String, u64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    labels: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedules: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    roles: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    usage: Vec<(String, i64)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<(String, i32, bool)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    emptied: Vec<i32>,
}

/// A change of a run, and of one of its targets: position and state.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    change: i64,
    number: i64,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<(u32, String)>,
}

impl News {
    fn of(effects: &Effects) -> Self {
        let run = |change: &RunChange| Run {
            change: change.change,
            number: change.number,
            id: change.run.to_string(),
            target: change.target.map(|(position, state)| (position, state.word().to_owned())),
        };
        let place = |it: &PlaceChange| (it.host.clone(), it.from, it.is_there);
        Self {
            standings: effects.standings.iter().map(|change| change.host.clone()).collect(),
            records: effects.records.clone(),
            counts: effects.counts,
            event: effects.newest_event,
            runs: effects.runs.iter().map(run).collect(),
            budgets: effects.budgets,
            replies: effects.replies.clone(),
            facts: effects.new_facts.clone(),
            labels: effects.relabeled.clone(),
            schedules: effects.schedules,
            roles: effects.roles,
            ca: effects.ca,
            results: effects.results.clone(),
            usage: effects.usage.clone(),
            places: effects.moves.places.iter().map(place).collect(),
            emptied: effects.moves.emptied.clone(),
        }
    }

    /// Returns the effects; the states of hosts are to be read.
    fn effects(self) -> Effects {
        let run = |run: Run| {
            let target = match run.target {
                None => None,
                Some((position, word)) => {
                    let known = TargetState::ALL.into_iter().find(|state| state.word() == word);
                    Some((position, known?))
                }
            };
            Some(RunChange { change: run.change, number: run.number, run: run.id.into(), target })
        };
        Effects {
            standings: self
                .standings
                .into_iter()
                .map(|host| StandingChange { host, state: None })
                .collect(),
            records: self.records,
            counts: self.counts,
            newest_event: self.event,
            runs: self.runs.into_iter().filter_map(run).collect(),
            budgets: self.budgets,
            replies: self.replies,
            new_facts: self.facts,
            relabeled: self.labels,
            schedules: self.schedules,
            roles: self.roles,
            ca: self.ca,
            results: self.results,
            usage: self.usage,
            moves: Moves {
                places: self
                    .places
                    .into_iter()
                    .map(|(host, from, is_there)| PlaceChange { host, from, is_there })
                    .collect(),
                emptied: self.emptied,
            },
        }
    }
}

/// Writes what a change of a node means to others; returns whether that is anything.
pub(in crate::store::postgres) async fn write(transaction: &Transaction) -> Result<bool, DbError> {
    let Some(node) = transaction.node else { return Ok(false) };
    let news = News::of(&transaction.effects);
    if news == News::default() {
        return Ok(false);
    }
    let body = serde_json::to_string(&news).map_err(|error| DbError::Content(error.to_string()))?;
    let now = milliseconds(SystemTime::now());
    transaction.sql.run(WRITE, params![node, now, body]).await?;
    Ok(true)
}

/// Returns the snapshot of this moment.
pub(in crate::store::postgres) async fn snapshot(sql: &Sql) -> Result<String, DbError> {
    let snapshot = sql.first(SNAPSHOT, params![], |row| Ok(row.try_get(0)?)).await?;
    snapshot.ok_or_else(|| DbError::Content("the server tells no snapshot".to_owned()))
}

/// Reads news when there may be some, until the store closes.
pub(in crate::store::postgres) async fn keep(core: Weak<Core>, mut stop: watch::Receiver<bool>) {
    loop {
        let Some(strong) = core.upgrade() else { return };
        tokio::select! {
            () = strong.nodes.asked() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = strong.read_news().await {
            // The next renewal of the lease lets it look again.
            log::debug!("cannot read the news of other nodes: {error}");
        }
    }
}

impl Core {
    /// Takes the news that have not been read. What cannot be taken is read again.
    async fn read_news(&self) -> Result<(), DbError> {
        let Some(node) = self.hold.tenure()?.node else { return Ok(()) };
        let sql = self.pool.get().await?;
        let since = self.nodes.read();
        let rows: Vec<(String, Option<String>)> = sql
            .all(READ, params![since, node, MOST], |row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .await?;
        drop(sql);
        if self.nodes.leads() {
            self.delete_news().await?;
        }
        if rows.len() as i64 >= MOST {
            log::warn!("other nodes have changed very much: this one reads everything again");
            return self.know_anew().await;
        }
        let Some((snapshot, _)) = rows.first() else { return Ok(()) };
        let snapshot = snapshot.clone();
        let (mut all, mut moves) = (Effects::default(), Vec::new());
        for body in rows.into_iter().filter_map(|(_, body)| body) {
            match serde_json::from_str::<News>(&body) {
                Ok(news) => {
                    let mut effects = news.effects();
                    moves.push(std::mem::take(&mut effects.moves));
                    all.append(effects);
                }
                Err(error) => log::error!("news of another node cannot be read: {error}"),
            }
        }
        moves.retain(|moves| *moves != Moves::default());
        // Changes of runs come in the order of their numbers, which is that of their commits.
        all.runs.sort_unstable_by_key(|run| run.change);
        self.hear(all, moves).await?;
        self.nodes.begin(snapshot);
        Ok(())
    }

    /// Deletes news that every node has read.
    async fn delete_news(&self) -> Result<(), DbError> {
        let now = milliseconds(SystemTime::now());
        let old = now - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        self.pool.get().await?.run(DELETE, params![old]).await?;
        Ok(())
    }
}
