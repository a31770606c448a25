//! Which condition of a query finds its hosts, and so how many are looked at.

use crate::store::StateName;
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use fleet::selector::{Condition, Subject, Term};
use tokio_postgres::Row;

/// Hosts that are counted to find the label that leads.
const COUNTED: i64 = 30_000;

/// Hosts with a part of a name, which must be sorted where they lead. Few in tests, whose fleets are
/// small, so that they see both sides.
const NAMED: i64 = if cfg!(test) { 5 } else { 1000 };

/// What gives the hosts in order.
pub(super) enum Leader<'a> {
    /// The hosts with a label of this key and, if given, value.
    Label(&'a str, Option<&'a str>),
    /// The hosts with a name of which a part begins so, not in order.
    Names(&'a str),
    /// All hosts, or those of the state.
    Hosts,
}

/// Returns the leader with the fewest hosts, as far as that is cheap to know; `None` if a condition
/// holds for no host.
pub(super) async fn leader<'a>(
    sql: &Sql,
    terms: &'a [Term],
    state: Option<StateName>,
    search: Option<&'a str>,
) -> Result<Option<Leader<'a>>, DbError> {
    let named =
        |term: &Term| term.subject == Subject::Host && matches!(term.condition, Condition::In(_));
    if terms.iter().any(named) {
        return Ok(Some(Leader::Hosts));
    }
    let mut best: Option<(i64, Leader<'a>)> = None;
    if let Some(state) = state {
        match of_state(sql, state).await? {
            0 => return Ok(None),
            hosts => best = Some((hosts, Leader::Hosts)),
        }
    }
    if let Some(part) = search {
        match count(sql, &Leader::Names(part), NAMED).await? {
            0 => return Ok(None),
            // They must be sorted, so they lead only where they are few.
            NAMED.. => {}
            few if best.as_ref().is_none_or(|(fewest, _)| few < *fewest) => {
                best = Some((few, Leader::Names(part)));
            }
            _ => {}
        }
    }
    for term in terms {
        let Subject::Label(key) = &term.subject else { continue };
        let found = match &term.condition {
            Condition::In(wanted) if wanted.len() == 1 => {
                let value = wanted.first().map(String::as_str);
                Leader::Label(key.as_str(), value)
            }
            Condition::In(_) | Condition::Exists => Leader::Label(key.as_str(), None),
            Condition::NotIn(_) | Condition::Absent => continue,
        };
        // More than the fewest need not be counted.
        let bound = best.as_ref().map_or(COUNTED, |(fewest, _)| COUNTED.min(*fewest));
        let count = count(sql, &found, bound).await?;
        if count == 0 {
            return Ok(None);
        }
        if best.as_ref().is_none_or(|(fewest, _)| count < *fewest) {
            best = Some((count, found));
        }
    }
    // Where most hosts have the label, it leads as well as the list of hosts.
    Ok(Some(best.map_or(Leader::Hosts, |(_, leader)| leader)))
}

async fn of_state(sql: &Sql, state: StateName) -> Result<i64, DbError> {
    let read = match state {
        StateName::Active => "SELECT active FROM host_counts",
        StateName::Pending => "SELECT pending FROM host_counts",
        StateName::Quarantined => "SELECT quarantined FROM host_counts",
        StateName::Banned => "SELECT banned FROM host_counts",
    };
    let hosts = sql.first(read, params![], |row| Ok(row.try_get(0)?)).await?;
    Ok(hosts.unwrap_or_default())
}

/// Counts the hosts of a leader, up to a bound.
async fn count(sql: &Sql, leader: &Leader<'_>, bound: i64) -> Result<i64, DbError> {
    let read = |row: &Row| Ok(row.try_get(0)?);
    let counted: Option<i64> = match leader {
        Leader::Label(key, Some(value)) => {
            sql.first(
                "SELECT count(*) FROM (SELECT 1 FROM labels \
                 WHERE key = $1 AND value = $2 LIMIT $3) AS counted",
                params![key, value, bound],
                read,
            )
            .await?
        }
        Leader::Label(key, None) => {
            sql.first(
                "SELECT count(*) FROM (SELECT 1 FROM labels WHERE key = $1 LIMIT $2) AS counted",
                params![key, bound],
                read,
            )
            .await?
        }
        Leader::Names(part) => {
            sql.first(
                "SELECT count(*) FROM (SELECT 1 FROM host_names \
                 WHERE part >= $1 AND part < $2 LIMIT $3) AS counted",
                params![part, behind(part), bound],
                read,
            )
            .await?
        }
        Leader::Hosts => Some(bound),
    };
    Ok(counted.unwrap_or_default())
}

/// Returns the first text behind those that begin with a part.
pub(super) fn behind(part: &str) -> String {
    format!("{part}{}", char::MAX)
}
