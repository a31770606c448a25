//! A host opens a channel.

use super::record;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::error::DbError;
use crate::store::postgres::sql::Sql;
use crate::store::standing::{By, GoneKey};
use crate::store::{ChannelProof, NewChannel};
use fleet::identity::{self, Connection, PendingReason, Standing};
use fleet::{Digest, HostRecord, HostState, IdentityRefusal, Labels, UnixMillis};

/// What the rules say, before anything is stored.
pub(super) struct Ruling {
    /// Whether the host may be connected.
    pub(super) decision: Result<Connection, IdentityRefusal>,
    before: Option<HostRecord>,
    after: Option<HostRecord>,
}

impl Ruling {
    /// Returns whether something has to be stored.
    pub(super) fn changes_something(&self) -> bool {
        self.before != self.after
    }

    /// Returns whether an operator has to know of the host before it may be connected.
    pub(super) fn must_be_stored(&self) -> bool {
        self.before.is_none()
            && self
                .decision
                .as_ref()
                .is_ok_and(|connection| connection.standing != Standing::Active)
    }
}

/// Judges a host that has proved its key, and stores what follows from it.
pub(super) async fn connected(
    transaction: &mut Transaction,
    channel: &NewChannel,
) -> Result<Result<Connection, IdentityRefusal>, ChangeError> {
    // Judged again: the record may have changed since it was read.
    let locked = record::lock(&transaction.sql, &channel.host).await?;
    let pending = match locked {
        Some(_) => record::pending(&transaction.sql).await?,
        None => record::pending_at_last(&transaction.sql).await?,
    };
    let Ruling { decision, before, after } =
        ruling(&transaction.sql, channel, locked, pending).await?;
    let source = channel.address.ip();
    match (&before, &after) {
        (Some(before), Some(after)) => {
            record::save(transaction, before, after, By::Host(source), channel.now).await?;
        }
        (None, Some(new)) => {
            record::insert(transaction, new, &Labels::new(), channel.now).await?;
            let action = match new.state {
                HostState::Pending(PendingReason::Lost) => "hosts.lost_record",
                _ => "hosts.first_seen",
            };
            record::note(transaction, action, &new.id, source, None, channel.now).await?;
        }
        (_, None) => {}
    }
    Ok(decision)
}

/// Judges a host by the rules and its stored record.
pub(super) async fn judge(sql: &Sql, channel: &NewChannel) -> Result<Ruling, DbError> {
    let before = record::load(sql, &channel.host).await?;
    let pending = match before {
        Some(_) => 0,
        None => record::pending(sql).await?,
    };
    ruling(sql, channel, before, pending).await
}

async fn ruling(
    sql: &Sql,
    channel: &NewChannel,
    before: Option<HostRecord>,
    pending: u32,
) -> Result<Ruling, DbError> {
    match channel.proof {
        ChannelProof::Own { key, not_before } => {
            own(sql, before, &channel.host, (key, not_before), pending).await
        }
        ChannelProof::Foreign { unknown } => {
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

async fn own(
    sql: &Sql,
    before: Option<HostRecord>,
    host: &str,
    (key, not_before): (Digest, UnixMillis),
    pending: u32,
) -> Result<Ruling, DbError> {
    let refused = |refusal, before: Option<HostRecord>| {
        Ok(Ruling { decision: Err(refusal), after: before.clone(), before })
    };
    match record::gone(sql, &key).await? {
        Some(GoneKey::Banned) => return refused(IdentityRefusal::Banned, before),
        // Its certificate may be later than all that this host has, but it is another host's.
        Some(GoneKey::Removed) => return refused(IdentityRefusal::Unknown, before),
        None => {}
    }
    if record::owner(sql, &key).await?.is_some_and(|owner| owner != host) {
        return refused(IdentityRefusal::Unknown, before);
    }
    if let Some(mut after) = before.clone() {
        let decision = identity::connect(&mut after, key, not_before);
        return Ok(Ruling { decision, before, after: Some(after) });
    }
    match identity::connect_lost(host, key, not_before, pending) {
        Ok(new) => {
            let decision = Connection::new(Standing::Pending);
            Ok(Ruling { decision: Ok(decision), before, after: Some(new) })
        }
        Err(refusal) => refused(refusal, before),
    }
}
