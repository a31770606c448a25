//! What hosts answered to `getinfo.*`: documents that hosts share, the log of their changes, and
//! searches in them.

use super::StoreError;
use async_trait::async_trait;
use fleet::facts::index::{Entry, Kind};
use fleet::{Digest, LabelKey, LabelValue, Selector, UnixMillis};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::broadcast;

/// A document's number.
pub(crate) type DocumentNumber = i64;

/// The facts of all hosts.
#[async_trait]
pub(crate) trait Facts {
    /// Returns the hosts whose facts change from now on.
    fn new_facts(&self) -> broadcast::Receiver<Arc<[String]>>;

    /// Stores what a host answered, in one transaction with the labels that follow from it.
    ///
    /// # Errors
    /// When the host is unknown, there is no room, or the database cannot be written.
    async fn put_facts(&self, answers: HostAnswers) -> Result<StoredAnswers, StoreError>;

    /// Returns when a host was last asked for everything, and the digest of each answer that it
    /// would give again if nothing had changed.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn known_facts(&self, host: &str) -> Result<KnownFacts, StoreError>;

    /// Returns all facts of a host without their texts, now or at a time, ordered by method.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn host_facts(
        &self,
        host: &str,
        at: Option<UnixMillis>,
    ) -> Result<Vec<FactRow>, StoreError>;

    /// Returns one fact of a host with its text, now or at a time; `None` if nothing is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn fact(
        &self,
        host: &str,
        method: &str,
        at: Option<UnixMillis>,
    ) -> Result<Option<(FactRow, Option<FactText>)>, StoreError>;

    /// Returns a page of the log of changes of a fact, newest first: those before `before`.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn fact_changes(
        &self,
        host: &str,
        method: &str,
        before: UnixMillis,
        limit: usize,
    ) -> Result<Vec<FactRow>, StoreError>;

    /// Returns a page of the log of changes of all facts of a host, newest first: those that come
    /// after `after` in this order, which is that of times and, at one time, of methods.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn host_changes(
        &self,
        host: &str,
        after: Option<(UnixMillis, String)>,
        limit: usize,
    ) -> Result<Vec<FactRow>, StoreError>;

    /// Returns the documents that hosts have now of a method. Documents with the same base follow
    /// one another.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn current_documents(&self, method: &str) -> Result<Vec<CurrentDocument>, StoreError>;

    /// Reads the texts of these documents, in order, and gives each to `visit`, which ends it by
    /// `false`.
    ///
    /// # Errors
    /// When the database cannot be read, or it takes too long.
    async fn visit_documents(
        &self,
        documents: Vec<DocumentNumber>,
        visit: Visitor,
    ) -> Result<(), StoreError>;

    /// Returns a page of the hosts that have one of these documents now, ordered by id.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn hosts_of_documents(&self, query: DocumentHosts) -> Result<HostsPage, StoreError>;

    /// Returns how many of the selected hosts have each document of a method now; without a document
    /// are those that lack the provider.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn count_documents(
        &self,
        method: &str,
        hosts: Selection,
    ) -> Result<HashMap<Option<DocumentNumber>, u64>, StoreError>;

    /// Returns the documents that hosts have now and that have one of these entries, with them.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn documents_with(&self, entries: EntryQuery) -> Result<FoundEntries, StoreError>;
}

/// Takes a document's number and text; returns whether to go on.
pub(crate) type Visitor = Box<dyn FnMut(DocumentNumber, &str) -> bool + Send>;

/// The entries that were found, by document.
pub(crate) type FoundEntries = HashMap<DocumentNumber, Vec<Entry>>;

/// What a host answered.
#[derive(Clone, Debug)]
pub(crate) struct HostAnswers {
    /// The host.
    pub(crate) host: String,
    /// The present time.
    pub(crate) now: UnixMillis,
    /// The answers, by method. Methods that are not among them are not asked for anymore: their
    /// facts end.
    pub(crate) answers: BTreeMap<String, FactAnswer>,
    /// What becomes of labels from facts.
    pub(crate) labels: FactLabels,
}

