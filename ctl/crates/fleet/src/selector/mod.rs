//! Selectors: which hosts an operator means, in the syntax of Kubernetes label selectors.
//!
//! A selector is a list of terms, and selects the hosts that all of them hold for:
//!
//! | term | holds for a host … |
//! |---|---|
//! | `env=prod`, `env==prod` | with the label `env` of this value |
//! | `env!=prod` | without the label `env`, or with another value |
//! | `role in (web,db)` | with the label `role` of one of these values |
//! | `role notin (web,db)` | without the label `role`, or with another value |
//! | `legacy` | with the label `legacy` |
//! | `!legacy` | without the label `legacy` |
//! | `host=ID`, `host in (A,B)`, … | with this id, one of these ids, … |
//!
//! An empty selector selects every host.

mod error;
mod lexer;
mod parser;
mod term;

pub use error::SelectorError;
pub use term::{Condition, Subject, Term};

use crate::Labels;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::fmt;
use std::str::FromStr;

/// The most bytes of a selector's text.
pub const MAX_TEXT: usize = 64 << 10;

/// The most terms of a selector.
pub const MAX_TERMS: usize = 64;

/// A set of hosts, described by their labels and ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    terms: Vec<Term>,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Names the place of the first mistake.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parser::parse(text).map(|terms| Self { terms })
    }

    /// Returns the selector of one host.
    ///
    /// # Errors
    /// When the text cannot be a host id.
    pub fn host(id: &str) -> Result<Self, SelectorError> {
        Self::parse(&format!("host={id}")).and_then(|selector| match &*selector.terms {
            [Term { subject: Subject::Host, condition: Condition::In(ids) }] if ids.len() == 1 => {
                Ok(selector)
            }
            _ => Err(SelectorError::new(id, 0, "this is not a host id".to_owned())),
        })
    }

    /// Returns the terms, all of which hold for a selected host.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Returns the selector of the hosts with these ids. A text that no host can have as its id
    /// selects none.
    pub fn of_hosts(ids: impl IntoIterator<Item = String>) -> Self {
        let condition = Condition::In(ids.into_iter().collect());
        Self { terms: vec![Term { subject: Subject::Host, condition }] }
    }

    /// Returns the selector of the hosts that both select.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { terms: self.terms.iter().chain(&other.terms).cloned().collect() }
    }

    /// Returns whether it selects every host, whatever its labels.
    pub const fn is_everything(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns whether it selects this host.
    pub fn matches(&self, host: &str, labels: &Labels) -> bool {
        self.terms.iter().all(|term| term.holds(host, labels))
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

impl fmt::Display for Selector {
    /// Writes the selector so that [`Selector::parse`] reads the same one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, term) in self.terms.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{term}")?;
        }
        Ok(())
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
