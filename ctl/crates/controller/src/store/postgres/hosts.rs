//! The hosts: their identities (`record`), how they come (`join`, `enrolling`, `connect`), what operators decide
//! about them (`operator`), their `labels`, their `presence`, and lists of them (`query`) and of the
//! labels that are `in_use`.
//!
//! Each change locks and reads the host's identity, asks the rule of the crate `fleet`, and stores
//! what it answers, all within one transaction.

mod connect;
mod enrolling;
mod in_use;
mod join;
pub(super) mod labels;
mod leader;
pub(super) mod operator;
pub(super) mod presence;
mod query;
mod record;

pub(super) use enrolling::Enrolling;
pub(super) use query::numbers;

use super::change::{ChangeError, Transaction, change, query};
use super::column::json;
use super::error::DbError;
use super::sql::Sql;
use super::{PostgresStore, params};
use crate::store::standing::By;
use crate::store::{
    Admission, EnrollRequest, Followers, HostCounts, HostQuery, HostRow, Hosts, InUse, LabelChange,
    NewChannel, PENDING_KEPT, RecoverRequest, RenewRequest, StandingChange, StoreError,
};
use async_trait::async_trait;
use controller_api::Departure;
use fleet::identity::{
    Answer, Certificate, Choice, Connection, EnrollRefusal, PendingReason, Settled,
};
use fleet::{HostRecord, HostState, IdentityRefusal, TokenId, UnixMillis};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Removes the hosts that nobody has approved. They may ask again.
pub(super) async fn forget_pending(
    transaction: &mut Transaction,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let waiting: Vec<HostRecord> = transaction
        .sql
        .all(
            "SELECT identity FROM hosts WHERE state = 'pending' AND since < $1 ORDER BY id",
            params![now - PENDING_KEPT],
            |row| json(row, 0),
        )
        .await?;
    for host in waiting {
        if matches!(host.state, HostState::Pending(PendingReason::Token | PendingReason::Foreign)) {
            log::info!("{}: removed, since nobody has approved it for 30 days", host.id);
            operator::remove(transaction, &host.id, now).await?;
        }
    }
    Ok(())
}

/// Returns the states of those of some hosts that exist.
pub(super) async fn states(sql: &Sql, ids: &[&str]) -> Result<HashMap<String, HostState>, DbError> {
    let read = "SELECT identity FROM hosts WHERE id = ANY ($1)";
    let found: Vec<HostRecord> = sql.all(read, params![ids], |row| json(row, 0)).await?;
    Ok(found.into_iter().map(|host| (host.id, host.state)).collect())
}

/// Runs a change of a host, then reads the host: `decide!(self, |transaction, id| work)`.
macro_rules! decide {
    ($store:expr, $host:expr, |$transaction:ident, $id:ident| $work:expr) => {{
        // The row that is returned has all of the host's presence.
        $store.core.write_presence().await;
        let $id = $host.to_owned();
        change!($store, |$transaction| async {
            let decided = $work.await?;
            Ok((query::existing(&$transaction.sql, &$id).await?, decided))
        })
    }};
}

#[async_trait]
impl Hosts for PostgresStore {
    async fn enroll(
        &self,
        request: EnrollRequest,
    ) -> Result<Result<Admission, EnrollRefusal>, StoreError> {
        let core = Arc::clone(&self.core);
        self.core.finished(async move { core.enroll(request).await }).await
    }

    async fn renew(
        &self,
        request: RenewRequest,
    ) -> Result<Result<Certificate, IdentityRefusal>, StoreError> {
        change!(self, |transaction| join::renew(&mut transaction, &request))
    }

    async fn recover(
        &self,
        request: RecoverRequest,
    ) -> Result<Result<Answer, IdentityRefusal>, StoreError> {
        change!(self, |transaction| join::recover(&mut transaction, &request))
    }

    async fn connected(
        &self,
        channel: NewChannel,
    ) -> Result<Result<Connection, IdentityRefusal>, StoreError> {
        let core = &self.core;
        if let Some(connection) = core.judged.find(&channel.host, &channel.proof) {
            core.is_connected(&channel);
            return Ok(Ok(connection));
        }
        let moment = core.judged.moment();
        let ruling = query!(self, "a host", |sql| connect::judge(&sql, &channel))?;
        if !ruling.changes_something() {
            if let Ok(connection) = ruling.decision {
                core.judged.note_since(moment, &channel.host, channel.proof, connection);
                core.is_connected(&channel);
            }
            return Ok(ruling.decision);
        }
        let stored = {
            let channel = channel.clone();
            change!(self, |transaction| connect::connected(&mut transaction, &channel))
        };
        match stored {
            Ok(decision) => {
                if decision.is_ok() {
                    core.is_connected(&channel);
                }
                Ok(decision)
            }
            Err(failed @ (StoreError::Full(_) | StoreError::Unavailable { .. }))
                if !ruling.must_be_stored() =>
            {
                log::debug!("{}: its connection cannot be noted: {failed}", channel.host);
                Ok(ruling.decision)
            }
            Err(failed) => Err(failed),
        }
    }

