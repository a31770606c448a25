//! Hosts that several conditions hold for: each condition gives a set of the hosts' numbers, and the
//! sets are joined in memory. Reading a number from an index is a tenth of the work of looking a
//! label up for a host, so this is quick also where each condition holds for many hosts and all of
//! them for few.

use super::labels;
use super::leader::begin;
use crate::store::sqlite::limit;
use crate::store::sqlite::sql::Sql as _;
use crate::store::{HostQuery, StateName, plain};
use fleet::Selector;
use fleet::selector::{Condition, Subject, Term};
use roaring::RoaringTreemap;
use rusqlite::{Connection, Params, params};

/// The most hosts whose ids are read one by one and sorted; those of more are read in their order.
/// Few in tests, whose fleets are small, so that they see both sides.
const FEW: u64 = if cfg!(test) { 3 } else { 2000 };

/// The most hosts whose labels are looked at one by one; few in tests, as above.
const LOOKED_UP: u64 = if cfg!(test) { 5 } else { 500 };

/// Returns the numbers of the hosts that a query asks for, wherever its page begins and ends.
pub(in crate::store::sqlite) fn of_query(
    sql: &Connection,
    query: &HostQuery,
) -> rusqlite::Result<RoaringTreemap> {
    // What changes together is seen together: otherwise a host could match by half of a change.
    let snapshot = sql.is_autocommit().then(|| sql.unchecked_transaction()).transpose()?;
    let mut found = Narrowed::default();
    if let Some(selector) = &query.selector {
        found.select(sql, selector)?;
    }
    if let Some(part) = query.search.as_ref().filter(|_| !found.is_empty()) {
        found.keep(named(sql, &part.to_ascii_lowercase())?);
    }
    match query.state {
        Some(StateName::Active) => {
            // Most hosts are active, so those that are not are read.
            for other in [StateName::Pending, StateName::Quarantined, StateName::Banned] {
                found.remove(sql, in_state(sql, other)?)?;
            }
        }
        Some(state) => found.keep(in_state(sql, state)?),
        None => {}
    }
    let found = match &query.reach {
        Some(reach) if !found.is_empty() => {
            let mut reached = RoaringTreemap::new();
            for selector in reach {
                let mut narrowed = found.clone();
                narrowed.select(sql, selector)?;
                reached |= narrowed.end(sql)?;
            }
            reached
        }
        Some(_) => RoaringTreemap::new(),
        None => found.end(sql)?,
    };
    if let Some(snapshot) = snapshot {
        snapshot.commit()?;
    }
    Ok(found)
}

/// Returns the first ids of a set behind one, in their order.
pub(super) fn ids(
    sql: &Connection,
    set: &RoaringTreemap,
    after: &str,
    most: usize,
) -> rusqlite::Result<Vec<String>> {
    let mut ids = Vec::new();
    if set.len() <= FEW {
        for number in set {
            ids.extend(id(sql, number)?.filter(|id| id.as_str() > after));
        }
        ids.sort_unstable();
        ids.truncate(most);
        return Ok(ids);
    }
    let mut statement =
        sql.statement("SELECT number, id FROM hosts WHERE id > ? ORDER BY id LIMIT ?")?;
    let mut rows = statement.query(params![after, limit(usize::MAX)])?;
    while ids.len() < most
        && let Some(row) = rows.next()?
    {
        if set.contains(row.get::<_, i64>(0)?.cast_unsigned()) {
            ids.push(row.get(1)?);
        }
    }
    Ok(ids)
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
    fn keep(&mut self, set: RoaringTreemap) {
        match &mut self.0 {
            Some(found) => *found &= set,
            None => self.0 = Some(set),
        }
    }

    /// Takes away the hosts that are in a set.
    fn remove(&mut self, sql: &Connection, set: RoaringTreemap) -> rusqlite::Result<()> {
        if self.0.is_none() {
            self.0 = Some(all(sql)?);
        }
        if let Some(found) = &mut self.0 {
            *found -= set;
        }
        Ok(())
    }

    /// Keeps the hosts that a selector matches. What names hosts comes first, then what they must
    /// have; a few that are left are looked at one by one.
    fn select(&mut self, sql: &Connection, selector: &Selector) -> rusqlite::Result<()> {
        let mut terms: Vec<&Term> = selector.terms().iter().collect();
        terms.sort_by_key(|term| {
            let lacks = matches!(term.condition, Condition::NotIn(_) | Condition::Absent);
            (lacks, term.subject != Subject::Host)
        });
        for term in terms {
            if let Some(found) = self.0.take_if(|found| found.len() <= LOOKED_UP) {
                self.0 = Some(matched(sql, &found, selector)?);
                return Ok(());
            }
            let set = holding(sql, term)?;
            match (&term.condition, set) {
                (Condition::In(_) | Condition::Exists, Some(set)) => self.keep(set),
                (Condition::NotIn(_) | Condition::Absent, Some(set)) => self.remove(sql, set)?,
                // Each host has an id.
                (Condition::In(_) | Condition::Exists, None) => {}
                (Condition::NotIn(_) | Condition::Absent, None) => self.keep(RoaringTreemap::new()),
            }
        }
        Ok(())
    }

    /// Returns the hosts that are left.
    fn end(self, sql: &Connection) -> rusqlite::Result<RoaringTreemap> {
        self.0.map_or_else(|| all(sql), Ok)
    }
}

