//! Counts the hosts of each condition of a query, to find the one that leads.

use crate::store::StateName;
use crate::store::leader::{Leader, NAMED, behind};
use crate::store::postgres::error::DbError;
use crate::store::postgres::params;
use crate::store::postgres::sql::Sql;
use fleet::selector::{Condition, Subject, Term};
use tokio_postgres::Row;

/// Hosts that are counted to find the label that leads: less than a millisecond of its index.
const COUNTED: i64 = 30_000;

/// Returns the leader with the fewest hosts, as far as that is cheap to know; `None` if a condition
/// holds for no host.
pub(super) async fn leader<'a>(
    sql: &Sql,
    terms: &'a [Term],
    state: Option<StateName>,
    search: Option<&'a str>,
) -> Result<Option<Leader<'a>>, DbError> {
    if name_hosts(terms) {
        return Ok(Some(Leader::Hosts));
    }
    let mut fewest = Fewest::default();
    if let Some(state) = state {
        match of_state(sql, state).await? {
            0 => return Ok(None),
            hosts => fewest.offer(hosts, Leader::Hosts),
        }
    }
    if let Some(part) = search {
        match count(sql, &Leader::Names(part), NAMED).await? {
            0 => return Ok(None),
            // They must be sorted, so they lead only where they are few.
            NAMED.. => {}
            few => fewest.offer(few, Leader::Names(part)),
        }
    }
    for leader in terms.iter().filter_map(Leader::of) {
        match count(sql, &leader, fewest.bound()).await? {
            0 => return Ok(None),
            hosts => fewest.offer(hosts, leader),
        }
    }
    // Where most hosts have the label, it leads as well as the list of hosts.
    Ok(Some(fewest.found().unwrap_or(Leader::Hosts)))
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

/// The candidate with the fewest hosts so far.
#[derive(Default)]
struct Fewest<'a>(Option<(i64, Leader<'a>)>);

impl<'a> Fewest<'a> {
    /// Takes a candidate with so many hosts, if it has fewer.
    fn offer(&mut self, hosts: i64, leader: Leader<'a>) {
        if self.0.as_ref().is_none_or(|(fewest, _)| hosts < *fewest) {
            self.0 = Some((hosts, leader));
        }
    }

    /// Returns how far the hosts of the next candidate are counted: more than the fewest need not be.
    fn bound(&self) -> i64 {
        self.0.as_ref().map_or(COUNTED, |(fewest, _)| COUNTED.min(*fewest))
    }

    /// Returns the leader; `None` if no candidate was offered.
    fn found(self) -> Option<Leader<'a>> {
        self.0.map(|(_, leader)| leader)
    }
}

/// Returns whether the terms name hosts by their ids: these lead, whatever else there is.
fn name_hosts(terms: &[Term]) -> bool {
    let named =
        |term: &Term| term.subject == Subject::Host && matches!(term.condition, Condition::In(_));
    terms.iter().any(named)
}
