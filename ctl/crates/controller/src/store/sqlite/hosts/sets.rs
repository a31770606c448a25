//! Hosts that several conditions hold for: each condition gives a set of the hosts' numbers, and the
//! sets are joined in memory, where they stay for the next query (`kept_sets`). So this is quick also
//! where each condition holds for many hosts and all of them for few.

use super::kept_sets::{KeptSets, Key, Moment, Order};
use super::labels;
use super::leader::begin;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{HostQuery, StateName, plain};
use fleet::Selector;
use fleet::selector::{Condition, Subject, Term};
use roaring::RoaringTreemap;
use rusqlite::{Connection, Params, Transaction, params};
use std::sync::Arc;

/// The most hosts whose labels are looked at one by one; few in tests, whose fleets are small, so
/// that they see both sides.
const LOOKED_UP: u64 = if cfg!(test) { 5 } else { 500 };

/// Reads sets, all of one state of the database: otherwise a host could match by half of a change.
pub(super) struct Sets<'a> {
    sql: &'a Connection,
    kept: &'a KeptSets,
    moment: Moment,
    snapshot: Option<Transaction<'a>>,
}

impl<'a> Sets<'a> {
    /// Fixes the state that is read until [`Sets::end`].
    pub(super) fn begin(sql: &'a Connection, kept: &'a KeptSets) -> rusqlite::Result<Self> {
        let moment = kept.moment();
        let snapshot = sql.is_autocommit().then(|| sql.unchecked_transaction()).transpose()?;
        // The transaction sees what is there when it first reads.
        sql.first("SELECT hosts FROM host_counts LIMIT 1", [], |_| Ok(()))?;
        Ok(Self { sql, kept, moment: kept.is_of(moment), snapshot })
    }

    /// Ends the reading.
    pub(super) fn end(self) -> rusqlite::Result<()> {
        self.snapshot.map_or(Ok(()), Transaction::commit)
    }

    /// Returns the numbers of the hosts that a query asks for, wherever its page begins and ends.
    pub(super) fn of_query(&self, query: &HostQuery) -> rusqlite::Result<RoaringTreemap> {
        let mut found = Narrowed::default();
        if let Some(selector) = &query.selector {
            found.select(self, selector)?;
        }
        if let Some(part) = query.search.as_ref().filter(|_| !found.is_empty()) {
            found.keep(&*self.named(&part.to_ascii_lowercase())?);
        }
        match query.state {
            Some(StateName::Active) => {
                // Most hosts are active, so those that are not are read.
                for other in [StateName::Pending, StateName::Quarantined, StateName::Banned] {
                    found.remove(self, &*self.in_state(other)?)?;
                }
            }
            Some(state) => found.keep(&*self.in_state(state)?),
            None => {}
        }
        let Some(reach) = &query.reach else { return found.end(self) };
        let mut reached = RoaringTreemap::new();
        for selector in reach {
            let mut narrowed = found.clone();
            narrowed.select(self, selector)?;
            reached |= narrowed.end(self)?;
        }
        Ok(reached)
    }

    /// Returns the first ids of a set behind one, in their order.
    pub(super) fn ids(
        &self,
        set: &RoaringTreemap,
        after: &str,
        most: usize,
    ) -> rusqlite::Result<Vec<String>> {
        let order = self.order()?;
        let from = order.partition_point(|(id, _)| **id <= *after);
        let found = order[from..].iter().filter(|(_, number)| set.contains(*number));
        Ok(found.take(most).map(|(id, _)| id.to_string()).collect())
    }

