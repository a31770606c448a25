//! The targets whose turn it may be, in the order of their positions.
//!
//! Targets that count for the same budgets share a lane: where one has no room, none has. So a
//! budget without room costs nothing for each target behind it.

use crate::run::{BudgetId, Budgets};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

/// A lane's place in [`Lanes`].
pub(super) type LaneId = u32;

#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    by_budgets: HashMap<Box<[BudgetId]>, LaneId>,
    /// The lanes with targets and, as far as is known, with room: by the position of the first.
    open: BTreeSet<(u32, LaneId)>,
    /// Lanes with targets and without room.
    shut: Vec<LaneId>,
    /// [`Budgets::releases`] when lanes were last shut.
    releases: u64,
}

#[derive(Debug, Default)]
struct Lane {
    budgets: Box<[BudgetId]>,
    ready: BinaryHeap<Reverse<u32>>,
    is_shut: bool,
}

impl Lanes {
    /// Returns the lane of targets that count for these budgets.
    pub(super) fn lane(&mut self, mut budgets: Vec<BudgetId>) -> LaneId {
        budgets.sort_unstable();
        budgets.dedup();
        let budgets = budgets.into_boxed_slice();
        if let Some(lane) = self.by_budgets.get(&budgets) {
            return *lane;
        }
        let id = LaneId::try_from(self.lanes.len()).unwrap_or(LaneId::MAX);
        self.lanes.push(Lane { budgets: budgets.clone(), ..Lane::default() });
        self.by_budgets.insert(budgets, id);
        id
    }

    /// Returns the budgets that a lane's targets count for.
    pub(super) fn budgets(&self, lane: LaneId) -> &[BudgetId] {
        &self.lanes[lane as usize].budgets
    }

    /// Adds a target.
    pub(super) fn push(&mut self, id: LaneId, target: u32) {
        let lane = &mut self.lanes[id as usize];
        let before = lane.ready.peek().map(|first| first.0);
        lane.ready.push(Reverse(target));
        if !lane.is_shut && before.is_none_or(|before| target < before) {
            if let Some(before) = before {
                self.open.remove(&(before, id));
            }
            self.open.insert((target, id));
        }
    }

    /// Takes the first target that has room in all of its budgets.
    pub(super) fn pop(&mut self, budgets: &Budgets) -> Option<u32> {
        self.open_again(budgets);
        while let Some((_, id)) = self.open.pop_first() {
            let lane = &mut self.lanes[id as usize];
            if !budgets.have_room(&lane.budgets) {
                lane.is_shut = true;
                self.shut.push(id);
                continue;
            }
            let target = lane.ready.pop().map(|first| first.0);
            if let Some(next) = lane.ready.peek() {
                self.open.insert((next.0, id));
            }
            if target.is_some() {
                return target;
            }
        }
        None
    }

    /// Returns whether targets wait for a budget.
    pub(super) fn wait_for_budgets(&self) -> bool {
        !self.shut.is_empty()
    }

    fn open_again(&mut self, budgets: &Budgets) {
        if std::mem::replace(&mut self.releases, budgets.releases()) == budgets.releases() {
            return;
        }
        for id in std::mem::take(&mut self.shut) {
            let lane = &mut self.lanes[id as usize];
            lane.is_shut = false;
            if let Some(first) = lane.ready.peek() {
                self.open.insert((first.0, id));
            }
        }
    }
}
