//! Failed log-ins, counted by name and by address: after a few, further ones are refused for a
//! while without a look at the password.
//!
//! An address from which an operator has logged in counts by itself, so that strangers who guess
//! cannot lock the operator out of it.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Failures of one name, or from one address, before a pause.
const MAX_FAILED: u32 = 10;

/// The time after which a count starts anew.
pub(crate) const PAUSE: Duration = Duration::from_secs(60);

/// Names, and addresses, that are counted apart; more of them count as one.
const MAX_COUNTED: usize = 1024;

/// Pairs of name and address that are remembered for a successful log-in.
const MAX_KNOWN: usize = 1024;

/// The bytes of a name that are counted: no operator's name is longer.
const MAX_NAME: usize = 64;

/// The log-ins of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    names: Counts<String>,
    sources: Counts<IpAddr>,
    known: VecDeque<(String, IpAddr)>,
    known_failed: Counts<(String, IpAddr)>,
}

impl Attempts {
    /// Returns whether an operator may try to log in, and counts the attempt as failed until
    /// [`Attempts::succeeded`]: many attempts at once are not more than one after the other.
    ///
    /// An attempt that names nobody, by a link, counts by its address alone: strangers' wrong links
    /// stop nobody else's.
    pub(crate) fn begin(&self, name: Option<&str>, source: IpAddr, now: Instant) -> bool {
        let (named, source) = key(name.unwrap_or_default(), source);
        let mut state = self.0.lock();
        let Some(name) = name.map(|_| named) else { return state.sources.count(source, now) };
        let pair = (name, source);
        if state.known.contains(&pair) {
            return state.known_failed.count(pair, now);
        }
        let (name, source) = pair;
        // Both count, whether or not the other refuses.
        let by_name = state.names.count(name, now);
        let by_source = state.sources.count(source, now);
        by_name && by_source
    }

    /// Forgets the failures of a name and an address.
    pub(crate) fn succeeded(&self, name: &str, source: IpAddr) {
        let pair = key(name, source);
        let mut state = self.0.lock();
        state.names.forget(&pair.0);
        state.sources.forget(&pair.1);
        state.known_failed.forget(&pair);
        state.known.retain(|known| *known != pair);
        if state.known.len() >= MAX_KNOWN {
            state.known.pop_front();
        }
        state.known.push_back(pair);
    }
}

/// Shortens a name, and an IPv6 address to its network: one host has a whole /64.
fn key(name: &str, source: IpAddr) -> (String, IpAddr) {
    let mut end = name.len().min(MAX_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let source = match source.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    };
    (name[..end].to_owned(), source)
}

#[derive(Debug)]
struct Counts<K>(HashMap<Option<K>, (Instant, u32)>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash + Clone> Counts<K> {
    /// Counts an attempt; returns whether it is within the bound.
    fn count(&mut self, key: K, now: Instant) -> bool {
        if self.0.len() >= MAX_COUNTED {
            self.0.retain(|_, (since, _)| now.duration_since(*since) < PAUSE);
        }
        let key = Some(key);
        let known = self.0.contains_key(&key) || self.0.len() < MAX_COUNTED;
        let (since, count) = self.0.entry(if known { key } else { None }).or_insert((now, 0));
        if now.duration_since(*since) >= PAUSE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= MAX_FAILED
    }

    fn forget(&mut self, key: &K) {
        self.0.remove(&Some(key.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    #[test]
    fn a_name_and_an_address_pause_after_some_failures() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        assert!((0..MAX_FAILED).all(|number| attempts.begin(Some("ann"), source(number), now)));
        assert!(!attempts.begin(Some("ann"), source(99), now), "by name");
        assert!(attempts.begin(Some("bob"), source(1), now));
        let (attempts, now) = (Attempts::default(), Instant::now());
        assert!((0..MAX_FAILED).all(|n| attempts.begin(Some(&format!("n{n}")), source(1), now)));
        assert!(!attempts.begin(Some("zoe"), source(1), now), "by address");
        assert!(attempts.begin(Some("zoe"), source(2), now));
        assert!(attempts.begin(Some("zoe"), source(1), now + PAUSE));
    }

    #[test]
    fn wrong_links_pause_their_own_address_alone() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        assert!((0..MAX_FAILED).all(|_| attempts.begin(None, source(1), now)));
        assert!(!attempts.begin(None, source(1), now));
        assert!(!attempts.begin(Some("ann"), source(1), now), "passwords from there, too");
        for other in 2..20 {
            assert!((0..MAX_FAILED).all(|_| attempts.begin(None, source(other), now)), "{other}");
        }
        assert!(attempts.begin(None, source(1), now + PAUSE));
        attempts.succeeded("ann", source(1));
        assert!(attempts.begin(None, source(1), now), "a good link ends the pause");
    }

    #[test]
    fn strangers_do_not_lock_an_operator_out_of_a_known_address() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        assert!(attempts.begin(Some("ann"), source(1), now));
        attempts.succeeded("ann", source(1));
        assert!((0..100).any(|number| !attempts.begin(Some("ann"), source(2 + number), now)));
        assert!(attempts.begin(Some("ann"), source(1), now));
        assert!(
            (0..100).any(|_| !attempts.begin(Some("ann"), source(1), now)),
            "it is bounded too"
        );
    }

    #[test]
    fn many_names_and_addresses_count_as_one_and_cost_no_more_memory() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..5000 {
            attempts.begin(Some(&format!("{}{number}", "é".repeat(100))), source(number), now);
            attempts.succeeded(&format!("n{number}"), source(number));
            attempts.begin(Some(&format!("m{number}")), source(number + 10_000), now);
        }
        let state = attempts.0.lock();
        assert!(state.names.0.len() <= MAX_COUNTED + 1 && state.sources.0.len() <= MAX_COUNTED + 1);
        assert!(state.known.len() <= MAX_KNOWN);
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let address = |low: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, low, 0, 0, 1));
        assert!((0..100).any(|n| !attempts.begin(Some(&format!("n{n}")), address(n), now)));
        assert!(attempts.begin(
            Some("x"),
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 2, 0, 0, 0, 1)),
            now
        ));
    }
}