/// Returns those of a few hosts that a selector matches.
fn matched(
    sql: &Connection,
    few: &RoaringTreemap,
    selector: &Selector,
) -> rusqlite::Result<RoaringTreemap> {
    let mut found = RoaringTreemap::new();
    for number in few {
        let Some(id) = id(sql, number)? else { continue };
        let labels = labels::of(sql, &id)?;
        if selector.matches(&id, &plain(&labels)) {
            found.insert(number);
        }
    }
    Ok(found)
}

fn id(sql: &Connection, number: u64) -> rusqlite::Result<Option<String>> {
    let text = "SELECT id FROM hosts WHERE number = ?";
    sql.first(text, params![number.cast_signed()], |row| row.get(0))
}

/// Returns the hosts that have what a term names, whether the term wants them or not; `None` where
/// that is each host.
fn holding(sql: &Connection, term: &Term) -> rusqlite::Result<Option<RoaringTreemap>> {
    let wanted = match &term.condition {
        Condition::In(wanted) | Condition::NotIn(wanted) => Some(wanted),
        Condition::Exists | Condition::Absent => None,
    };
    let Some(wanted) = wanted else {
        let Subject::Label(key) = &term.subject else { return Ok(None) };
        let text = "SELECT l.number FROM labels l WHERE l.key = ?";
        return numbers(sql, text, params![key.as_str()]).map(Some);
    };
    let mut found = RoaringTreemap::new();
    for value in wanted {
        found |= match &term.subject {
            Subject::Host => numbers(sql, "SELECT number FROM hosts WHERE id = ?", params![value])?,
            Subject::Label(key) => {
                let text = "SELECT l.number FROM labels l WHERE l.key = ? AND l.value = ?";
                numbers(sql, text, params![key.as_str(), value])?
            }
        };
    }
    Ok(Some(found))
}

/// Returns the hosts with a name of which a part begins so; in lower case.
fn named(sql: &Connection, part: &str) -> rusqlite::Result<RoaringTreemap> {
    let [from, to] = begin(part);
    let text = "SELECT number FROM host_names WHERE part >= ? AND part < ?";
    numbers(sql, text, params![from, to])
}

fn in_state(sql: &Connection, state: StateName) -> rusqlite::Result<RoaringTreemap> {
    numbers(sql, "SELECT number FROM hosts WHERE state = ?", params![state.text()])
}

/// Returns all hosts, by an index that is smaller than their rows.
fn all(sql: &Connection) -> rusqlite::Result<RoaringTreemap> {
    numbers(sql, "SELECT number FROM hosts WHERE id >= ''", params![])
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
