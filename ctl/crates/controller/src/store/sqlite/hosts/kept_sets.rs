//! Sets of hosts that were read, kept until a host comes, goes, or changes its state or labels.
//!
//! All sets are of one state of the database. A reader begins by [`KeptSets::moment`], fixes what it
//! reads, and asks by [`KeptSets::is_of`] whether that is still the state of the kept sets. The writer
//! closes them before it commits what changes a set, so that no reader joins a set from before with
//! one from after: an operator would see hosts that were never within reach.

use parking_lot::Mutex;
use roaring::RoaringTreemap;
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of all sets; beyond that, all are read again.
const MAX_BYTES: u64 = 64 << 20;

/// What the hosts of a set have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A label of this key and, if given, value.
    Label(String, Option<String>),
    /// A name of which a part begins so.
    Name(String),
    /// The state with this name.
    State(&'static str),
    /// That they exist.
    All,
}

/// The ids of all hosts in order, with their numbers.
pub(super) type Order = Vec<(Box<str>, u64)>;

/// The sets.
#[derive(Debug, Default)]
pub(in crate::store::sqlite) struct KeptSets(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// How often the sets were closed.
    generation: u64,
    closed: bool,
    sets: HashMap<Key, Arc<RoaringTreemap>>,
    order: Option<Arc<Order>>,
    bytes: u64,
}

/// A state of the database, if the kept sets are of one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(Option<u64>);

impl KeptSets {
    /// Forgets the sets, and keeps none until [`KeptSets::open`]. Call this before a commit that
    /// changes one.
    pub(in crate::store::sqlite) fn close(&self) {
        let mut state = self.0.lock();
        let generation = state.generation + 1;
        *state = State { generation, closed: true, ..State::default() };
    }

    /// Keeps sets again. Call this after the commit, also one that has failed.
    pub(in crate::store::sqlite) fn open(&self) {
        self.0.lock().closed = false;
    }

    /// Returns the present moment.
    pub(super) fn moment(&self) -> Moment {
        let state = self.0.lock();
        Moment((!state.closed).then_some(state.generation))
    }

    /// Returns a moment by which sets may be read and kept: this one if nothing has changed since, or
    /// else one at which none is found or kept.
    pub(super) fn is_of(&self, moment: Moment) -> Moment {
        Moment(moment.0.filter(|_| self.0.lock().is_at(moment)))
    }

    /// Returns a set.
    pub(super) fn find(&self, moment: Moment, key: &Key) -> Option<Arc<RoaringTreemap>> {
        let state = self.0.lock();
        state.sets.get(key).filter(|_| state.is_at(moment)).cloned()
    }

    /// Keeps a set that was read at a moment.
    pub(super) fn keep(&self, moment: Moment, key: Key, set: &Arc<RoaringTreemap>) {
        let mut state = self.0.lock();
        if !state.is_at(moment) {
            return;
        }
        // A set and its key take some space, however small it is.
        state.bytes += set.serialized_size() as u64 + 256;
        if state.bytes > MAX_BYTES {
            state.sets.clear();
            state.bytes = 0;
            return;
        }
        state.sets.insert(key, Arc::clone(set));
    }

    /// Returns the order of the hosts.
    pub(super) fn order(&self, moment: Moment) -> Option<Arc<Order>> {
        let state = self.0.lock();
        state.order.clone().filter(|_| state.is_at(moment))
    }

    /// Keeps the order that was read at a moment.
    pub(super) fn keep_order(&self, moment: Moment, order: &Arc<Order>) {
        let mut state = self.0.lock();
        if state.is_at(moment) {
            state.order = Some(Arc::clone(order));
        }
    }
}

impl State {
    fn is_at(&self, moment: Moment) -> bool {
        !self.closed && moment.0 == Some(self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_found_until_the_sets_close_and_one_from_before_is_not_kept() {
        let kept = KeptSets::default();
        let set = Arc::new(RoaringTreemap::from_iter([1, 2, 3]));
        let before = kept.moment();
        kept.keep(before, Key::All, &set);
        assert_eq!(kept.find(before, &Key::All).as_deref(), Some(&*set));
        kept.close();
        let while_closed = kept.moment();
        kept.keep(while_closed, Key::All, &set);
        assert_eq!(kept.find(while_closed, &Key::All), None);
        kept.open();
        let after = kept.moment();
        for moment in [before, while_closed, kept.is_of(before), kept.is_of(while_closed)] {
            kept.keep(moment, Key::All, &set);
            assert_eq!(kept.find(after, &Key::All), None);
        }
        kept.keep(kept.is_of(after), Key::All, &set);
        assert!(kept.find(after, &Key::All).is_some() && kept.find(before, &Key::All).is_none());
    }

    #[test]
    fn sets_beyond_the_bound_are_forgotten() {
        let kept = KeptSets::default();
        let moment = kept.moment();
        // Numbers far apart, so that few of them take much.
        let set = Arc::new(RoaringTreemap::from_iter((0..500_000).map(|number| number << 16)));
        for number in 0..20 {
            kept.keep(moment, Key::Name(number.to_string()), &set);
        }
        let found =
            (0..20).filter(|number| kept.find(moment, &Key::Name(number.to_string())).is_some());
        let found = found.count() as u64;
        assert!(found > 0 && found * set.serialized_size() as u64 <= MAX_BYTES, "{found}");
    }
}
