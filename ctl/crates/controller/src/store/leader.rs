//! Which condition of a list of hosts leads, and so how many hosts are looked at.
//!
//! The leader gives the hosts; the other conditions are looked up for each of them.

use fleet::selector::{Condition, Subject, Term};

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

/// Returns the first text behind those that begin with a part.
pub(in crate::store) fn behind(part: &str) -> String {
    format!("{part}{}", char::MAX)
}
