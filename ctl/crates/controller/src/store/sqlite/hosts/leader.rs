//! Finds what leads a list of hosts with one condition.

use crate::store::leader::{Leader, NAMED, behind};
use crate::store::sqlite::sql::Sql as _;
use fleet::selector::Term;
use rusqlite::Connection;
use rusqlite::types::Value;

/// Returns what gives the hosts. Those with a part of a name must be sorted, so it leads where they
/// are few; where many have it, a page is full soon without.
pub(super) fn leader<'a>(
    sql: &Connection,
    terms: &'a [Term],
    search: Option<&'a str>,
) -> rusqlite::Result<Leader<'a>> {
    if let Some(part) = search
        && named(sql, part)? < NAMED
    {
        return Ok(Leader::Names(part));
    }
    Ok(terms.iter().find_map(Leader::of).unwrap_or(Leader::Hosts))
}

/// Counts the hosts with a part of a name, up to [`NAMED`].
fn named(sql: &Connection, part: &str) -> rusqlite::Result<i64> {
    let text = "SELECT count(*) FROM \
                (SELECT 1 FROM host_names WHERE part >= ? AND part < ? LIMIT ?)";
    let [from, to] = begin(part);
    let counted = sql.first(text, [from, to, Value::from(NAMED)], |row| row.get(0))?;
    Ok(counted.unwrap_or_default())
}

/// Returns the first text that begins with a part, and the first one behind those.
pub(super) fn begin(part: &str) -> [Value; 2] {
    [Value::from(part.to_owned()), Value::from(behind(part))]
}