/// One provider's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FactAnswer {
    /// Facts.
    Facts {
        /// What is the same while the host is.
        document: String,
        /// The whole answer, where it is more than that.
        whole: Option<String>,
    },
    /// The same as the last answer, to the byte.
    Unchanged,
    /// The host has no such provider.
    Absent,
    /// The provider failed.
    Failed {
        /// The agent's retcode.
        retcode: u16,
        /// The agent's sentence.
        message: String,
    },
}

/// The labels that follow from facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FactLabels {
    /// Labels with their values. A label of a token or an operator stays.
    pub(crate) set: BTreeMap<LabelKey, LabelValue>,
    /// Labels that keep the value they have, if any: their provider said nothing new.
    pub(crate) keep: Vec<LabelKey>,
}

/// What became of answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredAnswers {
    /// Methods whose document is another one than before.
    pub(crate) changed: Vec<String>,
    /// Whether a label changed.
    pub(crate) labels: bool,
}

/// What a host need not send again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KnownFacts {
    /// When it was last asked for everything.
    pub(crate) asked: Option<UnixMillis>,
    /// By method, the digest of the text that the host would send again.
    pub(crate) digests: BTreeMap<String, Digest>,
}

/// A fact of a host within a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactRow {
    /// The method.
    pub(crate) method: String,
    /// Since when the host has had it.
    pub(crate) since: UnixMillis,
    /// Until when; `None`: it has it now.
    pub(crate) until: Option<UnixMillis>,
    /// Its document; `None`: the host lacks the provider.
    pub(crate) document: Option<DocumentRow>,
    /// The provider's failure, of a fact of now.
    pub(crate) failure: Option<FactFailure>,
}

/// A document without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DocumentRow {
    /// Its number.
    pub(crate) number: DocumentNumber,
    /// SHA-256 of the text.
    pub(crate) digest: Digest,
    /// Bytes of the text.
    pub(crate) size: usize,
}

/// A text of a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactText {
    /// The newest whole answer, or the document's text where no whole answer is kept.
    pub(crate) text: String,
    /// When the whole answer came; `None` for a document.
    pub(crate) whole_at: Option<UnixMillis>,
}

/// A provider that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FactFailure {
    /// Since when.
    pub(crate) since: UnixMillis,
    /// The agent's retcode.
    pub(crate) retcode: u16,
    /// The agent's sentence.
    pub(crate) message: String,
}

/// A document that hosts have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CurrentDocument {
    /// Its number.
    pub(crate) number: DocumentNumber,
    /// How many hosts have it.
    pub(crate) hosts: u64,
}

/// Which hosts count: those that the caller may see, and among them the selected ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Any of these; `None`: all hosts.
    pub(crate) reach: Option<Vec<Selector>>,
    /// And this.
    pub(crate) selector: Option<Selector>,
}

/// The hosts of some documents.
#[derive(Clone, Debug)]
pub(crate) struct DocumentHosts {
    /// The documents' method.
    pub(crate) method: String,
    /// The documents, and how many hosts have each.
    pub(crate) documents: Arc<HashMap<DocumentNumber, u64>>,
    /// Which hosts count.
    pub(crate) hosts: Selection,
    /// Only hosts with an id above this one.
    pub(crate) after: String,
    /// The most hosts.
    pub(crate) limit: usize,
}

/// A page of hosts with their documents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostsPage {
    /// The hosts' ids and documents.
    pub(crate) hosts: Vec<(String, DocumentNumber)>,
    /// Where the next page begins; `None` at the end.
    pub(crate) next: Option<String>,
}

/// Entries to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryQuery {
    /// The kind.
    pub(crate) kind: Kind,
    /// The key.
    pub(crate) key: KeyRange,
}

/// Keys to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyRange {
    /// This one.
    Is(String),
    /// All from the first to before the second.
    Within(String, String),
}
