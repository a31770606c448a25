//! The facts of all hosts, in the tables `fact_*`.
//!
//! `prepare` makes what a host's answers are stored as, before their transaction; `put` writes them,
//! and `documents` the documents among them; `bodies` reads documents; `query` reads one host's
//! facts, `search` all hosts'; `sweep` deletes what is too old or has no host.

mod bodies;
mod documents;
mod prepare;
mod put;
mod query;
mod search;
pub(super) mod sweep;

use super::PostgresStore;
use super::change::{change, query as read};
use crate::store::documents::{AGAIN, TRIES, Texts};
use crate::store::{
    CurrentDocument, DocumentHosts, DocumentNumber, EntryQuery, FactRow, FactText, Facts,
    FoundEntries, HostAnswers, HostsPage, KnownFacts, Selection, StoreError, StoredAnswers,
    Visitor,
};
use async_trait::async_trait;
use fleet::UnixMillis;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast;

/// Hosts whose answers are prepared at once: each keeps a processor busy.
pub(super) const PREPARING: usize = 2;

/// Documents that are read at once to be visited.
const VISITED: usize = 64;

/// The longest visit of documents.
const MAX_VISIT: Duration = Duration::from_secs(10);

#[async_trait]
impl Facts for PostgresStore {
    fn new_facts(&self) -> broadcast::Receiver<Arc<[String]>> {
        self.core.published.new_facts()
    }

    async fn put_facts(&self, answers: HostAnswers) -> Result<StoredAnswers, StoreError> {
        let answers = Arc::new(answers);
        let max_bytes = i64::try_from(self.core.bounds.max_fact_bytes).unwrap_or(i64::MAX);
        let mut tries = 0;
        loop {
            tries += 1;
            let subject = "what is known of a host";
            let turn = self.preparing.acquire().await.map_err(StoreError::reading(subject))?;
            let unprepared = |error| self.core.unread(subject, &error);
            let digested = prepare::digested(&answers).await.map_err(unprepared)?;
            let known = read!(self, subject, |sql| prepare::read(&sql, &answers.host, &digested))?;
            let prepared = prepare::prepared(&answers, digested, known).await;
            let prepared = prepared.map_err(unprepared)?;
            drop(turn);
            let stored = {
                let answers = Arc::clone(&answers);
                change!(self, |transaction| put::put(
                    &mut transaction,
                    &answers,
                    &prepared,
                    max_bytes
                ))
            };
            match stored {
                Err(StoreError::Conflict(why)) if why == AGAIN && tries < TRIES => {}
                stored => return stored,
            }
        }
    }

    async fn known_facts(&self, host: &str) -> Result<KnownFacts, StoreError> {
        read!(self, "what is known of a host", |sql| query::known(&sql, host))
    }

    async fn host_facts(
        &self,
        host: &str,
        at: Option<UnixMillis>,
    ) -> Result<Vec<FactRow>, StoreError> {
        read!(self, "a host's facts", |sql| query::all(&sql, host, at))
    }

    async fn fact(
        &self,
        host: &str,
        method: &str,
        at: Option<UnixMillis>,
    ) -> Result<Option<(FactRow, Option<FactText>)>, StoreError> {
        read!(self, "a fact", |sql| query::one(&sql, host, method, at))
    }

    async fn fact_changes(
        &self,
        host: &str,
        method: &str,
        before: UnixMillis,
        limit: usize,
    ) -> Result<Vec<FactRow>, StoreError> {
        read!(self, "the changes of a fact", |sql| query::changes(
            &sql, host, method, before, limit
        ))
    }

    async fn host_changes(
        &self,
        host: &str,
        after: Option<(UnixMillis, String)>,
        limit: usize,
    ) -> Result<Vec<FactRow>, StoreError> {
        let (since, method) = after.unwrap_or((UnixMillis::MAX, String::new()));
        read!(self, "the changes of a host", |sql| query::host_changes(
            &sql, host, since, &method, limit
        ))
    }

    async fn current_documents(&self, method: &str) -> Result<Vec<CurrentDocument>, StoreError> {
        read!(self, "the documents of a method", |sql| search::current(&sql, method))
    }

    async fn visit_documents(
        &self,
        documents: Vec<DocumentNumber>,
        mut visit: Visitor,
    ) -> Result<(), StoreError> {
        let (subject, end) = ("documents", Instant::now() + MAX_VISIT);
        let mut texts = Texts::default();
        for some in documents.chunks(VISITED) {
            if Instant::now() >= end {
                return Err(StoreError::Conflict(format!(
                    "reading {subject} took longer than {} s; narrow the search",
                    MAX_VISIT.as_secs()
                )));
            }
            let found = read!(self, subject, |sql| bodies::read(&sql, some))?;
            let some = some.to_vec();
            let visited = bodies::apart(move || {
                let mut goes_on = Some(true);
                for document in some {
                    // One that was deleted meanwhile is nobody's.
                    goes_on = texts.show(&found, document, |text| visit(document, text))?;
                    if goes_on == Some(false) {
                        break;
                    }
                }
                Ok((goes_on, texts, visit))
            });
            let visited = visited.await.map_err(|error| self.core.unread(subject, &error))?;
            if visited.0 == Some(false) {
                break;
            }
            (_, texts, visit) = visited;
        }
        Ok(())
    }

    async fn hosts_of_documents(&self, query: DocumentHosts) -> Result<HostsPage, StoreError> {
        read!(self, "the hosts of documents", |sql| search::hosts(&sql, &query))
    }

    async fn count_documents(
        &self,
        method: &str,
        hosts: Selection,
    ) -> Result<HashMap<Option<DocumentNumber>, u64>, StoreError> {
        read!(self, "the hosts of documents", |sql| search::count(&sql, method, &hosts))
    }

    async fn documents_with(&self, entries: EntryQuery) -> Result<FoundEntries, StoreError> {
        read!(self, "entries of documents", |sql| search::entries(&sql, &entries))
    }
}
