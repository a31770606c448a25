//! The equation of a run: its targets = the sum of their states.

use super::state::{EndState, TargetState};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt;

const STATES: usize = TargetState::ALL.len();

/// How many targets of a run are in each state. Its JSON names each state that has targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u32; STATES]);

impl Counts {
    /// Returns the counts of a run whose targets all wait.
    pub fn all_waiting(total: u32) -> Self {
        let mut counts = Self::default();
        counts.0[TargetState::Waiting.index()] = total;
        counts
    }

    /// Returns how many targets are in a state.
    pub const fn of(&self, state: TargetState) -> u32 {
        self.0[state.index()]
    }

    /// Returns how many targets ended so.
    pub const fn ended_as(&self, end: EndState) -> u32 {
        self.of(TargetState::Ended(end))
    }

    /// Counts one more target.
    pub fn add(&mut self, state: TargetState, targets: u32) {
        let count = &mut self.0[state.index()];
        *count = count.saturating_add(targets);
    }

    /// Moves a target from one state to another.
    pub fn moved(&mut self, from: TargetState, to: TargetState) {
        let count = &mut self.0[from.index()];
        debug_assert!(*count > 0, "no target is {from}");
        *count = count.saturating_sub(1);
        self.add(to, 1);
    }

    /// Returns the number of all targets.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// Returns the number of targets whose hosts may be busy.
    pub fn busy(&self) -> u32 {
        self.0[TargetState::Sent.index()] + self.0[TargetState::Running.index()]
    }

    /// Returns the number of targets that have ended.
    pub fn ended(&self) -> u32 {
        EndState::ALL.iter().map(|end| self.ended_as(*end)).sum()
    }

    /// Returns whether every target has ended.
    pub fn is_over(&self) -> bool {
        self.ended() == self.total()
    }

    /// Returns whether every target succeeded.
    pub fn all_succeeded(&self) -> bool {
        self.ended_as(EndState::Succeeded) == self.total()
    }

    /// Returns the states that have targets, in the order of lists for people.
    pub fn iter(&self) -> impl Iterator<Item = (TargetState, u32)> + '_ {
        TargetState::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl fmt::Display for Counts {
    /// Writes the equation: `1000 = 3 waiting + 5 sent + 992 succeeded`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.total())?;
        for (place, (state, count)) in self.iter().enumerate() {
            write!(f, " {} {count} {state}", if place == 0 { '=' } else { '+' })?;
        }
        Ok(())
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (state, count) in self.iter() {
            map.serialize_entry(state.word(), &count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Counts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Counts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of numbers by state")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counts, A::Error> {
                let mut counts = Counts::default();
                while let Some((state, count)) = map.next_entry::<TargetState, u32>()? {
                    counts.add(state, count);
                }
                Ok(counts)
            }
        }
        deserializer.deserialize_map(Named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equation_holds_through_moves_and_json() {
        let mut counts = Counts::all_waiting(3);
        assert_eq!(counts.to_string(), "3 = 3 waiting");
        counts.moved(TargetState::Waiting, TargetState::Sent);
        counts.moved(TargetState::Waiting, TargetState::Queued);
        counts.moved(TargetState::Sent, TargetState::Ended(EndState::TimedOut));
        assert_eq!(counts.to_string(), "3 = 1 waiting + 1 queued + 1 timed_out");
        assert_eq!((counts.busy(), counts.ended(), counts.is_over()), (0, 1, false));
        let json = serde_json::to_string(&counts).unwrap();
        assert_eq!(json, r#"{"waiting":1,"queued":1,"timed_out":1}"#);
        assert_eq!(serde_json::from_str::<Counts>(&json).unwrap(), counts);
        assert!(serde_json::from_str::<Counts>(r#"{"gone":1}"#).is_err());
    }
}
