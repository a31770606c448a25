//! Decides when each connected host is asked, and asks it.
//!
//! Hosts stand in a line by the time at which they are due. The head of the line is asked when it is
//! due, a place among those that are asked is free, and the pace allows it. A host that an operator
//! asks for goes to the head, and waits for the pace too.

use super::Settings;
use super::line::Line;
use super::round::{self, Outcome, RoundError};
use crate::agents::{NoReply, Notice, Registry};
use crate::audit;
use crate::stop::Stop;
use crate::store::{Store, StoreError};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Hosts that are asked at once.
const AT_ONCE: usize = 64;

/// Requests of operators that wait.
const MAX_REQUESTS: usize = 1024;

/// A host that comes back is asked again only if it was not asked within this time: one whose
/// connection flaps would be asked all the time.
const QUIET: Duration = Duration::from_secs(300);

/// A host that did not answer is asked again after this time.
const RETRY: Duration = Duration::from_secs(600);

/// The jitter of the next round, as a share of the time between rounds: one in…
const JITTER: u32 = 10;

/// The end that the API holds.
#[derive(Clone, Debug)]
pub(crate) struct Collector(mpsc::Sender<Request>);

/// What a refresh found.
#[derive(Clone, Debug)]
pub(crate) struct Refreshed {
    /// Methods whose document is another one than before.
    pub(crate) changed: Vec<String>,
    /// Methods that the host has no provider for.
    pub(crate) absent: Vec<String>,
    /// Methods whose provider failed, and the agent's sentence.
    pub(crate) failed: Vec<(String, String)>,
}

/// Why there was no refresh.
#[derive(Debug)]
pub(crate) enum NotRefreshed {
    /// The host is not connected.
    NotConnected,
    /// The host did not answer.
    NoReply(NoReply),
    /// Its reply cannot be used, for this reason.
    Unreadable(Arc<str>),
    /// Its answers cannot be stored.
    Store(StoreError),
    /// Too many requests wait, or the controller is shutting down.
    Busy,
}

struct Request {
    host: Arc<str>,
    answer: oneshot::Sender<Result<Refreshed, NotRefreshed>>,
}

/// The task's own end.
pub(crate) struct CollectorTask {
    requests: mpsc::Receiver<Request>,
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
}

/// Makes both ends.
pub(crate) fn collector(
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    settings: Settings,
) -> (Collector, CollectorTask) {
    let (sender, requests) = mpsc::channel(MAX_REQUESTS);
    let settings = Arc::new(settings);
    (Collector(sender), CollectorTask { requests, registry, store, settings })
}

impl Collector {
    /// Asks a host now, and waits until its answers are stored.
    ///
    /// # Errors
    /// When the host is not connected or does not answer, or its answers cannot be stored.
    pub(crate) async fn refresh(&self, host: &str) -> Result<Refreshed, NotRefreshed> {
        let (answer, answered) = oneshot::channel();
        let request = Request { host: host.into(), answer };
        self.0.try_send(request).map_err(|_| NotRefreshed::Busy)?;
        answered.await.unwrap_or(Err(NotRefreshed::Busy))
    }
}

type Waiting = oneshot::Sender<Result<Refreshed, NotRefreshed>>;

/// The task at work.
struct Work {
    registry: Arc<Registry>,
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    line: Line,
    running: JoinSet<(Arc<str>, Result<Outcome, RoundError>)>,
    asked_now: HashSet<Arc<str>>,
    waiting: HashMap<Arc<str>, Vec<Waiting>>,
    /// Those that asked while the host was being asked: what it answers may be older than the change
    /// that they want to see, so it is asked again.
    later: HashMap<Arc<str>, Vec<Waiting>>,
    /// The last answers could not be stored.
    failing: bool,
    /// When the last round of a connected host ended.
    ended: HashMap<Arc<str>, Instant>,
    /// Before this, the pace allows no further one.
    free_at: Instant,
}

impl CollectorTask {
    /// Works until the controller stops.
    pub(crate) async fn run(self, mut stop: Stop) {
        let Self { mut requests, registry, store, settings } = self;
        let mut notices = registry.notices();
        let mut work = Work {
            registry,
            store,
            settings,
            line: Line::default(),
            running: JoinSet::new(),
            asked_now: HashSet::new(),
            waiting: HashMap::new(),
            later: HashMap::new(),
            failing: false,
            ended: HashMap::new(),
            free_at: Instant::now(),
        };
        work.look_at_all();
        loop {
            work.ask_who_is_due();
            let next = work.wake_at();
            tokio::select! {
                notice = notices.recv() => match notice {
                    Ok(notice) => work.noticed(&notice),
                    Err(RecvError::Lagged(_)) => work.look_at_all(),
                    Err(RecvError::Closed) => return,
                },
                Some(request) = requests.recv() => work.requested(request),
                Some(ended) = work.running.join_next(), if !work.running.is_empty() => {
                    match ended {
                        Ok((host, outcome)) => work.ended(&host, outcome),
                        Err(error) => log::error!("asking a host for facts failed: {error}"),
                    }
                }
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
                () = stop.requested() => return,
            }
        }
    }
}

impl Work {
    /// Asks hosts as long as one is due, a place is free, and the pace allows it.
    fn ask_who_is_due(&mut self) {
        let now = Instant::now();
        let gap = Duration::from_secs(1) / self.settings.rate.max(1);
        while self.running.len() < AT_ONCE && self.free_at <= now {
            let Some(host) = self.line.take(now) else { return };
            let Some(reach) = self.registry.reach(&host) else {
                self.answer(&host, |()| Err(NotRefreshed::NotConnected));
                continue;
            };
            self.free_at = self.free_at.max(now.checked_sub(gap).unwrap_or(now)) + gap;
            self.asked_now.insert(Arc::clone(&host));
            let (store, settings) = (Arc::clone(&self.store), Arc::clone(&self.settings));
            self.running.spawn(async move {
                let outcome = round::run(&host, &reach, &*store, &settings).await;
                (host, outcome)
            });
        }
    }

