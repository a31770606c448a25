//! The places of connections that are not sessions yet: bounded in all and per source address. The
//! API's clients have such places too.
//!
//! A peer needs no certificate to hold a place. So one address gets a share only; and where places
//! run out, the connections that have sent nothing for the longest time are asked to make room:
//! agents speak first, at once. Meanwhile newcomers wait in the kernel. A connection that is asked
//! looks for bytes that nobody has read yet, and stays if there are any: a fleet that comes back at
//! once would otherwise push out itself. A connection from a load balancer counts for no address
//! until the balancer has named its client's.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A connection that has sent nothing for less time than this is not asked to make room yet: its
/// first bytes may be on their way.
const GRACE: Duration = Duration::from_millis(250);

/// Connections that are asked to make room at once.
const ASKED_AT_ONCE: usize = 32;

/// The bounds on connections that are not sessions yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceBounds {
    /// From all addresses.
    pub(crate) in_all: usize,
    /// From one address (of IPv6: from one /64, which one host owns as a whole).
    pub(crate) per_source: usize,
}

/// The places.
#[derive(Debug)]
pub(crate) struct Places {
    bounds: PlaceBounds,
    grace: Duration,
    state: Mutex<State>,
    /// Wakes the accepting tasks when a place becomes free.
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    /// The connections, oldest first.
    taken: BTreeMap<u64, Holder>,
    /// The number of each source's connections.
    sources: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Holder {
    /// `None` until a balancer has named it.
    source: Option<IpAddr>,
    /// The peer has sent nothing since then; `None` once it has.
    silent: Option<Instant>,
    /// It was asked to make room.
    is_asked: bool,
    evicted: Arc<Notify>,
}

/// One connection's place, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    evicted: Arc<Notify>,
}

impl Places {
    /// Makes the places.
    pub(crate) fn new(bounds: PlaceBounds) -> Arc<Self> {
        Self::with_grace(bounds, GRACE)
    }

    fn with_grace(bounds: PlaceBounds, grace: Duration) -> Arc<Self> {
        Arc::new(Self { bounds, grace, state: Mutex::default(), freed: Notify::new() })
    }

    /// Waits for a place. Where all are taken, silent connections are asked to leave.
    pub(crate) async fn available(&self) {
        loop {
            let freed = self.freed.notified();
            let next = {
                let mut state = self.state.lock();
                if state.taken.len() < self.bounds.in_all {
                    return;
                }
                state.ask(self.grace)
            };
            match next {
                Some(next) => tokio::select! {
                    () = freed => {}
                    () = sleep_until(next) => {}
                },
                None => freed.await,
            }
        }
    }

    /// Returns the number of places that are taken.
    pub(super) fn taken(&self) -> usize {
        self.state.lock().taken.len()
    }

    /// Gives a place to a connection from `address`, or from a balancer; `None` when the address
    /// has no more. Each port that accepts may exceed the bound in all by one.
    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let source = address.map(source);
        let mut state = self.state.lock();
        if let Some(source) = source {
            state.make_room_for(source, self.bounds.per_source)?;
        }
        let number = state.next;
        state.next += 1;
        let evicted = Arc::new(Notify::new());
        let holder = Holder {
            source,
            silent: Some(Instant::now()),
            is_asked: false,
            evicted: Arc::clone(&evicted),
        };
        state.taken.insert(number, holder);
        if let Some(source) = source {
            *state.sources.entry(source).or_default() += 1;
        }
        Some(Place { places: Arc::clone(self), number, evicted })
    }
}

impl State {
    /// Frees a place of a source that has all of its share; `None` if all of its connections have
    /// spoken.
    fn make_room_for(&mut self, source: IpAddr, share: usize) -> Option<()> {
        if self.sources.get(&source).is_some_and(|taken| *taken >= share) {
            let mut taken = self.taken.iter();
            let is_silent = |holder: &Holder| holder.silent.is_some();
            let (oldest, _) = taken.find(|(_, of)| is_silent(of) && of.source == Some(source))?;
            let oldest = *oldest;
            self.remove(oldest);
        }
        Some(())
    }

