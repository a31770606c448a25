//! The turns for TLS handshakes: so many a second, and for no address more than its share.
//!
//! A handshake is the dearest thing that a peer without a certificate can ask for, and all agents
//! ask for it at once when a controller comes back. An agent whose turn is near waits for it. The
//! others are told when to come back, each at a time of its own; then they are expected, and get
//! their turn.
//!
//! A turn is the time at which a handshake may start. Turns are given away in lanes, each at a rate
//! of its own ("virtual scheduling", ITU-T I.371). One source address may take half of the rate; an
//! address that asks for more (a flood, or many hosts behind one address) does so in a second lane,
//! beside the others and not before them.
//!
//! Handshakes that start later than their turns say that the processors cannot keep up with the
//! rate. Then further agents are spread over a longer time, until it can.

use super::places::source;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// The longest wait for a turn of an agent that can be told to come back.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest wait of a peer that has come back, or that cannot be told anything before TLS. It
/// expects a byte within 10 s (PROTOCOL §2).
const MAX_WAIT: Duration = Duration::from_secs(7);

/// The longest and the shortest window over which agents are spread.
const MAX_WINDOW: Duration = Duration::from_secs(600);
const MIN_WINDOW: Duration = Duration::from_secs(10);

/// An agent that comes back later than this after its time, beside a fifth of the time, is a new
/// one.
const LATE: Duration = Duration::from_secs(30);

/// The time over which the delay of starts is watched, and the delays at which the rate is taken
/// for too high, and for low enough.
const WATCH: Duration = Duration::from_millis(250);
const BEHIND: Duration = Duration::from_millis(500);
const IN_TIME: Duration = Duration::from_millis(100);

/// The longest time of one promised turn, in sixteenths of the rate's.
const SLOWEST: u32 = 16 * 16;

/// The time between two sweeps of what has passed.
const SWEEP: Duration = Duration::from_secs(1);

/// The most sources that are kept at once.
const MAX_SOURCES: usize = 1 << 16;

/// The turns.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The time that one handshake takes of all.
    each: Duration,
    /// The time to serve every agent that there is room for.
    window: Duration,
    /// The most agents that are expected back.
    max_expected: usize,
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Turns that are promised: to agents that may start, and to those that are to come back.
    promised: Lane,
    /// Handshakes that start.
    starts: Lane,
    /// Handshakes that start from addresses that ask for more than their share, at half the rate.
    crowd: Lane,
    /// The turns of each source until then are given away or promised.
    sources: HashMap<IpAddr, Lane>,
    /// The agents that are to come back, by a digest of their name.
    expected: HashMap<u64, Expected>,
    /// The time of one promised turn, in sixteenths of the rate's.
    slowness: u32,
    /// The longest delay of a start since then.
    watched: (Instant, Duration),
    swept: Instant,
}

/// Turns at one rate.
#[derive(Clone, Copy, Debug)]
struct Lane {
    each: Duration,
    /// The turns until then are taken.
    until: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    is_crowd: bool,
    /// The time at which the promise is forgotten.
    until: Instant,
}

/// What a peer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Wait until then, and start.
    At(Instant),
    /// Come back after so many seconds.
    Later(u64),
}

impl Admission {
    /// Admits `rate` handshakes a second, of a fleet of at most `room` agents.
    pub(crate) fn new(rate: u32, room: usize) -> Self {
        let now = Instant::now();
        let each = Duration::from_secs(1) / rate.max(1);
        let window = each.saturating_mul(u32::try_from(room).unwrap_or(u32::MAX));
        let lane = Lane { each, until: now };
        Self {
            each,
            window: window.clamp(MIN_WINDOW, MAX_WINDOW),
            max_expected: room.saturating_mul(2),
            hasher: RandomState::new(),
            state: Mutex::new(State {
                promised: lane,
                starts: lane,
                crowd: Lane { each: each * 2, until: now },
                sources: HashMap::new(),
                expected: HashMap::new(),
                slowness: 16,
                watched: (now, Duration::ZERO),
                swept: now,
            }),
        }
    }

