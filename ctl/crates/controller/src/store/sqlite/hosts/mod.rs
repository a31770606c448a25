//! The hosts: their identities (`record`), how they come (`join`, `connect`), what operators decide
//! about them (`operator`), their `labels`, their `presence`, and lists of them (`query`) and of the
//! labels that are `in_use`.
//!
//! Each change reads the host's identity, asks the rule of the crate `fleet`, and stores what it
//! answers, all within the writer's transaction.

mod connect;
mod in_use;
mod join;
mod kept_sets;
pub(super) mod labels;
mod leader;
pub(super) mod operator;
mod presence;
mod query;
mod record;
mod sets;

pub(super) use kept_sets::KeptSets;
pub(super) use presence::write as write_presence;
pub(super) use query::numbers;

use super::SqliteStore;
use super::change::{ChangeError, Transaction};
use super::column::json;
use super::sql::Sql as _;
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
use rusqlite::params;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Removes the hosts that nobody has approved. They may ask again.
pub(super) fn forget_pending(
    transaction: &mut Transaction<'_>,
    now: UnixMillis,
) -> Result<(), ChangeError> {
    let waiting: Vec<HostRecord> = transaction.sql.all(
        "SELECT identity FROM hosts WHERE state = 'pending' AND since < ?",
        params![now - PENDING_KEPT],
        |row| json(row, 0),
    )?;
    for host in waiting {
        if matches!(host.state, HostState::Pending(PendingReason::Token | PendingReason::Foreign)) {
            log::info!("{}: removed, since nobody has approved it for 30 days", host.id);
            operator::remove(transaction, &host.id, now)?;
        }
    }
    Ok(())
}

impl SqliteStore {
    /// Writes what waits of the hosts' presence, so that a reader finds it. Where that fails, the
    /// reader finds what was known before.
    async fn write_presence(&self) {
        if self.unwritten.is_any()
            && let Err(error) = self.change(|_| Ok(())).await
        {
            log::debug!("what is known of the hosts' presence is not written yet: {error}");
        }
    }
}

#[async_trait]
impl Hosts for SqliteStore {
    async fn enroll(
        &self,
        request: EnrollRequest,
    ) -> Result<Result<Admission, EnrollRefusal>, StoreError> {
        self.change(move |transaction| join::enroll(transaction, &request)).await
    }

    async fn renew(
        &self,
        request: RenewRequest,
    ) -> Result<Result<Certificate, IdentityRefusal>, StoreError> {
        self.change(move |transaction| join::renew(transaction, &request)).await
    }

    async fn recover(
        &self,
        request: RecoverRequest,
    ) -> Result<Result<Answer, IdentityRefusal>, StoreError> {
        self.change(move |transaction| join::recover(transaction, &request)).await
    }

    async fn connected(
        &self,
        channel: NewChannel,
    ) -> Result<Result<Connection, IdentityRefusal>, StoreError> {
        if let Some(connection) = self.judged.find(&channel.host, &channel.proof) {
            if self.unwritten.connected(&channel) {
                self.wake()?;
            }
            return Ok(Ok(connection));
        }
        let again = channel.clone();
        let (unwritten, judged) = (Arc::clone(&self.unwritten), Arc::clone(&self.judged));
        let connecting = self.change_without_presence(move |transaction| {
            connect::connected(transaction, &unwritten, &judged, &channel)
        });
        let failed = match connecting.await {
            Err(failed @ (StoreError::Full(_) | StoreError::Unavailable { .. })) => failed,
            stored => return stored,
        };
        let host = again.host.clone();
        let judged = self
            .readers
            .query("a host", move |connection| connect::without_storing(connection, &again))
            .await?;
        if judged.is_some() {
            log::debug!("{host}: its connection cannot be noted: {failed}");
        }
        judged.ok_or(failed)
    }

    async fn disconnected(
        &self,
        host: &str,
        why: Option<Departure>,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        if self.unwritten.disconnected(host, why, at) {
            self.wake()?;
        }
        Ok(())
    }

    async fn host(&self, id: &str) -> Result<Option<HostRow>, StoreError> {
        let id = id.to_owned();
        self.write_presence().await;
        self.readers.query("a host", move |connection| query::one(connection, &id)).await
    }

    async fn hosts_named(&self, ids: Vec<String>) -> Result<HashMap<String, HostRow>, StoreError> {
        self.write_presence().await;
        self.readers.query("hosts", move |connection| query::named(connection, ids)).await
    }

    async fn hosts(&self, query: HostQuery) -> Result<Vec<HostRow>, StoreError> {
        self.write_presence().await;
        let kept = Arc::clone(&self.kept_sets);
        self.readers
            .query("a page of hosts", move |connection| query::page(connection, &kept, &query))
            .await
    }

