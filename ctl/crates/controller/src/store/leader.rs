//! Which condition of a list of hosts leads, and so how many hosts are looked at.
//!
//! The leader gives the hosts; the other conditions are looked up for each of them. No I/O: a store
//! counts the hosts of each candidate and asks here which has the fewest.

use fleet::selector::{Condition, Subject, Term};

/// Hosts that are counted to find the label that leads: less than a millisecond of its index.
pub(in crate::store) const COUNTED: i64 = 30_000;

/// Hosts with a part of a name, which must be sorted where they lead. Few in tests, whose fleets are
/// small, so that they see both sides.
pub(in crate::store) const NAMED: i64 = if cfg!(test) { 5 } else { 1000 };

/// What gives the hosts in order.
pub(in crate::store) enum Leader<'a> {
    /// The hosts with a label of this key and, if given, value.
    Label(&'a str, Option<&'a str>),
    /// The hosts with a name of which a part begins so, not in order.
    Names(&'a str),
    /// All hosts, or those of the state.
    Hosts,
}

impl<'a> Leader<'a> {
    /// Returns the leader that a term would be; `None` if it names no label that a host must have.
    pub(in crate::store) fn of(term: &'a Term) -> Option<Self> {
        let Subject::Label(key) = &term.subject else { return None };
        match &term.condition {
            Condition::In(wanted) if wanted.len() == 1 => {
                Some(Self::Label(key.as_str(), wanted.first().map(String::as_str)))
            }
            Condition::In(_) | Condition::Exists => Some(Self::Label(key.as_str(), None)),
            Condition::NotIn(_) | Condition::Absent => None,
        }
    }

    /// Returns whether a term holds for every host of the leader.
    pub(in crate::store) fn is(&self, term: &Term) -> bool {
        let Self::Label(key, value) = self else { return false };
        let is_same = match &term.condition {
            Condition::In(wanted) => {
                value.is_some_and(|value| wanted.iter().any(|wanted| wanted == value))
            }
            Condition::Exists => true,
            Condition::NotIn(_) | Condition::Absent => false,
        };
        is_same && matches!(&term.subject, Subject::Label(of) if of.as_str() == *key)
    }
}

/// The candidate with the fewest hosts so far.
#[derive(Default)]
pub(in crate::store) struct Fewest<'a>(Option<(i64, Leader<'a>)>);

impl<'a> Fewest<'a> {
    /// Takes a candidate with so many hosts, if it has fewer.
    pub(in crate::store) fn offer(&mut self, hosts: i64, leader: Leader<'a>) {
        if self.0.as_ref().is_none_or(|(fewest, _)| hosts < *fewest) {
            self.0 = Some((hosts, leader));
        }
    }

    /// Returns how far the hosts of the next candidate are counted: more than the fewest need not be.
    pub(in crate::store) fn bound(&self) -> i64 {
        self.0.as_ref().map_or(COUNTED, |(fewest, _)| COUNTED.min(*fewest))
    }

    /// Returns the leader and how many hosts it has; `None` if no candidate was offered.
    pub(in crate::store) fn found(self) -> Option<(i64, Leader<'a>)> {
        self.0
    }
}

/// Returns whether the terms name hosts by their ids: these lead, whatever else there is.
pub(in crate::store) fn name_hosts(terms: &[Term]) -> bool {
    let named =
        |term: &Term| term.subject == Subject::Host && matches!(term.condition, Condition::In(_));
    terms.iter().any(named)
}

/// Returns the first text behind those that begin with a part.
pub(in crate::store) fn behind(part: &str) -> String {
    format!("{part}{}", char::MAX)
}