    /// Decides on an agent before TLS. Its name is only a hint: nobody has verified it. Where
    /// places are short (`crowded`), only an agent that was told to come back may wait.
    pub(super) fn announced(
        &self,
        host: &str,
        address: IpAddr,
        crowded: bool,
        now: Instant,
    ) -> Turn {
        let digest = self.hasher.hash_one(host);
        let mut state = self.state.lock();
        state.sweep(now);
        if let Some(Expected { is_crowd, .. }) = state.expected.remove(&digest)
            && let Some(start) = state.start(is_crowd, now)
        {
            return Turn::At(start);
        }
        let window = self.window_at(state.slowness);
        let Some((turn, is_crowd)) = self.promise(&mut state, address, window, now) else {
            // Nothing can be promised.
            return Turn::Later(1 + digest % window.as_secs());
        };
        let patience = if crowded { Duration::ZERO } else { PATIENCE };
        if turn - now <= patience
            && let Some(start) = state.start(is_crowd, now)
        {
            return Turn::At(start.max(turn));
        }
        let away = (turn - now).max(PATIENCE);
        if state.expected.len() < self.max_expected {
            let until = now + away + away / 5 + LATE;
            state.expected.insert(digest, Expected { is_crowd, until });
        }
        Turn::Later(away.as_secs() + u64::from(away.subsec_nanos() > 0))
    }

    /// Decides on a peer whose first byte belongs to TLS, and which cannot be told anything; `None`
    /// if its turn is too far away.
    pub(super) fn unannounced(&self, address: IpAddr, now: Instant) -> Option<Instant> {
        let mut state = self.state.lock();
        state.sweep(now);
        let (turn, is_crowd) = self.promise(&mut state, address, MAX_WAIT, now)?;
        Some(state.start(is_crowd, now)?.max(turn))
    }

    /// Notes that a handshake starts whose turn was at `turn`.
    pub(super) fn started(&self, turn: Instant, now: Instant) {
        let mut state = self.state.lock();
        let (since, delay) = state.watched;
        let delay = delay.max(now.saturating_duration_since(turn));
        if now.saturating_duration_since(since) < WATCH {
            state.watched.1 = delay;
            return;
        }
        state.watched = (now, Duration::ZERO);
        if delay > BEHIND {
            state.slowness = (state.slowness * 5 / 4).min(SLOWEST);
        } else if delay < IN_TIME {
            let faster = (state.slowness * 4 / 5).max(16);
            // What is promised already must leave room for further promises.
            let promised = state.promised.until.saturating_duration_since(now);
            if promised <= self.window_at(faster) / 2 {
                state.slowness = faster;
            }
        }
        state.promised.each = self.each * state.slowness / 16;
    }

    /// Returns the time over which so many agents are to be spread, in whole seconds.
    pub(crate) fn seconds_for(&self, agents: usize) -> u64 {
        let agents = u32::try_from(agents).unwrap_or(u32::MAX);
        self.each.saturating_mul(agents).min(MAX_WINDOW).as_secs() + 1
    }

    /// Returns the window over which agents are spread at this slowness.
    fn window_at(&self, slowness: u32) -> Duration {
        (self.window * slowness / 16).min(MAX_WINDOW)
    }

    /// Promises the next turn to a source, unless it is further away than `most`; says whether the
    /// source asks for more than its share.
    fn promise(
        &self,
        state: &mut State,
        address: IpAddr,
        most: Duration,
        now: Instant,
    ) -> Option<(Instant, bool)> {
        let source = source(address);
        let share = Lane { each: self.each * 2, until: now };
        let mut lane = state.sources.get(&source).copied().unwrap_or(share);
        let own = lane.take(now, most)?;
        if state.sources.len() < MAX_SOURCES || state.sources.contains_key(&source) {
            state.sources.insert(source, lane);
        }
        if own - now > PATIENCE {
            return Some((own, true));
        }
        Some((state.promised.take(now, most)?.max(own), false))
    }
}

impl Lane {
    /// Takes the next turn, unless it is further away than `most`.
    fn take(&mut self, now: Instant, most: Duration) -> Option<Instant> {
        let turn = self.until.max(now);
        if turn - now > most {
            return None;
        }
        self.until = turn + self.each;
        Some(turn)
    }
}

impl State {
    /// Takes the next start, unless it is too far away.
    fn start(&mut self, is_crowd: bool, now: Instant) -> Option<Instant> {
        let lane = if is_crowd { &mut self.crowd } else { &mut self.starts };
        lane.take(now, MAX_WAIT)
    }

    /// Forgets what has passed, once in a while.
    fn sweep(&mut self, now: Instant) {
        if now - self.swept < SWEEP {
            return;
        }
        self.swept = now;
        self.sources.retain(|_, lane| lane.until > now);
        self.expected.retain(|_, expected| expected.until > now);
        if self.expected.is_empty() {
            self.expected.shrink_to(64);
        }
    }
}

#[cfg(test)]
mod tests;
