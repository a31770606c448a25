//! A host opens a channel.

use super::record;
use crate::store::judged::Judged;
use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::standing::{By, GoneKey};
use crate::store::unwritten::Unwritten;
use crate::store::{ChannelProof, NewChannel};
use fleet::identity::{self, Connection, PendingReason, Standing};
use fleet::{Digest, HostRecord, HostState, IdentityRefusal, Labels, UnixMillis};
use rusqlite::Connection as Sql;

/// What the rules say, before anything is stored.
struct Ruling {
    decision: Result<Connection, IdentityRefusal>,
    before: Option<HostRecord>,
    after: Option<HostRecord>,
}

/// Judges a host that has proved its key, and stores what follows from it. What it said is noted.
pub(super) fn connected(
    transaction: &mut Transaction<'_>,
    unwritten: &Unwritten,
    judged: &Judged,
    channel: &NewChannel,
) -> Result<Result<Connection, IdentityRefusal>, ChangeError> {
    let Ruling { decision, before, after } = judge(transaction.sql, channel)?;
    let by = By::Host(channel.address.ip());
    match (&before, &after) {
        (Some(before), Some(after)) => {
            record::save(transaction, before, after, by, channel.now)?;
        }
        (None, Some(new)) => {
            record::insert(transaction, new, &Labels::new(), channel.now)?;
            let source = channel.address.ip();
            let action = match new.state {
                HostState::Pending(PendingReason::Lost) => "hosts.lost_record",
                _ => "hosts.first_seen",
            };
            record::note(transaction, action, &new.id, source, None, channel.now)?;
        }
        (_, None) => {}
    }
    if let Ok(connection) = decision {
        unwritten.connected(channel);
        if before == after {
            judged.note(&channel.host, channel.proof, connection);
        }
    }
    Ok(decision)
}

/// Judges a host while nothing can be stored: the rules hold, only the last time that it was seen
/// is not noted. Returns `None` for a host that an operator would have to know of first.
pub(super) fn without_storing(
    sql: &Sql,
    channel: &NewChannel,
) -> rusqlite::Result<Option<Result<Connection, IdentityRefusal>>> {
    let Ruling { decision, before, .. } = judge(sql, channel)?;
    let must_be_stored = before.is_none()
        && decision.as_ref().is_ok_and(|connection| connection.standing != Standing::Active);
    Ok((!must_be_stored).then_some(decision))
}

fn judge(sql: &Sql, channel: &NewChannel) -> rusqlite::Result<Ruling> {
    let before = record::load(sql, &channel.host)?;
    match channel.proof {
        ChannelProof::Own { key, not_before } => own(sql, before, &channel.host, key, not_before),
        ChannelProof::Foreign { unknown } => {
            let pending = record::pending(sql)?;
            let decided =
                identity::connect_foreign(before.as_ref(), &channel.host, unknown, pending);
            let (decision, new) = match decided {
                Ok((standing, new)) => (Ok(Connection::new(standing)), new),
                Err(refusal) => (Err(refusal), None),
            };
            Ok(Ruling { decision, after: new.or_else(|| before.clone()), before })
        }
    }
}

fn own(
    sql: &Sql,
    before: Option<HostRecord>,
    host: &str,
    key: Digest,
    not_before: UnixMillis,
) -> rusqlite::Result<Ruling> {
    let refused = |refusal, before: Option<HostRecord>| {
        Ok(Ruling { decision: Err(refusal), after: before.clone(), before })
    };
    match record::gone(sql, &key)? {
        Some(GoneKey::Banned) => return refused(IdentityRefusal::Banned, before),
        // Its certificate may be later than all that this host has, but it is another host's.
        Some(GoneKey::Removed) => return refused(IdentityRefusal::Unknown, before),
        None => {}
    }
    if record::owner(sql, &key)?.is_some_and(|owner| owner != host) {
        return refused(IdentityRefusal::Unknown, before);
    }
    if let Some(mut after) = before.clone() {
        let decision = identity::connect(&mut after, key, not_before);
        return Ok(Ruling { decision, before, after: Some(after) });
    }
    match identity::connect_lost(host, key, not_before, record::pending(sql)?) {
        Ok(new) => {
            let decision = Connection::new(Standing::Pending);
            Ok(Ruling { decision: Ok(decision), before, after: Some(new) })
        }
        Err(refusal) => refused(refusal, before),
    }
}
