//! A host joins, renews its certificate, or recovers it.

use super::presence;
use super::record;
use crate::store::sqlite::change::{ChangeError, Transaction};
use crate::store::sqlite::column::document;
use crate::store::sqlite::tokens;
use crate::store::standing::{By, GoneKey};
use crate::store::{Admission, EnrollRequest, RecoverRequest, RenewRequest};
use fleet::identity::{
    self, Answer, Certificate, Enroll, EnrollRefusal, Enrolled, Joined, Recover, Renew,
};
use fleet::{HostState, IdentityRefusal, JoinRefusal};
use std::collections::BTreeMap;

/// Admits a host by a join token. A refusal may quarantine the host whose key is presented.
pub(super) fn enroll(
    transaction: &mut Transaction<'_>,
    request: &EnrollRequest,
) -> Result<Result<Admission, EnrollRefusal>, ChangeError> {
    let sql = transaction.sql;
    let Some(token) =
        tokens::admitting(sql, &request.token)?.filter(|token| token.secret.is(&request.secret))
    else {
        return Ok(Err(EnrollRefusal::Join(JoinRefusal::Unknown)));
    };
    let known = match record::owner(sql, &request.key)? {
        Some(owner) => record::load(sql, &owner)?,
        None => None,
    };
    let wanted = match request.wanted.as_deref() {
        Some(wanted) if record::load(sql, wanted)?.is_none() => Some(wanted),
        _ => None,
    };
    let ask = Enroll {
        token: &request.token,
        terms: &token.terms,
        state: token.state,
        source: request.source,
        key: request.key,
        key_is_banned: record::gone(sql, &request.key)? == Some(GoneKey::Banned),
        machine: request.machine,
        wanted,
        fresh: &request.fresh,
        pending: record::pending(sql)?,
    };
    let mut after = known.clone();
    let decided = identity::enroll(after.as_mut(), &ask, &request.offer, request.now);
    if let (Some(before), Some(after)) = (&known, &after) {
        record::save(transaction, before, after, By::Host(request.source), request.now)?;
    }
    let (host, answer, new) = match decided {
        Ok(Enrolled { answer, joined: None }) => {
            (after.map(|after| after.id).unwrap_or_default(), answer, false)
        }
        Ok(Enrolled { answer, joined: Some(joined) }) => {
            let Joined { record, labels } = *joined;
            record::insert(transaction, &record, &labels, request.now)?;
            tokens::count_use(transaction.sql, &request.token)?;
            let detail = BTreeMap::from([("token", request.token.as_str())]);
            record::note(
                transaction,
                "hosts.enroll",
                &record.id,
                request.source,
                Some(document(&detail)),
                request.now,
            )?;
            (record.id, answer, true)
        }
        Err(refusal) => return Ok(Err(refusal)),
    };
    presence::enrolled(
        transaction.sql,
        &host,
        request.version.as_deref(),
        request.boot.as_deref(),
    )?;
    Ok(Ok(Admission { host, answer, new }))
}

/// Gives a connected host a new key.
pub(super) fn renew(
    transaction: &mut Transaction<'_>,
    request: &RenewRequest,
) -> Result<Result<Certificate, IdentityRefusal>, ChangeError> {
    let Some(before) = record::load(transaction.sql, &request.host)? else {
        return Ok(Err(IdentityRefusal::Unknown));
    };
    let ask = Renew {
        id: &request.renewal,
        key: request.key,
        new_key: request.new_key,
        new_key_is_taken: record::is_taken(transaction.sql, &request.new_key, &request.host)?,
    };
    let mut after = before.clone();
    let decided = identity::renew(&mut after, &ask, &request.offer, request.now);
    record::save(transaction, &before, &after, By::Host(request.source), request.now)?;
    Ok(decided)
}

/// Gives a host a new key that has proved the bound one.
pub(super) fn recover(
    transaction: &mut Transaction<'_>,
    request: &RecoverRequest,
) -> Result<Result<Answer, IdentityRefusal>, ChangeError> {
    let Some(before) = record::load(transaction.sql, &request.host)? else {
        return Ok(Err(IdentityRefusal::Unknown));
    };
    let ask = Recover {
        key: request.key,
        new_key: request.new_key,
        new_key_is_taken: record::is_taken(transaction.sql, &request.new_key, &request.host)?,
        machine: request.machine,
        within: request.within,
    };
    let waits = |state: &HostState| matches!(state, HostState::Pending(_));
    if !waits(&before.state) && record::pending(transaction.sql)? >= identity::MAX_PENDING {
        let mut trial = before.clone();
        if identity::recover(&mut trial, &ask, &request.offer, request.now) == Ok(Answer::Pending)
            && waits(&trial.state)
        {
            return Ok(Err(IdentityRefusal::TooManyPending));
        }
    }
    let mut after = before.clone();
    let decided = identity::recover(&mut after, &ask, &request.offer, request.now);
    record::save(transaction, &before, &after, By::Host(request.source), request.now)?;
    if decided.is_ok() && before != after {
        let detail = Some(document(&BTreeMap::from([("pending", waits(&after.state))])));
        record::note(
            transaction,
            "hosts.recover",
            &request.host,
            request.source,
            detail,
            request.now,
        )?;
    }
    Ok(decided)
}