    fn order(&self) -> rusqlite::Result<Arc<Order>> {
        if let Some(order) = self.kept.order(self.moment) {
            return Ok(order);
        }
        let text = "SELECT id, number FROM hosts WHERE id >= '' ORDER BY id";
        let order = self.sql.all(text, [], |row| {
            Ok((row.get::<_, Box<str>>(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
        })?;
        let order = Arc::new(order);
        self.kept.keep_order(self.moment, &order);
        Ok(order)
    }

    /// Returns a set, and keeps it.
    fn kept(
        &self,
        key: Key,
        text: &str,
        values: impl Params,
    ) -> rusqlite::Result<Arc<RoaringTreemap>> {
        if let Some(set) = self.kept.find(self.moment, &key) {
            return Ok(set);
        }
        let set = Arc::new(numbers(self.sql, text, values)?);
        self.kept.keep(self.moment, key, &set);
        Ok(set)
    }

    /// Returns the hosts that have what a term names, whether the term wants them or not; `None`
    /// where that is each host.
    fn holding(&self, term: &Term) -> rusqlite::Result<Option<Arc<RoaringTreemap>>> {
        let wanted = match &term.condition {
            Condition::In(wanted) | Condition::NotIn(wanted) => Some(wanted),
            Condition::Exists | Condition::Absent => None,
        };
        let Some(wanted) = wanted else {
            let Subject::Label(key) = &term.subject else { return Ok(None) };
            let text = "SELECT l.number FROM labels l WHERE l.key = ?";
            let key = key.as_str();
            return self.kept(Key::Label(key.to_owned(), None), text, params![key]).map(Some);
        };
        let mut sets = Vec::with_capacity(wanted.len());
        for value in wanted {
            sets.push(match &term.subject {
                Subject::Host => {
                    let text = "SELECT number FROM hosts WHERE id = ?";
                    Arc::new(numbers(self.sql, text, params![value])?)
                }
                Subject::Label(key) => {
                    let text = "SELECT l.number FROM labels l WHERE l.key = ? AND l.value = ?";
                    let known = Key::Label(key.as_str().to_owned(), Some(value.clone()));
                    self.kept(known, text, params![key.as_str(), value])?
                }
            });
        }
        if let [one] = sets.as_slice() {
            return Ok(Some(Arc::clone(one)));
        }
        let mut all = RoaringTreemap::new();
        sets.iter().for_each(|set| all |= &**set);
        Ok(Some(Arc::new(all)))
    }

    /// Returns the hosts with a name of which a part begins so; in lower case.
    fn named(&self, part: &str) -> rusqlite::Result<Arc<RoaringTreemap>> {
        let [from, to] = begin(part);
        let text = "SELECT number FROM host_names WHERE part >= ? AND part < ?";
        self.kept(Key::Name(part.to_owned()), text, params![from, to])
    }

    fn in_state(&self, state: StateName) -> rusqlite::Result<Arc<RoaringTreemap>> {
        let text = "SELECT number FROM hosts WHERE state = ?";
        self.kept(Key::State(state.text()), text, params![state.text()])
    }

    /// Returns all hosts, by an index that is smaller than their rows.
    fn all(&self) -> rusqlite::Result<Arc<RoaringTreemap>> {
        self.kept(Key::All, "SELECT number FROM hosts WHERE id >= ''", params![])
    }

    /// Returns those of a few hosts that a selector matches.
    fn matched(
        &self,
        few: &RoaringTreemap,
        selector: &Selector,
    ) -> rusqlite::Result<RoaringTreemap> {
        let mut found = RoaringTreemap::new();
        for number in few {
            let text = "SELECT id FROM hosts WHERE number = ?";
            let id = self.sql.first(text, params![number.cast_signed()], |row| row.get(0))?;
            let Some(id): Option<String> = id else { continue };
            let labels = labels::of(self.sql, &id)?;
            if selector.matches(&id, &plain(&labels)) {
                found.insert(number);
            }
        }
        Ok(found)
    }
}

/// The hosts that are left; `None` while no condition was looked at.
#[derive(Clone, Debug, Default)]
struct Narrowed(Option<RoaringTreemap>);

impl Narrowed {
    /// Returns whether it is known that no host is left.
    fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(RoaringTreemap::is_empty)
    }

    /// Keeps the hosts that are in a set, too.
    fn keep(&mut self, set: &RoaringTreemap) {
        match &mut self.0 {
            Some(found) => *found &= set,
            None => self.0 = Some(set.clone()),
        }
    }

    /// Takes away the hosts that are in a set.
    fn remove(&mut self, sets: &Sets<'_>, set: &RoaringTreemap) -> rusqlite::Result<()> {
        let mut found = std::mem::take(self).end(sets)?;
        found -= set;
        self.0 = Some(found);
        Ok(())
    }

    /// Keeps the hosts that a selector matches. What names hosts comes first, then what they must
    /// have; a few that are left are looked at one by one.
    fn select(&mut self, sets: &Sets<'_>, selector: &Selector) -> rusqlite::Result<()> {
        let mut terms: Vec<&Term> = selector.terms().iter().collect();
        terms.sort_by_key(|term| {
            let lacks = matches!(term.condition, Condition::NotIn(_) | Condition::Absent);
            (lacks, term.subject != Subject::Host)
        });
        for term in terms {
            if let Some(found) = self.0.take_if(|found| found.len() <= LOOKED_UP) {
                self.0 = Some(sets.matched(&found, selector)?);
                return Ok(());
            }
            match (&term.condition, sets.holding(term)?) {
                (Condition::In(_) | Condition::Exists, Some(set)) => self.keep(&set),
                (Condition::NotIn(_) | Condition::Absent, Some(set)) => self.remove(sets, &set)?,
                // Each host has an id.
                (Condition::In(_) | Condition::Exists, None) => {}
                (Condition::NotIn(_) | Condition::Absent, None) => {
                    self.keep(&RoaringTreemap::new());
                }
            }
        }
        Ok(())
    }

    /// Returns the hosts that are left.
    fn end(self, sets: &Sets<'_>) -> rusqlite::Result<RoaringTreemap> {
        match self.0 {
            Some(found) => Ok(found),
            None => sets.all().map(Arc::unwrap_or_clone),
        }
    }
}

fn numbers(sql: &Connection, text: &str, values: impl Params) -> rusqlite::Result<RoaringTreemap> {
    let mut statement = sql.statement(text)?;
    let mut rows = statement.query(values)?;
    let mut found = RoaringTreemap::new();
    while let Some(row) = rows.next()? {
        found.insert(row.get::<_, i64>(0)?.cast_unsigned());
    }
    Ok(found)
}
