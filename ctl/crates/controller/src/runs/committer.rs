//! Writes what rollouts decide, then sends: in this order, and the batches in theirs.

use super::active::Active;
use super::dispatch::{Brief, Doors, Roles, Sent};
use super::handle::{Happened, Told};
use crate::stop::Stop;
use crate::store::{MAX_MOVES, MoveTo, StopRun, StoreError, TargetMove};
use fleet::UnixMillis;
use fleet::run::{Ask, Change, End, RunChange, TargetState};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

/// Batches that wait for the disk.
pub(super) const MAX_BATCHES: usize = 64;

/// The wait before a batch that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What the rollouts of some runs decided.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) moves: Vec<TargetMove>,
    pub(super) runs: Vec<(Arc<Brief>, RunChange)>,
    pub(super) asks: Vec<Asked>,
    /// Targets whose turn has come and whose hosts are offline.
    pub(super) offline: Vec<(i64, u32, Arc<str>)>,
}

/// A request to a target's host.
#[derive(Debug)]
pub(super) struct Asked {
    brief: Arc<Brief>,
    target: u32,
    host: Arc<str>,
    ask: Ask,
    /// Whether nothing was sent for this target before: only then the roles and the host's standing
    /// decide, since whatever was sent may have been started.
    first: bool,
    /// How many of the batch's moves are on disk before it is sent.
    after: usize,
}

impl Batch {
    /// Returns whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.moves.is_empty() && self.runs.is_empty() && self.asks.is_empty()
    }

    /// Adds what a run's rollout decided. `reply` is the text by which one of its targets ends.
    pub(super) fn add(
        &mut self,
        active: &Active,
        output: fleet::run::Output,
        replies: &mut HashMap<u32, String>,
    ) {
        let run = active.brief.number;
        let mut first = HashMap::new();
        for change in output.changes {
            if change.state == TargetState::Queued && change.why.is_none() {
                let host = Arc::clone(&active.hosts[change.target as usize]);
                self.offline.push((run, change.target, host));
            }
            let reply = replies.remove(&change.target);
            if let Some(to) = move_to(&change, reply) {
                self.moves.push(TargetMove { run, position: change.target, to });
            }
            if change.state == TargetState::Sent {
                first.insert(change.target, self.moves.len());
            }
        }
        self.runs.extend(output.run.map(|change| (Arc::clone(&active.brief), change)));
        let (hosts, all) = (&active.hosts, self.moves.len());
        self.asks.extend(output.asks.into_iter().map(|(target, ask)| Asked {
            brief: Arc::clone(&active.brief),
            target,
            host: Arc::clone(&hosts[target as usize]),
            ask,
            first: first.contains_key(&target),
            after: first.get(&target).copied().unwrap_or(all),
        }));
    }

    /// Adds a later batch.
    fn append(&mut self, later: Self) {
        let before = self.moves.len();
        self.moves.extend(later.moves);
        self.runs.extend(later.runs);
        let behind = |asked: Asked| Asked { after: before + asked.after, ..asked };
        self.asks.extend(later.asks.into_iter().map(behind));
        self.offline.extend(later.offline);
    }
}

fn move_to(change: &Change, reply: Option<String>) -> Option<MoveTo> {
    let why = change.why.clone();
    Some(match change.state {
        TargetState::Waiting => return None,
        TargetState::Queued => MoveTo::Queued { why: why.map(String::from) },
        TargetState::Sent => MoveTo::Sent,
        TargetState::Running => MoveTo::Running,
        TargetState::Ended(state) => {
            let end = End { state, code: change.code, why };
            match reply {
                Some(reply) => MoveTo::Replied { end, reply },
                None => MoveTo::Ended(end),
            }
        }
    })
}

/// The end that writes and sends.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) doors: Doors,
    pub(super) batches: mpsc::Receiver<Batch>,
    pub(super) inbox: mpsc::UnboundedSender<Told>,
}

impl Committer {
    /// Works until the driver ends or the controller stops. Requests that wait for their replies are
    /// left: the rows say that they were sent.
    pub(super) async fn run(mut self, mut stop: Stop) {
        let mut waiting = JoinSet::new();
        loop {
            let batch = tokio::select! {
                batch = self.batches.recv() => batch,
                Some(_) = waiting.join_next() => continue,
                () = stop.requested() => return,
            };
            let Some(mut batch) = batch else { return };
            // What came meanwhile goes into the same transactions.
            while batch.moves.len() < MAX_MOVES
                && let Ok(next) = self.batches.try_recv()
            {
                batch.append(next);
            }
            tokio::select! {
                () = self.commit(batch, &mut waiting) => {}
                () = stop.requested() => return,
            }
        }
    }

