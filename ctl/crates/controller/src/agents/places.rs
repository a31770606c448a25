//! The places of connections that are not sessions yet: bounded in all and per source address. The
//! API's clients have such places too.
//!
//! A peer needs no certificate to hold a place. So one address gets a share only; and where places
//! run out, the connection that has sent nothing for the longest time makes room: agents speak
//! first, at once. A connection from a load balancer counts for no address until the balancer has
//! named its client's.

use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use tokio::sync::Notify;

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
    /// The peer has sent nothing yet.
    silent: bool,
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
        Arc::new(Self { bounds, state: Mutex::default(), freed: Notify::new() })
    }

    /// Waits until there is a place, or a silent connection that can make room.
    pub(crate) async fn available(&self) {
        loop {
            let freed = self.freed.notified();
            {
                let state = self.state.lock();
                if state.taken.len() < self.bounds.in_all || state.silent(|_| true).is_some() {
                    return;
                }
            }
            freed.await;
        }
    }

    /// Returns the number of places that are taken.
    pub(super) fn taken(&self) -> usize {
        self.state.lock().taken.len()
    }

    /// Gives a place to a connection from `address`, or from a balancer; `None` when the address
    /// has no more.
    pub(crate) fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Place> {
        let source = address.map(source);
        let mut state = self.state.lock();
        if let Some(source) = source {
            state.make_room_for(source, self.bounds.per_source)?;
        }
        if state.taken.len() >= self.bounds.in_all {
            let oldest = state.silent(|_| true)?;
            state.remove(oldest);
        }
        let number = state.next;
        state.next += 1;
        let evicted = Arc::new(Notify::new());
        let holder = Holder { source, silent: true, evicted: Arc::clone(&evicted) };
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
            let oldest = self.silent(|of| of == Some(source))?;
            self.remove(oldest);
        }
        Some(())
    }

    /// Returns the oldest silent connection from a source that matches.
    fn silent(&self, matches: impl Fn(Option<IpAddr>) -> bool) -> Option<u64> {
        let mut taken = self.taken.iter();
        taken.find(|(_, holder)| holder.silent && matches(holder.source)).map(|(number, _)| *number)
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
    /// Waits until the place is given to another connection.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    /// Notes that the peer has spoken: now the place is its own until it is dropped.
    pub(crate) fn spoken(&self) {
        if let Some(holder) = self.places.state.lock().taken.get_mut(&self.number) {
            holder.silent = false;
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
        Places::new(PlaceBounds { in_all, per_source })
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
        places.available().await;
        let third = places.enter(peer("10.0.0.3")).unwrap();
        assert!(is_evicted(&silent).await);
        third.spoken();
        assert!(places.enter(peer("10.0.0.4")).is_none());
        let waiting = places.available();
        drop(speaking);
        waiting.await;
        assert!(places.enter(peer("10.0.0.4")).is_some());
        assert_eq!(places.state.lock().sources.len(), 1);
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
