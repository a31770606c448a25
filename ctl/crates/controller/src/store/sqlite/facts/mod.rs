//! The facts of all hosts, in the tables `fact_*`.
//!
//! `prepare` compresses documents on a connection that reads (`body`); `put` writes them, within the
//! writer's transaction; `query` reads one host's facts, `search` all hosts'; `sweep` deletes what
//! is too old or has no host.

mod body;
mod prepare;
mod put;
mod query;
mod search;
pub(super) mod sweep;

use super::SqliteStore;
use crate::store::documents::{AGAIN, TRIES};
use crate::store::{
    CurrentDocument, DocumentHosts, DocumentNumber, EntryQuery, FactRow, FactText, Facts,
    FoundEntries, HostAnswers, HostsPage, KnownFacts, Selection, StoreError, StoredAnswers,
    Visitor,
};
use async_trait::async_trait;
use fleet::UnixMillis;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Hosts whose answers are prepared at once: pages need connections too.
pub(super) const PREPARING: usize = 2;

#[async_trait]
impl Facts for SqliteStore {
    fn new_facts(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.published.new_facts()
    }

    async fn put_facts(&self, answers: HostAnswers) -> Result<StoredAnswers, StoreError> {
        let answers = Arc::new(answers);
        let mut tries = 0;
        loop {
            tries += 1;
            let subject = "what is known of a host";
            let turn = self.preparing.acquire().await.map_err(StoreError::reading(subject))?;
            let to_prepare = Arc::clone(&answers);
            let prepared = self
                .readers
                .query(subject, move |connection| prepare::prepare(connection, &to_prepare))
                .await?;
            drop(turn);
            let (answers, max_bytes) = (Arc::clone(&answers), self.max_fact_bytes);
            let stored = self
                .change(move |transaction| put::put(transaction, &answers, &prepared, max_bytes));
            match stored.await {
                Err(StoreError::Conflict(why)) if why == AGAIN && tries < TRIES => {}
                stored => return stored,
            }
        }
    }

    async fn known_facts(&self, host: &str) -> Result<KnownFacts, StoreError> {
        let host = host.to_owned();
        self.readers
            .query("what is known of a host", move |connection| query::known(connection, &host))
            .await
    }

    async fn host_facts(
        &self,
        host: &str,
        at: Option<UnixMillis>,
    ) -> Result<Vec<FactRow>, StoreError> {
        let host = host.to_owned();
        self.readers
            .query("a host's facts", move |connection| query::all(connection, &host, at))
            .await
    }

    async fn fact(
        &self,
        host: &str,
        method: &str,
        at: Option<UnixMillis>,
    ) -> Result<Option<(FactRow, Option<FactText>)>, StoreError> {
        let (host, method) = (host.to_owned(), method.to_owned());
        self.readers
            .query("a fact", move |connection| query::one(connection, &host, &method, at))
            .await
    }

    async fn fact_changes(
        &self,
        host: &str,
        method: &str,
        before: UnixMillis,
        limit: usize,
    ) -> Result<Vec<FactRow>, StoreError> {
        let (host, method) = (host.to_owned(), method.to_owned());
        self.readers
            .query("the changes of a fact", move |connection| {
                query::changes(connection, &host, &method, before, limit)
            })
            .await
    }

    async fn host_changes(
        &self,
        host: &str,
        after: Option<(UnixMillis, String)>,
        limit: usize,
    ) -> Result<Vec<FactRow>, StoreError> {
        let host = host.to_owned();
        self.readers
            .query("the changes of a host", move |connection| {
                query::host_changes(connection, &host, after, limit)
            })
            .await
    }

    async fn current_documents(&self, method: &str) -> Result<Vec<CurrentDocument>, StoreError> {
        let method = method.to_owned();
        self.readers
            .query("the documents of a method", move |connection| {
                search::current(connection, &method)
            })
            .await
    }

    async fn visit_documents(
        &self,
        documents: Vec<DocumentNumber>,
        mut visit: Visitor,
    ) -> Result<(), StoreError> {
        self.readers
            .query("documents", move |connection| search::visit(connection, &documents, &mut visit))
            .await
    }

    async fn hosts_of_documents(&self, query: DocumentHosts) -> Result<HostsPage, StoreError> {
        let kept = Arc::clone(&self.kept_sets);
        self.readers
            .query("the hosts of documents", move |connection| {
                search::hosts(connection, &kept, &query)
            })
            .await
    }

    async fn count_documents(
        &self,
        method: &str,
        hosts: Selection,
    ) -> Result<HashMap<Option<DocumentNumber>, u64>, StoreError> {
        let kept = Arc::clone(&self.kept_sets);
        let method = method.to_owned();
        self.readers
            .query("the hosts of documents", move |connection| {
                search::count(connection, &kept, &method, &hosts)
            })
            .await
    }

    async fn documents_with(&self, entries: EntryQuery) -> Result<FoundEntries, StoreError> {
        self.readers
            .query("entries of documents", move |connection| search::entries(connection, &entries))
            .await
    }
}
