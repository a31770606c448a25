//! A host joins, renews its certificate, or recovers it.

use super::presence;
use super::record;
use crate::store::document::document;
use crate::store::postgres::change::{ChangeError, Transaction};
use crate::store::postgres::tokens;
use crate::store::standing::{By, GoneKey};
use crate::store::{Admission, EnrollRequest, RecoverRequest, RenewRequest};
use fleet::identity::{
    self, Answer, Certificate, Enroll, EnrollRefusal, Enrolled, Joined, Recover, Renew,
};
use fleet::{HostState, IdentityRefusal, JoinRefusal};
use futures_util::future::{try_join, try_join4};
use std::collections::BTreeMap;

/// Admits a host by a join token. A refusal may quarantine the host whose key is presented.
pub(super) async fn enroll(
    transaction: &mut Transaction,
    request: &EnrollRequest,
) -> Result<Result<Admission, EnrollRefusal>, ChangeError> {
    let sql = &transaction.sql;
    // Two hosts that want one id: the second one's insert fails, and is tried again.
    let wanted = async {
        match request.wanted.as_deref() {
            Some(wanted) => Ok(record::load(sql, wanted).await?.is_none().then_some(wanted)),
            None => Ok(None),
        }
    };
    // Sent together, run one after the other: the token is locked before the rest is read.
    let (token, owner, gone, wanted) = try_join4(
        tokens::admitting(sql, &request.token),
        record::owner(sql, &request.key),
        record::gone(sql, &request.key),
        wanted,
    )
    .await?;
    let Some(token) = token.filter(|token| token.secret.is(&request.secret)) else {
        return Ok(Err(EnrollRefusal::Join(JoinRefusal::Unknown)));
    };
    let known = match owner {
        Some(owner) => record::lock(sql, &owner).await?,
        None => None,
    };
    let pending = match known {
        Some(_) => record::pending(sql).await?,
        None => record::pending_at_last(sql).await?,
    };
    let ask = Enroll {
        token: &request.token,
        terms: &token.terms,
        state: token.state,
        source: request.source,
        key: request.key,
        key_is_banned: gone == Some(GoneKey::Banned),
        machine: request.machine,
        wanted,
        fresh: &request.fresh,
        pending,
    };
    let mut after = known.clone();
    let decided = identity::enroll(after.as_mut(), &ask, &request.offer, request.now);
    if let (Some(before), Some(after)) = (&known, &after) {
        record::save(transaction, before, after, By::Host(request.source), request.now).await?;
    }
    let said = (request.version.as_deref(), request.boot.as_deref());
    match decided {
        Ok(Enrolled { answer, joined: None }) => {
            let host = after.map(|after| after.id).unwrap_or_default();
            presence::enrolled(&transaction.sql, &host, said).await?;
            Ok(Ok(Admission { host, answer, new: false }))
        }
        Ok(Enrolled { answer, joined: Some(joined) }) => {
            let Joined { record, labels } = *joined;
            record::insert(transaction, &record, &labels, request.now).await?;
            let sql = &transaction.sql;
            let used = tokens::count_use(sql, &request.token);
            try_join(used, presence::enrolled(sql, &record.id, said)).await?;
            let detail = BTreeMap::from([("token", request.token.as_str())]);
            let detail = Some(document(&detail));
            let (host, source) = (&record.id, request.source);
            record::note(transaction, "hosts.enroll", host, source, detail, request.now).await?;
            Ok(Ok(Admission { host: record.id, answer, new: true }))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// Gives a connected host a new key.
pub(super) async fn renew(
    transaction: &mut Transaction,
    request: &RenewRequest,
) -> Result<Result<Certificate, IdentityRefusal>, ChangeError> {
    let sql = &transaction.sql;
    let Some(before) = record::lock(sql, &request.host).await? else {
        return Ok(Err(IdentityRefusal::Unknown));
    };
    let ask = Renew {
        id: &request.renewal,
        key: request.key,
        new_key: request.new_key,
        new_key_is_taken: record::is_taken(sql, &request.new_key, &request.host).await?,
    };
    let mut after = before.clone();
    let decided = identity::renew(&mut after, &ask, &request.offer, request.now);
    record::save(transaction, &before, &after, By::Host(request.source), request.now).await?;
    Ok(decided)
}

/// Gives a host a new key that has proved the bound one.
pub(super) async fn recover(
    transaction: &mut Transaction,
    request: &RecoverRequest,
) -> Result<Result<Answer, IdentityRefusal>, ChangeError> {
    let sql = &transaction.sql;
    let Some(before) = record::lock(sql, &request.host).await? else {
        return Ok(Err(IdentityRefusal::Unknown));
    };
    let ask = Recover {
        key: request.key,
        new_key: request.new_key,
        new_key_is_taken: record::is_taken(sql, &request.new_key, &request.host).await?,
        machine: request.machine,
        within: request.within,
    };
    let waits = |state: &HostState| matches!(state, HostState::Pending(_));
    let mut after = before.clone();
    let decided = identity::recover(&mut after, &ask, &request.offer, request.now);
    if !waits(&before.state)
        && waits(&after.state)
        && decided == Ok(Answer::Pending)
        && record::pending_at_last(sql).await? >= identity::MAX_PENDING
    {
        return Ok(Err(IdentityRefusal::TooManyPending));
    }
    record::save(transaction, &before, &after, By::Host(request.source), request.now).await?;
    if decided.is_ok() && before != after {
        let detail = Some(document(&BTreeMap::from([("pending", waits(&after.state))])));
        let (host, source) = (&request.host, request.source);
        record::note(transaction, "hosts.recover", host, source, detail, request.now).await?;
    }
    Ok(decided)
}