    /// Returns when there is something to do though nothing happens.
    fn wake_at(&self) -> Option<Instant> {
        if self.running.len() >= AT_ONCE {
            return None;
        }
        self.line.next().map(|due| due.max(self.free_at))
    }

    fn noticed(&mut self, notice: &Notice) {
        // Each node asks the hosts that it has; of others, those that its operators ask for.
        if self.registry.find(&notice.host).is_none() {
            if !self.waiting.contains_key(&notice.host) {
                self.line.remove(&notice.host);
            }
            return;
        }
        if !notice.came {
            return;
        }
        if self.settings.every.is_zero() || self.asked_now.contains(&notice.host) {
            return;
        }
        let now = Instant::now();
        match self.ended.get(&notice.host) {
            Some(ended) if now.duration_since(*ended) < QUIET => {
                let due = *ended + QUIET;
                self.line.put(&notice.host, due);
            }
            _ => self.line.put(&notice.host, now),
        }
    }

    /// Puts every connected host into the line that is not in it.
    fn look_at_all(&mut self) {
        let connected: HashSet<Arc<str>> =
            self.registry.all().iter().map(|session| Arc::from(session.host.as_str())).collect();
        for host in &connected {
            if !self.line.has(host) {
                self.noticed(&Notice { host: Arc::clone(host), came: true });
            }
        }
        self.ended.retain(|host, _| connected.contains(host));
    }

    fn requested(&mut self, Request { host, answer }: Request) {
        if !self.registry.is_connected(&host) {
            // Whoever asked may have gone.
            let _ = answer.send(Err(NotRefreshed::NotConnected));
            return;
        }
        if self.asked_now.contains(&host) {
            self.later.entry(host).or_default().push(answer);
            return;
        }
        self.waiting.entry(Arc::clone(&host)).or_default().push(answer);
        self.put_first(&host);
    }

    fn put_first(&mut self, host: &Arc<str>) {
        let now = Instant::now();
        let head = self.line.next().map_or(now, |head| head.min(now));
        self.line.put(host, head.checked_sub(Duration::from_millis(1)).unwrap_or(head));
    }

    fn ended(&mut self, host: &Arc<str>, outcome: Result<Outcome, RoundError>) {
        self.asked_now.remove(host);
        let now = Instant::now();
        let again = match &outcome {
            Ok(outcome) => {
                if std::mem::take(&mut self.failing) {
                    log::info!("facts are stored again");
                }
                if !outcome.stored.changed.is_empty() {
                    log::debug!("{host}: facts changed: {}", outcome.stored.changed.join(", "));
                }
                self.ended.insert(Arc::clone(host), now);
                jittered(self.settings.every, host)
            }
            Err(error) => {
                if matches!(error, RoundError::Store(_))
                    && !std::mem::replace(&mut self.failing, true)
                {
                    log::error!(
                        "cannot store facts, so hosts keep those of before, and are asked again \
                         later: {error} (first: host {host})"
                    );
                }
                log::debug!("{host}: facts: {error}");
                RETRY.min(self.settings.every)
            }
        };
        if !self.settings.every.is_zero() && self.registry.find(host).is_some() {
            self.line.put(host, now + again);
        }
        let waiting = self.waiting.remove(host).unwrap_or_default();
        let outcome = Arc::new(outcome);
        for one in waiting {
            // Whoever asked may have gone.
            let _ = one.send(result_of(&outcome));
        }
        if let Some(later) = self.later.remove(host) {
            self.waiting.insert(Arc::clone(host), later);
            self.put_first(host);
        }
    }

    fn answer(&mut self, host: &str, why: impl Fn(()) -> Result<Refreshed, NotRefreshed>) {
        for one in self.waiting.remove(host).unwrap_or_default() {
            // As above.
            let _ = one.send(why(()));
        }
    }
}

/// Returns what an operator learns of a round.
fn result_of(outcome: &Result<Outcome, RoundError>) -> Result<Refreshed, NotRefreshed> {
    match outcome {
        Ok(Outcome { stored, absent, failed }) => Ok(Refreshed {
            changed: stored.changed.clone(),
            absent: absent.clone(),
            failed: failed.clone(),
        }),
        Err(RoundError::NoReply(why)) => Err(NotRefreshed::NoReply(why.clone())),
        Err(RoundError::Unreadable(why)) => Err(NotRefreshed::Unreadable(why.as_str().into())),
        Err(RoundError::Store(error)) => Err(NotRefreshed::Store(error.again())),
    }
}

/// Returns the time between two rounds of a host, a little more or less: by its name and the time,
/// so that hosts that were asked together drift apart.
fn jittered(every: Duration, host: &str) -> Duration {
    let seed = format!("{host} {}", audit::now());
    let digest = fleet::Digest::of(seed.as_bytes());
    let share = u32::from(digest.as_bytes()[0]) * 2;
    let span = every / JITTER;
    every - span + span * share / 255
}

impl fmt::Debug for CollectorTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorTask").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_of_hosts_that_were_asked_together_drift_apart_within_a_tenth() {
        let every = Duration::from_secs(6 * 3600);
        let times: HashSet<Duration> =
            (0..100).map(|number| jittered(every, &format!("host-{number}"))).collect();
        assert!(times.len() > 50);
        for time in times {
            assert!(time >= every - every / 10 && time <= every + every / 10, "{time:?}");
        }
    }
}