    /// Asks the connections that have been silent for the longest time, and for the grace at least,
    /// to make room. Returns when there may be another one to ask.
    fn ask(&mut self, grace: Duration) -> Option<Instant> {
        let now = Instant::now();
        let mut asked = 0;
        for holder in self.taken.values_mut().filter(|holder| !holder.is_asked) {
            let Some(since) = holder.silent else { continue };
            if since + grace > now {
                return Some(since + grace);
            }
            holder.is_asked = true;
            holder.evicted.notify_one();
            asked += 1;
            if asked == ASKED_AT_ONCE {
                break;
            }
        }
        None
    }

    /// Frees a place; its connection, if it is still there, is to end.
    fn remove(&mut self, number: u64) {
        let Some(Holder { source, evicted, .. }) = self.taken.remove(&number) else { return };
        evicted.notify_one();
        let Some(source) = source else { return };
        if let Some(taken) = self.sources.get_mut(&source) {
            *taken -= 1;
            if *taken == 0 {
                self.sources.remove(&source);
            }
        }
    }
}

impl Place {
    /// Waits until the connection is asked to make room for another one, or its place is given away
    /// already.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Notes that the peer was asked to make room, and has sent something that is not read yet.
    pub(crate) fn stays(&self) {
        if let Some(holder) = self.places.state.lock().taken.get_mut(&self.number) {
            holder.silent = holder.silent.map(|_| Instant::now());
            holder.is_asked = false;
            self.places.freed.notify_one();
        }
    }

    /// Notes that the peer has spoken: now the place is its own until it is dropped.
    pub(crate) fn spoken(&self) {
        if let Some(holder) = self.places.state.lock().taken.get_mut(&self.number) {
            holder.silent = None;
            if holder.is_asked {
                // Another one has to be asked.
                self.places.freed.notify_one();
            }
        }
    }

    /// Counts the place for the address that a balancer has named; returns `false` when the address
    /// has no more.
    pub(crate) fn belongs_to(&self, address: IpAddr) -> bool {
        let source = source(address);
        let mut state = self.places.state.lock();
        if state.make_room_for(source, self.places.bounds.per_source).is_none() {
            return false;
        }
        let State { taken, sources, .. } = &mut *state;
        if let Some(holder) = taken.get_mut(&self.number) {
            holder.source = Some(source);
            *sources.entry(source).or_default() += 1;
        }
        true
    }

    /// Returns whether more than half of all places are taken, or of the share of this one's
    /// address.
    pub(super) fn is_crowded(&self) -> bool {
        let PlaceBounds { in_all, per_source } = self.places.bounds;
        let state = self.places.state.lock();
        let source = state.taken.get(&self.number).and_then(|holder| holder.source);
        let own = source.and_then(|source| state.sources.get(&source)).copied();
        state.taken.len() > in_all / 2 || own.is_some_and(|own| own > per_source / 2)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.state.lock().remove(self.number);
        self.places.freed.notify_one();
    }
}

