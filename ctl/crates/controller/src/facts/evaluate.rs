//! Puts a question to documents' texts, and parses no more of them than it must.
//!
//! Most questions begin with one member of the document (`$.packages…`); no other is parsed. Most of
//! those go on with each element of a list (`$.packages[?@.name=="openssl"].version`): what they find
//! in one element depends on nothing else, and documents share most of their elements, so that each
//! different element is evaluated once. A filter with a regular expression, which the library compiles
//! for each node that it looks at, needs that most.

mod shape;

use super::query::{Found, Query};
use super::search::Match;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use shape::Shape;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Bytes of elements that are remembered, with what was found in them; beyond, all are forgotten.
const MAX_KNOWN: usize = 48 << 20;

/// What an element takes beside its text.
const ELEMENT_BYTES: usize = 64;

/// Elements after which it shows whether documents share them.
const TRIAL: usize = 4096;

/// The time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Late;

/// Puts one question to many documents.
#[derive(Debug)]
pub(super) struct Evaluator {
    query: Query,
    shape: Shape,
    /// When the time is up.
    end: Instant,
    known: HashMap<Box<str>, Option<Match>>,
    known_bytes: usize,
    /// Elements that were looked up, and those of them that were evaluated.
    looked_up: usize,
    evaluated: usize,
}

impl Evaluator {
    /// Makes an evaluator that gives up at `end`.
    pub(super) fn new(query: Query, end: Instant) -> Self {
        let shape = Shape::of(&query.text);
        Self {
            query,
            shape,
            end,
            known: HashMap::new(),
            known_bytes: 0,
            looked_up: 0,
            evaluated: 0,
        }
    }

    /// Returns what a document has at the question's path; `None`: nothing.
    pub(super) fn find(&mut self, text: &str) -> Result<Option<Match>, Late> {
        self.check()?;
        self.learn();
        let mut json = serde_json::Deserializer::from_str(text);
        match self.shape.clone() {
            Shape::Elements(name) => {
                let mut elements = Elements { evaluator: self, late: false };
                let member = Member { name: &name, seed: &mut elements };
                match member.deserialize(&mut json) {
                    Ok(found) => return Ok(found.flatten().map(Arc::new)),
                    Err(_) if elements.late => return Err(Late),
                    // Not a list: the path's own rules say what that means.
                    Err(_) => {}
                }
                Ok(self.whole(text))
            }
            Shape::Member(name) => {
                let member = Member { name: &name, seed: &mut Parsed };
                match member.deserialize(&mut json) {
                    Ok(None) => Ok(None),
                    Ok(Some(value)) => Ok(self.within(&name, value)),
                    Err(_) => Ok(self.whole(text)),
                }
            }
            Shape::Whole => Ok(self.whole(text)),
        }
    }

    /// Evaluates whole members from now on where most elements are in one document only, as the
    /// interfaces of hosts are.
    fn learn(&mut self) {
        if let Shape::Elements(name) = &mut self.shape
            && self.looked_up > TRIAL
            && self.evaluated * 2 > self.looked_up
        {
            self.shape = Shape::Member(std::mem::take(name));
            self.known = HashMap::new();
        }
    }

    fn check(&self) -> Result<(), Late> {
        if Instant::now() >= self.end { Err(Late) } else { Ok(()) }
    }

    fn whole(&self, text: &str) -> Option<Match> {
        let value: Value = serde_json::from_str(text).ok()?;
        self.query.find(&value).map(Arc::new)
    }

    /// Evaluates a document of one member.
    fn within(&self, name: &str, value: Value) -> Option<Match> {
        let document = Value::Object(Map::from_iter([(name.to_owned(), value)]));
        self.query.find(&document).map(Arc::new)
    }

    /// Evaluates a document whose list has one element.
    fn element(&mut self, text: &str) -> Result<Option<&Match>, Late> {
        self.looked_up += 1;
        // Twice looked up: a borrow that is returned cannot be ended.
        if !self.known.contains_key(text) {
            self.check()?;
            self.evaluated += 1;
            let Shape::Elements(name) = &self.shape else { return Ok(None) };
            let list = serde_json::from_str(text).map(|element| Value::Array(vec![element]));
            let found = list.ok().and_then(|list| self.within(name, list));
            self.known_bytes += text.len() + ELEMENT_BYTES;
            if self.known_bytes > MAX_KNOWN {
                self.known.clear();
                self.known_bytes = text.len() + ELEMENT_BYTES;
            }
            self.known.insert(text.into(), found);
        }
        Ok(self.known.get(text).and_then(Option::as_ref))
    }
}

/// Reads one member of an object by a seed; the last one of that name counts.
struct Member<'a, S> {
    name: &'a str,
    seed: &'a mut S,
}

/// A seed that can be used again.
trait Seed<'de> {
    type Value;

    fn read<D: Deserializer<'de>>(&mut self, json: D) -> Result<Self::Value, D::Error>;
}

/// Lends a seed.
struct Lent<'a, S>(&'a mut S);

impl<'de, S: Seed<'de>> DeserializeSeed<'de> for Lent<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<S::Value, D::Error> {
        self.0.read(json)
    }
}

impl<'de, S: Seed<'de>> DeserializeSeed<'de> for Member<'_, S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, S: Seed<'de>> Visitor<'de> for Member<'_, S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(IsName(self.name))? {
            if is_it {
                found = Some(map.next_value_seed(Lent(self.seed))?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Compares a member's name.
struct IsName<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// Parses a member.
struct Parsed;

impl<'de> Seed<'de> for Parsed {
    type Value = Value;

    fn read<D: Deserializer<'de>>(&mut self, json: D) -> Result<Value, D::Error> {
        serde::Deserialize::deserialize(json)
    }
}

/// Evaluates each element of a member.
struct Elements<'a> {
    evaluator: &'a mut Evaluator,
    late: bool,
}

impl<'de> Seed<'de> for Elements<'_> {
    type Value = Option<Found>;

    fn read<D: Deserializer<'de>>(&mut self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Elements<'_> {
    type Value = Option<Found>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all: Option<Found> = None;
        while let Some(element) = list.next_element::<&RawValue>()? {
            let found = self.evaluator.element(element.get()).map_err(|Late| {
                self.late = true;
                A::Error::custom("the time is up")
            })?;
            match (&mut all, found) {
                (_, None) => {}
                (Some(all), Some(found)) => all.append(found),
                (None, Some(found)) => all = Some(Found::clone(found)),
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
