//! Which other node has which host.

use crate::store::Moves;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The hosts whose channels other nodes have, with the nodes.
#[derive(Debug, Default)]
pub(super) struct Elsewhere(Mutex<HashMap<Arc<str>, i32>>);

/// A host that has come to other nodes, or gone from them all.
pub(super) type Change = (Arc<str>, bool);

impl Elsewhere {
    /// Returns the node that has a host.
    pub(super) fn node_of(&self, host: &str) -> Option<i32> {
        self.0.lock().get(host).copied()
    }

    /// Returns the number of hosts.
    pub(super) fn count(&self) -> usize {
        self.0.lock().len()
    }

    /// Returns every host.
    pub(super) fn all(&self) -> Vec<Arc<str>> {
        self.0.lock().keys().cloned().collect()
    }

    /// Follows hosts; returns those that were nowhere before, or are nowhere now.
    pub(super) fn follow(&self, moves: &Moves, own: i32) -> Vec<Change> {
        let mut known = self.0.lock();
        let mut changes = Vec::new();
        for place in &moves.places {
            let host = &*place.host;
            if place.from == own {
                // One that is here is not there: it has a session, of which the registry tells.
                if place.is_there {
                    known.remove(host);
                }
                continue;
            }
            if place.is_there {
                let host: Arc<str> = host.into();
                if known.insert(Arc::clone(&host), place.from).is_none() {
                    changes.push((host, true));
                }
            } else if known.get(host) == Some(&place.from)
                && let Some((host, _)) = known.remove_entry(host)
            {
                changes.push((host, false));
            }
        }
        if !moves.emptied.is_empty() {
            known.retain(|host, node| {
                let stays = !moves.emptied.contains(node);
                if !stays {
                    changes.push((Arc::clone(host), false));
                }
                stays
            });
        }
        changes
    }

    /// Takes all hosts, as they were read; returns those that were nowhere before, or are nowhere now.
    pub(super) fn are(&self, places: Vec<(String, i32)>) -> Vec<Change> {
        let mut known = self.0.lock();
        let mut before = std::mem::take(&mut *known);
        let mut changes = Vec::new();
        for (host, node) in places {
            let host = match before.remove_entry(&*host) {
                Some((host, _)) => host,
                None => {
                    let host: Arc<str> = host.into();
                    changes.push((Arc::clone(&host), true));
                    host
                }
            };
            known.insert(host, node);
        }
        changes.extend(before.into_keys().map(|host| (host, false)));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::PlaceChange;

    fn place(host: &str, from: i32, is_there: bool) -> PlaceChange {
        PlaceChange { host: host.to_owned(), from, is_there }
    }

    fn follow(known: &Elsewhere, places: &[PlaceChange], emptied: &[i32]) -> Vec<(String, bool)> {
        let moves = Moves { places: places.to_vec(), emptied: emptied.to_vec() };
        let mut changes: Vec<_> = known
            .follow(&moves, 1)
            .into_iter()
            .map(|(host, came)| (host.to_string(), came))
            .collect();
        changes.sort();
        changes
    }

    #[test]
    fn a_host_that_moves_is_never_away_whatever_is_heard_first() {
        let known = Elsewhere::default();
        let came = |host: &str| (host.to_owned(), true);
        let left = |host: &str| (host.to_owned(), false);
        assert_eq!(follow(&known, &[place("a", 1, true), place("b", 2, true)], &[]), [came("b")]);
        assert_eq!(known.node_of("a"), None, "this node's own");
        assert_eq!(follow(&known, &[place("b", 3, true)], &[]), []);
        assert_eq!(follow(&known, &[place("b", 2, false)], &[]), [], "it is at 3");
        assert_eq!(known.node_of("b"), Some(3));
        assert_eq!(follow(&known, &[place("b", 3, false)], &[]), [left("b")]);
        let both = [place("c", 2, true), place("d", 3, true)];
        assert_eq!(follow(&known, &both, &[2]), [left("c"), came("c"), came("d")]);
        let places = vec![("d".to_owned(), 2), ("e".to_owned(), 3)];
        let changes: Vec<_> =
            known.are(places).into_iter().map(|(host, came)| (host.to_string(), came)).collect();
        assert_eq!(changes, [came("e")]);
        assert_eq!((known.node_of("d"), known.count()), (Some(2), 2));
    }
}