    /// Writes the rows, however long that takes, and sends what they allow: a part after the other, so
    /// that thousands of hosts do not get their requests in one moment, for which everything else
    /// would have to wait.
    async fn commit(&self, batch: Batch, waiting: &mut JoinSet<()>) {
        let Batch { moves, runs, asks, offline } = batch;
        let (mut moves, mut written) = (moves.into_iter(), 0);
        let mut asks = asks.into_iter().peekable();
        while moves.len() > 0 {
            let part: Vec<TargetMove> = moves.by_ref().take(MAX_MOVES).collect();
            written += part.len();
            self.write(part).await;
            // Read for each part: they may change meanwhile.
            let mut roles = HashMap::new();
            // The last part's requests are sent when the runs' rows are written, too.
            while moves.len() > 0
                && let Some(asked) = asks.next_if(|asked| asked.after <= written)
            {
                self.send(asked, &mut roles, waiting).await;
            }
        }
        for (brief, change) in runs {
            let mut reported = false;
            while again(self.write_run(&brief, &change).await, &mut reported).await {}
        }
        let mut roles = HashMap::new();
        for (sent, asked) in asks.enumerate() {
            if sent % MAX_MOVES == MAX_MOVES - 1 {
                yield_now().await;
            }
            self.send(asked, &mut roles, waiting).await;
        }
        self.look_at(offline, waiting);
    }

    async fn write(&self, moves: Vec<TargetMove>) {
        let mut reported = false;
        loop {
            let written = self.doors.store.move_targets(moves.clone(), now()).await;
            if !again(written.map(|_| ()), &mut reported).await {
                return;
            }
        }
    }

    async fn write_run(&self, brief: &Brief, change: &RunChange) -> Result<(), StoreError> {
        let store = &self.doors.store;
        match change {
            RunChange::Stopping(end, why) => {
                log::warn!("run {}: nothing more is sent: {why}", brief.id);
                let stop = StopRun { end: *end, why: Some(why.to_string()), at: now() };
                store.stop_run(&brief.id, stop).await.map(|_| ())
            }
            RunChange::Ended(end, why) => {
                log::info!("run {}: {end}", brief.id);
                let why = why.as_ref().map(ToString::to_string);
                store.end_run(brief.number, *end, why, now()).await
            }
        }
    }

    /// Sends a request, and lets the wait for its reply go on by itself. One after the other: a host
    /// gets its requests in the order of their runs.
    async fn send(
        &self,
        Asked { brief, target, host, ask, first, .. }: Asked,
        roles: &mut HashMap<i64, Arc<Roles>>,
        waiting: &mut JoinSet<()>,
    ) {
        let roles = match roles.get(&brief.number) {
            Some(roles) => Arc::clone(roles),
            None => {
                let found = self.doors.roles(&brief).await.unwrap_or_else(|error| {
                    Roles::Nowhere(format!("the operator's roles cannot be read: {error}"))
                });
                Arc::clone(roles.entry(brief.number).or_insert(Arc::new(found)))
            }
        };
        let sent = self.doors.send(&brief, &host, ask, first.then_some(&*roles)).await;
        let sent = sent.unwrap_or_else(|error| {
            log::warn!("run {}: cannot judge {host}: {error}", brief.id);
            Sent::No(Happened::Unanswered)
        });
        let inbox = self.inbox.clone();
        let tell = move |run, happened| {
            // The driver has ended: the next one asks again.
            let _ = inbox.send(Told { run, target, happened });
        };
        match sent {
            Sent::No(happened) => tell(brief.number, happened),
            Sent::Yes(reply) => {
                waiting.spawn(async move {
                    tell(brief.number, brief.answer(ask, reply).await);
                });
            }
        }
    }

    /// Looks at the standings of hosts without a channel whose turn has come.
    fn look_at(&self, offline: Vec<(i64, u32, Arc<str>)>, waiting: &mut JoinSet<()>) {
        if offline.is_empty() {
            return;
        }
        let (doors, inbox) = (self.doors.clone(), self.inbox.clone());
        waiting.spawn(async move {
            for (run, target, host) in offline {
                match doors.standing(&host).await {
                    Ok(None) => {}
                    Ok(Some(happened)) => {
                        // The driver has ended, as above.
                        let _ = inbox.send(Told { run, target, happened });
                    }
                    Err(error) => log::warn!("{host}: its standing is unknown: {error}"),
                }
            }
        });
    }
}

/// Returns whether a write is to be tried again, after a wait: it failed, and may work later.
async fn again(written: Result<(), StoreError>, reported: &mut bool) -> bool {
    match written {
        Ok(()) => false,
        Err(error @ (StoreError::NotFound(_) | StoreError::Conflict(_))) => {
            log::error!("cannot write how a run goes: {error}");
            false
        }
        Err(error @ (StoreError::Full(_) | StoreError::Unavailable { .. })) => {
            if !std::mem::replace(reported, true) {
                log::error!("runs wait for the disk, nothing is sent: {error}");
            }
            sleep(RETRY).await;
            true
        }
    }
}

/// Returns the time since 1970.
pub(super) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis::try_from(since.as_millis()).unwrap_or(UnixMillis::MAX)
}
