//! Wrong tokens, counted by the address that they come from: after a few, the address is told to
//! pause, and the log says so. The right token is always accepted: another user of the same address
//! must not lock its holder out.

use crate::log_limit::{LogLimit, log_limited};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Wrong tokens from one address before it is told to pause.
const MAX_WRONG: u32 = 10;

/// The time after which an address starts anew.
pub(super) const PAUSE: Duration = Duration::from_secs(60);

/// Addresses that are remembered; more of them count as one.
const MAX_ADDRESSES: usize = 1024;

/// Log lines a minute.
static LINES: LogLimit = LogLimit::new(5);

/// The address of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer(pub(super) IpAddr);

/// The wrong tokens of the last minute.
#[derive(Debug, Default)]
pub(super) struct WrongTokens(Mutex<HashMap<Option<Peer>, (Instant, u32)>>);

impl WrongTokens {
    /// Counts a wrong token; returns whether the address has to pause.
    pub(super) fn count(&self, peer: Peer) -> bool {
        let now = Instant::now();
        let mut addresses = self.0.lock();
        if addresses.len() >= MAX_ADDRESSES {
            addresses.retain(|_, (since, _)| now.duration_since(*since) < PAUSE);
        }
        let known = addresses.contains_key(&Some(peer)) || addresses.len() < MAX_ADDRESSES;
        let (since, count) = addresses.entry(known.then_some(peer)).or_insert((now, 0));
        if now.duration_since(*since) >= PAUSE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        match *count {
            1 => log_limited!(LINES, warn, "API: a wrong token from {}", peer.0),
            MAX_WRONG => log_limited!(
                LINES,
                warn,
                "API: {MAX_WRONG} wrong tokens from {} within {} s: further ones are answered with \
                 429",
                peer.0,
                PAUSE.as_secs()
            ),
            _ => {}
        }
        *count > MAX_WRONG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> Peer {
        Peer(IpAddr::V4(number.into()))
    }

    #[test]
    fn an_address_pauses_after_some_wrong_tokens_and_no_other_does() {
        let wrong = WrongTokens::default();
        assert!((0..MAX_WRONG).all(|_| !wrong.count(peer(1))));
        assert!(wrong.count(peer(1)) && !wrong.count(peer(2)));
        for (since, _) in wrong.0.lock().values_mut() {
            *since -= PAUSE;
        }
        assert!(!wrong.count(peer(1)));
    }

    #[test]
    fn many_addresses_count_as_one_and_cost_no_more_memory() {
        let wrong = WrongTokens::default();
        for number in 0..5000 {
            wrong.count(peer(number));
        }
        assert!(wrong.0.lock().len() <= MAX_ADDRESSES + 1);
        assert!(wrong.count(peer(5001)) && !wrong.count(peer(1)));
    }
}