    async fn host_ids(&self, query: HostQuery) -> Result<Vec<String>, StoreError> {
        let kept = Arc::clone(&self.kept_sets);
        self.readers
            .query("ids of hosts", move |connection| query::ids(connection, &kept, &query))
            .await
    }

    async fn count_hosts(&self, query: HostQuery) -> Result<u64, StoreError> {
        let kept = Arc::clone(&self.kept_sets);
        self.readers
            .query("a number of hosts", move |connection| query::count(connection, &kept, &query))
            .await
    }

    async fn newest_hosts(
        &self,
        token: Option<&TokenId>,
        limit: usize,
    ) -> Result<Vec<HostRow>, StoreError> {
        let token = token.cloned();
        self.write_presence().await;
        self.readers
            .query("hosts", move |connection| query::newest(connection, token.as_ref(), limit))
            .await
    }

    async fn label_keys(&self, prefix: &str, limit: usize) -> Result<InUse, StoreError> {
        let prefix = prefix.to_owned();
        self.readers
            .query("keys of labels", move |connection| in_use::keys(connection, &prefix, limit))
            .await
    }

    async fn label_values(
        &self,
        key: &str,
        prefix: &str,
        limit: usize,
    ) -> Result<InUse, StoreError> {
        let (key, prefix) = (key.to_owned(), prefix.to_owned());
        self.readers
            .query("values of labels", move |connection| {
                in_use::values(connection, &key, &prefix, limit)
            })
            .await
    }

    async fn labels_of(
        &self,
        hosts: HostQuery,
        key: Option<&str>,
        prefix: &str,
        limit: usize,
    ) -> Result<InUse, StoreError> {
        let (key, prefix) = (key.map(str::to_owned), prefix.to_owned());
        let kept = Arc::clone(&self.kept_sets);
        self.readers
            .query("labels of hosts", move |connection| {
                in_use::of_hosts(connection, &kept, &hosts, key.as_deref(), &prefix, limit)
            })
            .await
    }

    async fn set_labels(&self, host: &str, change: LabelChange) -> Result<HostRow, StoreError> {
        let host = host.to_owned();
        self.change(move |transaction| {
            labels::change(transaction, &host, &change)?;
            query::existing(transaction.sql, &host)
        })
        .await
    }

    async fn approve(&self, host: &str, now: UnixMillis) -> Result<HostRow, StoreError> {
        let host = host.to_owned();
        self.change(move |transaction| {
            operator::approve(transaction, &host, now)?;
            query::existing(transaction.sql, &host)
        })
        .await
    }

    async fn quarantine(
        &self,
        host: &str,
        reason: &str,
        now: UnixMillis,
    ) -> Result<HostRow, StoreError> {
        let (host, reason) = (host.to_owned(), reason.to_owned());
        self.change(move |transaction| {
            operator::quarantine(transaction, &host, &reason, now)?;
            query::existing(transaction.sql, &host)
        })
        .await
    }

    async fn settle(
        &self,
        host: &str,
        choice: Choice,
        now: UnixMillis,
    ) -> Result<(HostRow, Settled), StoreError> {
        let host = host.to_owned();
        self.change(move |transaction| {
            let settled = operator::settle(transaction, &host, choice, now)?;
            Ok((query::existing(transaction.sql, &host)?, settled))
        })
        .await
    }

    async fn ban(&self, host: &str, now: UnixMillis) -> Result<HostRow, StoreError> {
        let host = host.to_owned();
        self.change(move |transaction| {
            operator::ban(transaction, &host, By::Operator, now)?;
            query::existing(transaction.sql, &host)
        })
        .await
    }

    async fn remove(&self, host: &str, now: UnixMillis) -> Result<(), StoreError> {
        let host = host.to_owned();
        self.change(move |transaction| operator::remove(transaction, &host, now)).await
    }

    fn counts(&self) -> HostCounts {
        self.published.counts()
    }

    async fn certificates_ending(&self, before: &[UnixMillis]) -> Result<Vec<u64>, StoreError> {
        let before = before.to_vec();
        self.readers
            .query("the ends of the hosts' certificates", move |connection| {
                before.iter().map(|end| query::certificates_before(connection, *end)).collect()
            })
            .await
    }

    async fn trusts(&self, host: &str, ca_version: u32) -> Result<(), StoreError> {
        if self.unwritten.trusts(host, ca_version) {
            self.wake()?;
        }
        Ok(())
    }

    async fn followers(&self, ca_version: u32, since: UnixMillis) -> Result<Followers, StoreError> {
        self.write_presence().await;
        self.readers
            .query("who follows the CA", move |connection| {
                presence::followers(connection, ca_version, since)
            })
            .await
    }

    fn standings(&self) -> broadcast::Receiver<Arc<[StandingChange]>> {
        self.published.standings()
    }
}
