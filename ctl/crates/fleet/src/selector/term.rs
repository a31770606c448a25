//! One term of a selector.

use crate::{LabelKey, LabelValue, Labels};
use std::collections::BTreeSet;
use std::fmt;

/// A condition on a host's id or on one of its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What the condition is about.
    pub subject: Subject,
    /// The condition.
    pub condition: Condition,
}

/// What a term is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The host's id, which every host has: the condition is `In` or `NotIn`.
    Host,
    /// The label with this key.
    Label(LabelKey),
}

/// What a term demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is one of these texts.
    In(BTreeSet<String>),
    /// It is none of these texts, or there is no such label.
    NotIn(BTreeSet<String>),
    /// There is such a label.
    Exists,
    /// There is no such label.
    Absent,
}

impl Term {
    /// Returns whether the term holds for a host.
    pub fn holds(&self, host: &str, labels: &Labels) -> bool {
        let text = match &self.subject {
            Subject::Host => Some(host),
            Subject::Label(key) => labels.get(key).map(LabelValue::as_str),
        };
        match &self.condition {
            Condition::In(texts) => text.is_some_and(|text| texts.contains(text)),
            Condition::NotIn(texts) => text.is_none_or(|text| !texts.contains(text)),
            Condition::Exists => text.is_some(),
            Condition::Absent => text.is_none(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str(crate::label::HOST),
            Self::Label(key) => key.fmt(f),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        let (texts, one, many) = match &self.condition {
            Condition::In(texts) => (texts, "=", "in"),
            Condition::NotIn(texts) => (texts, "!=", "notin"),
            Condition::Exists => return subject.fmt(f),
            Condition::Absent => return write!(f, "!{subject}"),
        };
        if texts.len() == 1 {
            return texts.iter().try_for_each(|text| write!(f, "{subject}{one}{text}"));
        }
        write!(f, "{subject} {many} (")?;
        for (place, text) in texts.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{text}")?;
        }
        f.write_str(")")
    }
}
