//! Budgets: how many hosts of a kind may be busy at once, over all runs.

use super::{MAX_BUDGET_NAME, MAX_BUDGETS, MAX_CONCURRENCY};
use crate::{Labels, Selector};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;

/// A rule of the site: of the hosts that the selector selects, at most `limit` are busy with runs
/// at once. Which budgets a target counts for is decided when its plan is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// The hosts that it is for.
    pub selector: Selector,
    /// How many of them may be busy at once.
    pub limit: u32,
}

/// Why a budget is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetError {
    /// The name is empty, too long, or has other characters than letters, digits, `.`, `_`, `-`.
    Name,
    /// The limit is 0 or too high.
    Limit,
    /// There are as many budgets as there may be.
    TooMany,
}

impl Budget {
    /// Checks a budget; `others` is the number of budgets of other names.
    ///
    /// # Errors
    /// When it is beyond a bound.
    pub fn check(&self, others: usize) -> Result<(), BudgetError> {
        let named = (1..=MAX_BUDGET_NAME).contains(&self.name.len())
            && self.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if !named {
            Err(BudgetError::Name)
        } else if !(1..=MAX_CONCURRENCY).contains(&self.limit) {
            Err(BudgetError::Limit)
        } else if others >= MAX_BUDGETS {
            Err(BudgetError::TooMany)
        } else {
            Ok(())
        }
    }

    /// Returns whether a host counts for it.
    pub fn counts(&self, host: &str, labels: &Labels) -> bool {
        self.selector.matches(host, labels)
    }
}

/// A budget's place in [`Budgets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetId(u32);

/// The limits of the site and what all active runs use of them. One of these serves every
/// [`Rollout`](super::Rollout) of a controller.
#[derive(Debug, Default)]
pub struct Budgets {
    ids: HashMap<Box<str>, BudgetId>,
    places: Vec<Place>,
    /// Counts each time that a budget may have got room.
    releases: u64,
}

#[derive(Debug)]
struct Place {
    name: Box<str>,
    /// `None`: there is no budget of this name, or not anymore.
    limit: Option<u32>,
    used: u32,
}

impl Budgets {
    /// Returns the id of a name. A name without a limit limits nothing.
    pub fn id(&mut self, name: &str) -> BudgetId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = BudgetId(u32::try_from(self.places.len()).unwrap_or(u32::MAX));
        self.places.push(Place { name: name.into(), limit: None, used: 0 });
        self.ids.insert(name.into(), id);
        id
    }

    /// Sets or removes a limit. Hosts that are busy beyond it end their work.
    pub fn limit(&mut self, name: &str, limit: Option<u32>) {
        let id = self.id(name);
        if let Some(place) = self.places.get_mut(id.0 as usize) {
            place.limit = limit;
        }
        self.releases += 1;
    }

    /// Returns how many hosts are busy, for each name with a limit.
    pub fn used(&self) -> impl Iterator<Item = (&str, u32, u32)> {
        self.places.iter().filter_map(|place| Some((&*place.name, place.used, place.limit?)))
    }

    /// Returns a number that grows whenever a budget may have got room.
    pub(super) const fn releases(&self) -> u64 {
        self.releases
    }

    /// Returns whether one more host may be busy in all of these.
    pub(super) fn have_room(&self, ids: &[BudgetId]) -> bool {
        ids.iter().all(|id| self.places[id.0 as usize].has_room())
    }

    /// Takes a place in each of these, whether there is room or not.
    pub(super) fn take(&mut self, ids: &[BudgetId]) {
        for id in ids {
            self.places[id.0 as usize].used += 1;
        }
    }

    /// Gives the places back.
    pub(super) fn release(&mut self, ids: &[BudgetId]) {
        for id in ids {
            let place = &mut self.places[id.0 as usize];
            debug_assert!(place.used > 0, "{} is released too often", place.name);
            place.used = place.used.saturating_sub(1);
        }
        self.releases += u64::from(!ids.is_empty());
    }
}

impl Place {
    fn has_room(&self) -> bool {
        self.limit.is_none_or(|limit| self.used < limit)
    }
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(
                f,
                "the name of a budget has 1 to {MAX_BUDGET_NAME} letters, digits, \".\", \"_\" and \
                 \"-\""
            ),
            Self::Limit => write!(f, "a budget's limit is 1 to {MAX_CONCURRENCY} hosts"),
            Self::TooMany => {
                write!(f, "there are {MAX_BUDGETS} budgets already; remove one that is not used")
            }
        }
    }
}

impl std::error::Error for BudgetError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_has_room_up_to_its_limit_and_none_without_a_limit() {
        let mut budgets = Budgets::default();
        budgets.limit("db", Some(2));
        let both = [budgets.id("db"), budgets.id("gone")];
        for _ in 0..2 {
            assert!(budgets.have_room(&both));
            budgets.take(&both);
        }
        assert!(!budgets.have_room(&both));
        assert_eq!(budgets.used().collect::<Vec<_>>(), [("db", 2, 2)]);
        let before = budgets.releases();
        budgets.release(&both);
        assert!(budgets.have_room(&both) && budgets.releases() > before);
        budgets.limit("db", Some(1));
        assert!(!budgets.have_room(&both), "a lower limit holds at once");
        budgets.limit("db", None);
        assert!(budgets.have_room(&both));
    }

    #[test]
    fn budgets_beyond_their_bounds_are_refused() {
        let budget = |name: &str, limit| Budget {
            name: name.to_owned(),
            selector: "role=db".parse().unwrap(),
            limit,
        };
        assert_eq!(budget("db.eu-1_x", 2).check(0), Ok(()));
        for name in ["", "a b", "ä", &"x".repeat(MAX_BUDGET_NAME + 1)] {
            assert_eq!(budget(name, 2).check(0), Err(BudgetError::Name), "{name}");
        }
        assert_eq!(budget("db", 0).check(0), Err(BudgetError::Limit));
        assert_eq!(budget("db", 2).check(MAX_BUDGETS), Err(BudgetError::TooMany));
    }
}