    async fn disconnected(
        &self,
        host: &str,
        why: Option<Departure>,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        if self.core.unwritten.disconnected(host, why, at) {
            self.core.presence_noted.notify_one();
        }
        Ok(())
    }

    async fn host(&self, id: &str) -> Result<Option<HostRow>, StoreError> {
        self.core.write_presence().await;
        query!(self, "a host", |sql| query::one(&sql, id))
    }

    async fn hosts_named(&self, ids: Vec<String>) -> Result<HashMap<String, HostRow>, StoreError> {
        self.core.write_presence().await;
        query!(self, "hosts", |sql| query::named(&sql, &ids))
    }

    async fn hosts(&self, query: HostQuery) -> Result<Vec<HostRow>, StoreError> {
        self.core.write_presence().await;
        query!(self, "a page of hosts", |sql| query::page(&sql, &query))
    }

    async fn host_ids(&self, query: HostQuery) -> Result<Vec<String>, StoreError> {
        query!(self, "ids of hosts", |sql| query::ids(&sql, &query))
    }

    async fn count_hosts(&self, query: HostQuery) -> Result<u64, StoreError> {
        let query = HostQuery { after: String::new(), ..query };
        let ids = query!(self, "a number of hosts", |sql| query::ids(&sql, &query))?;
        Ok(ids.len() as u64)
    }

    async fn newest_hosts(
        &self,
        token: Option<&TokenId>,
        limit: usize,
    ) -> Result<Vec<HostRow>, StoreError> {
        self.core.write_presence().await;
        query!(self, "hosts", |sql| query::newest(&sql, token, limit))
    }

    async fn label_keys(&self, prefix: &str, limit: usize) -> Result<InUse, StoreError> {
        query!(self, "keys of labels", |sql| in_use::keys(&sql, prefix, limit))
    }

    async fn label_values(
        &self,
        key: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<InUse, StoreError> {
        query!(self, "values of labels", |sql| in_use::values(&sql, key, prefix, limit))
    }

    async fn labels_of(
        &self,
        hosts: HostQuery,
        key: Option<&str>,
        prefix: &str,
        limit: usize,
    ) -> Result<InUse, StoreError> {
        query!(self, "labels of hosts", |sql| in_use::of_hosts(&sql, &hosts, key, prefix, limit))
    }

    async fn set_labels(&self, host: &str, change: LabelChange) -> Result<HostRow, StoreError> {
        let (row, ()) =
            decide!(self, host, |transaction, id| labels::change(&mut transaction, &id, &change))?;
        Ok(row)
    }

    async fn approve(&self, host: &str, now: UnixMillis) -> Result<HostRow, StoreError> {
        let (row, ()) =
            decide!(self, host, |transaction, id| operator::approve(&mut transaction, &id, now))?;
        Ok(row)
    }

    async fn quarantine(
        &self,
        host: &str,
        reason: &str,
        now: UnixMillis,
    ) -> Result<HostRow, StoreError> {
        let reason = reason.to_owned();
        let (row, ()) = decide!(self, host, |transaction, id| operator::quarantine(
            &mut transaction,
            &id,
            &reason,
            now
        ))?;
        Ok(row)
    }

    async fn settle(
        &self,
        host: &str,
        choice: Choice,
        now: UnixMillis,
    ) -> Result<(HostRow, Settled), StoreError> {
        decide!(self, host, |transaction, id| operator::settle(&mut transaction, &id, choice, now))
    }

    async fn ban(&self, host: &str, now: UnixMillis) -> Result<HostRow, StoreError> {
        let (row, ()) = decide!(self, host, |transaction, id| operator::ban(
            &mut transaction,
            &id,
            By::Operator,
            now
        ))?;
        Ok(row)
    }

    async fn remove(&self, host: &str, now: UnixMillis) -> Result<(), StoreError> {
        let host = host.to_owned();
        change!(self, |transaction| operator::remove(&mut transaction, &host, now))
    }

    fn counts(&self) -> HostCounts {
        self.core.published.counts()
    }

    async fn certificates_ending(&self, before: &[UnixMillis]) -> Result<Vec<u64>, StoreError> {
        query!(self, "the ends of the hosts' certificates", |sql| query::certificates_before(
            &sql, before
        ))
    }

    async fn trusts(&self, host: &str, ca_version: u32) -> Result<(), StoreError> {
        if self.core.unwritten.trusts(host, ca_version) {
            self.core.presence_noted.notify_one();
        }
        Ok(())
    }

    async fn followers(&self, ca_version: u32, since: UnixMillis) -> Result<Followers, StoreError> {
        self.core.write_presence().await;
        query!(self, "who follows the CA", |sql| presence::followers(&sql, ca_version, since))
    }

    fn standings(&self) -> broadcast::Receiver<Arc<[StandingChange]>> {
        self.core.published.standings()
    }
}