/// Returns the address that counts: an IPv4 address, or the /64 of an IPv6 address.
pub(super) fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn places(in_all: usize, per_source: usize) -> Arc<Places> {
        Places::with_grace(PlaceBounds { in_all, per_source }, Duration::ZERO)
    }

    async fn is_available(places: &Places) -> bool {
        tokio::select! {
            biased;
            () = places.available() => true,
            () = std::future::ready(()) => false,
        }
    }

    async fn is_evicted(place: &Place) -> bool {
        tokio::select! { biased; () = place.evicted() => true, () = std::future::ready(()) => false }
    }

    #[tokio::test]
    async fn a_full_source_gives_up_its_oldest_silent_connection() {
        let places = places(100, 2);
        let (first, second) = (peer("10.0.0.1"), peer("10.0.0.1"));
        let speaking = places.enter(first).unwrap();
        speaking.spoken();
        let silent = places.enter(second).unwrap();
        let other = places.enter(peer("10.0.0.2")).unwrap();
        let newer = places.enter(first).unwrap();
        assert!(is_evicted(&silent).await && !is_evicted(&speaking).await);
        assert!(!is_evicted(&other).await);
        newer.spoken();
        assert!(places.enter(first).is_none(), "both have spoken");
        drop(silent);
        assert!(places.enter(first).is_none(), "an evicted place is not freed twice");
        drop(newer);
        assert!(places.enter(first).is_some());
    }

    #[tokio::test]
    async fn places_in_all_go_to_those_who_speak() {
        let places = places(2, 2);
        let silent = places.enter(peer("10.0.0.1")).unwrap();
        let speaking = places.enter(peer("10.0.0.2")).unwrap();
        speaking.spoken();
        assert!(!is_available(&places).await && is_evicted(&silent).await);
        drop(silent);
        places.available().await;
        let third = places.enter(peer("10.0.0.3")).unwrap();
        third.spoken();
        assert!(!is_available(&places).await);
        let waiting = places.available();
        drop(speaking);
        waiting.await;
        assert!(places.enter(peer("10.0.0.4")).is_some());
        assert_eq!(places.state.lock().sources.len(), 1);
    }

    #[tokio::test]
    async fn a_connection_that_is_asked_to_make_room_and_speaks_keeps_its_place() {
        let places = places(2, 2);
        let first = places.enter(peer("10.0.0.1")).unwrap();
        assert!(is_available(&places).await && !is_evicted(&first).await);
        let second = places.enter(peer("10.0.0.2")).unwrap();
        let waiting = places.available();
        let asked = async {
            first.evicted().await;
            first.spoken();
            second.evicted().await;
            drop(second);
        };
        tokio::join!(waiting, asked);
        assert!(places.taken() == 1 && !is_evicted(&first).await);
    }

    #[tokio::test]
    async fn a_connection_that_has_just_come_is_not_asked_to_make_room() {
        let bounds = PlaceBounds { in_all: 1, per_source: 1 };
        let places = Places::with_grace(bounds, Duration::from_secs(3600));
        let fresh = places.enter(peer("10.0.0.1")).unwrap();
        assert!(!is_available(&places).await && !is_evicted(&fresh).await);
        drop(fresh);
        assert!(is_available(&places).await);
    }

    #[tokio::test]
    async fn a_connection_of_a_balancer_counts_for_the_address_that_it_names() {
        let places = places(4, 2);
        let held: Vec<_> = (0..3).map(|_| places.enter(None).unwrap()).collect();
        assert!(held[0].is_crowded() && places.state.lock().sources.is_empty());
        let client = peer("10.0.0.1").unwrap();
        assert!(held[0].belongs_to(client) && held[1].belongs_to(client));
        held[1].spoken();
        assert!(held[2].belongs_to(client), "the silent one makes room");
        assert!(is_evicted(&held[0]).await && !is_evicted(&held[1]).await);
        held[2].spoken();
        let late = places.enter(None).unwrap();
        assert!(!late.belongs_to(client), "both have spoken");
        assert!(late.belongs_to(peer("10.0.0.2").unwrap()));
        drop((held, late));
        assert!(places.state.lock().sources.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_source() {
        assert_eq!(source("fd00::1".parse().unwrap()), source("fd00::ffff:1".parse().unwrap()));
        assert_ne!(source("fd00::1".parse().unwrap()), source("fd00:0:0:1::1".parse().unwrap()));
        let mapped = source("::ffff:10.0.0.1".parse().unwrap());
        assert_eq!(mapped, source("10.0.0.1".parse().unwrap()));
    }
}
