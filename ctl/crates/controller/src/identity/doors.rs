//! How often anybody may ask to join: in all, from one address, and after wrong tokens.
//!
//! A token can allow one address more than the others, for hosts behind one NAT. Its rate is looked
//! up only when the address has come too often for the common one.

use fleet::TokenId;
use fleet::rate::{Bucket, Rate, Source, Sources};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Sources that are remembered.
const MAX_SOURCES: usize = 16_384;

/// Wrong tokens, or wrong proofs, from one source before it has to pause.
const MAX_WRONG: u32 = 10;

/// The pause.
const PAUSE: Duration = Duration::from_secs(60);

/// Tokens whose own rate is remembered…
const MAX_TOKENS: usize = 1_024;

/// …for so long.
const TOKEN_AGE: Duration = Duration::from_secs(10);

/// Sources that are remembered for one token with a rate of its own.
const MAX_TOKEN_SOURCES: usize = 256;

/// The doors.
pub(super) struct Doors {
    all: Rate,
    per_source: Rate,
    state: Mutex<State>,
}

struct State {
    all: Bucket,
    sources: Sources,
    wrong: HashMap<Source, Wrong>,
    tokens: HashMap<TokenId, TokenRate>,
}

/// A token's own rate, if it has one.
struct TokenRate {
    rate: Option<u32>,
    /// When it was looked up.
    at: Instant,
    /// The sources that joined by it. They are apart from those of the common rate: a bucket that
    /// one rate has filled may be closed for a long time by another.
    sources: Sources,
}

#[derive(Clone, Copy)]
struct Wrong {
    since: Instant,
    count: u32,
}

/// The answer to one more host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// It may ask.
    Open,
    /// Too many come, from everywhere.
    Crowded,
    /// Too many come from its address, by the common rate or the token's own.
    TooOften,
    /// Its address sent too many wrong tokens, and has to wait.
    Paused(Duration),
}

impl Doors {
    /// Makes the doors for so many hosts a second.
    pub(super) fn new(all: u32, per_source: u32) -> Self {
        let state = State {
            all: Bucket::FULL,
            sources: Sources::new(MAX_SOURCES),
            wrong: HashMap::new(),
            tokens: HashMap::new(),
        };
        Self {
            all: Rate::per_second(all),
            per_source: Rate::per_second(per_source),
            state: Mutex::new(state),
        }
    }

    /// Asks for one host; `token` has a rate of its own, which was [noted](Self::note_token).
    pub(super) fn enter(&self, source: IpAddr, token: Option<&TokenId>, now: Instant) -> Door {
        let state = &mut *self.state.lock();
        let wrong = state.wrong.get(&Source::of(source));
        if let Some(Wrong { since, count: MAX_WRONG.. }) = wrong
            && let Some(left) = PAUSE.checked_sub(now.saturating_duration_since(*since))
        {
            return Door::Paused(left);
        }
        let own = token.and_then(|id| state.tokens.get_mut(id));
        let taken = match own {
            Some(TokenRate { rate: Some(rate), sources, .. }) => {
                sources.take(source, Rate::per_second(*rate), now)
            }
            Some(TokenRate { rate: None, .. }) | None => {
                state.sources.take(source, self.per_source, now)
            }
        };
        if taken.is_err() {
            return Door::TooOften;
        }
        match state.all.take(self.all, now) {
            Ok(()) => Door::Open,
            Err(_) => Door::Crowded,
        }
    }

    /// Counts a wrong token or proof. Returns whether the source has to pause from now on.
    pub(super) fn wrong(&self, source: IpAddr, now: Instant) -> bool {
        let mut state = self.state.lock();
        if state.wrong.len() >= MAX_SOURCES {
            state.wrong.retain(|_, wrong| now.saturating_duration_since(wrong.since) < PAUSE);
        }
        if state.wrong.len() >= MAX_SOURCES {
            return false;
        }
        let entry = state.wrong.entry(Source::of(source));
        let wrong = entry.or_insert(Wrong { since: now, count: 0 });
        if now.saturating_duration_since(wrong.since) >= PAUSE {
            *wrong = Wrong { since: now, count: 0 };
        }
        wrong.count += 1;
        if wrong.count == MAX_WRONG {
            wrong.since = now;
        }
        wrong.count == MAX_WRONG
    }

    /// Returns the remembered rate of a token; `None` where it has to be looked up.
    pub(super) fn token(&self, id: &TokenId, now: Instant) -> Option<Option<u32>> {
        let state = self.state.lock();
        let TokenRate { rate, at, .. } = state.tokens.get(id)?;
        (now.saturating_duration_since(*at) < TOKEN_AGE).then_some(*rate)
    }

    /// Remembers the rate of a token.
    pub(super) fn note_token(&self, id: TokenId, rate: Option<u32>, now: Instant) {
        let mut state = self.state.lock();
        if let Some(known) = state.tokens.get_mut(&id) {
            (known.rate, known.at) = (rate, now);
            return;
        }
        if state.tokens.len() >= MAX_TOKENS {
            state.tokens.clear();
        }
        let sources = Sources::new(MAX_TOKEN_SOURCES);
        state.tokens.insert(id, TokenRate { rate, at: now, sources });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    #[test]
    fn one_source_and_all_together_are_bounded() {
        let doors = Doors::new(6, 5);
        let now = Instant::now();
        let asked: Vec<_> = (0..6).map(|_| doors.enter(HERE, None, now)).collect();
        assert_eq!(asked[..5], [Door::Open; 5]);
        assert_eq!(asked[5], Door::TooOften);
        assert_eq!(doors.enter(THERE, None, now), Door::Open);
        assert_eq!(doors.enter(THERE, None, now), Door::Crowded);
        assert_eq!(doors.enter(HERE, None, now + Duration::from_secs(1)), Door::Open);
    }

    #[test]
    fn a_tokens_own_rate_lets_more_in_from_one_source() {
        let doors = Doors::new(1000, 5);
        let now = Instant::now();
        let token = TokenId::new("0123456789ab").unwrap();
        doors.note_token(token.clone(), Some(100), now);
        let open = |times, token, now| {
            (0..times).filter(|_| doors.enter(HERE, token, now) == Door::Open).count()
        };
        assert_eq!(open(200, Some(&token), now), 100);
        // Whoever asks by the common rate first and by the token's then is not held to the common
        // one, also when the token's rate is looked up again.
        let later = now + Duration::from_secs(60);
        assert_eq!(open(20, None, later), 5);
        doors.note_token(token.clone(), Some(100), later);
        assert_eq!(open(200, Some(&token), later), 100);
    }

    #[test]
    fn a_source_pauses_after_ten_wrong_tokens_and_others_do_not() {
        let doors = Doors::new(1000, 1000);
        let now = Instant::now();
        assert!((1..10).all(|_| !doors.wrong(HERE, now)));
        assert_eq!(doors.enter(HERE, None, now), Door::Open);
        assert!(doors.wrong(HERE, now));
        assert_eq!(doors.enter(HERE, None, now), Door::Paused(PAUSE));
        assert_eq!(doors.enter(THERE, None, now), Door::Open);
        let later = now + PAUSE + Duration::from_secs(1);
        assert_eq!(doors.enter(HERE, None, later), Door::Open);
        assert!(!doors.wrong(HERE, later));
    }
}
