//! Questions to the facts of all hosts. A document is evaluated once, however many hosts have it and
//! however often a page of the same question is asked for: what a question found in a document never
//! changes, and is kept for a while.

use super::evaluate::Evaluator;
use super::query::{Found, Query};
use crate::store::{CurrentDocument, DocumentNumber, Selection, Store, StoreError};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// The longest time for a question.
const MAX_TIME: Duration = Duration::from_secs(20);

/// Questions that are evaluated at once; each takes [`THREADS`] threads.
const AT_ONCE: usize = 1;

/// Threads, and connections to the database, of one question.
const THREADS: usize = 2;

/// Documents that one reading evaluates: another query may have the connection in between.
const CHUNK: usize = 256;

/// Questions whose answers are kept…
const MAX_KEPT: usize = 16;

/// …and bytes of them in all.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// What a kept document takes beside its values.
const DOCUMENT_BYTES: usize = 64;

/// The values of a document at a question's path.
pub(crate) type Match = Arc<Found>;

/// The documents of now that a question found something in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matches {
    /// By document: what it has, and how many hosts have it.
    pub(crate) found: HashMap<DocumentNumber, (Match, u64)>,
    /// Documents that were looked at.
    pub(crate) documents: usize,
}

/// Why a question has no answer.
#[derive(Debug)]
pub(crate) enum SearchError {
    /// It took too long.
    TooLong,
    /// Others are being answered.
    Busy,
    /// The database cannot be read.
    Store(StoreError),
}

/// Answers to questions.
#[derive(Debug)]
pub(crate) struct Searches {
    turns: Semaphore,
    kept: Mutex<Kept>,
}

/// Answers that are kept, the most recently used at the end.
#[derive(Debug, Default)]
struct Kept(VecDeque<(String, Answers)>);

/// What a question found, by document; `None`: nothing.
type Answers = HashMap<DocumentNumber, Option<Match>>;

impl Default for Searches {
    fn default() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), kept: Mutex::default() }
    }
}

impl Searches {
    /// Puts a question to the documents that hosts have now.
    ///
    /// # Errors
    /// When it takes too long, or the database cannot be read.
    pub(crate) async fn ask(
        &self,
        store: &Arc<dyn Store>,
        question: &str,
        query: &Query,
    ) -> Result<Matches, SearchError> {
        let key = format!("{} {question}", query.method);
        let end = Instant::now() + MAX_TIME;
        let turn = timeout(MAX_TIME, self.turns.acquire()).await;
        let _turn = turn.map_err(|_| SearchError::Busy)?.map_err(|_| SearchError::Busy)?;
        let current = store.current_documents(&query.method).await.map_err(SearchError::Store)?;
        let mut answers = self.kept.lock().take(&key);
        let numbers: HashSet<DocumentNumber> = current.iter().map(|it| it.number).collect();
        answers.retain(|document, _| numbers.contains(document));
        let missing: Vec<DocumentNumber> = current
            .iter()
            .map(|document| document.number)
            .filter(|document| !answers.contains_key(document))
            .collect();
        let (fresh, late) = evaluate(store, query, missing, end).await?;
        answers.extend(fresh);
        let matches = matches(&current, &answers);
        // Kept also where it took too long: the next try goes on from there.
        self.kept.lock().put(key, answers);
        if late { Err(SearchError::TooLong) } else { Ok(matches) }
    }
}

impl Kept {
    fn take(&mut self, key: &str) -> Answers {
        match self.0.iter().position(|(kept, _)| kept == key) {
            Some(place) => self.0.remove(place).map(|(_, answers)| answers).unwrap_or_default(),
            None => Answers::new(),
        }
    }

    fn put(&mut self, key: String, answers: Answers) {
        self.0.push_back((key, answers));
        let mut bytes: usize = self.0.iter().map(|(_, answers)| size(answers)).sum();
        while self.0.len() > MAX_KEPT || bytes > MAX_KEPT_BYTES {
            let Some((_, oldest)) = self.0.pop_front() else { return };
            bytes -= size(&oldest);
        }
    }
}

fn size(answers: &Answers) -> usize {
    let values = |found: &Option<Match>| {
        found.as_ref().map_or(0, |found| found.values.iter().map(|value| value.len() + 24).sum())
    };
    answers.values().map(|found| DOCUMENT_BYTES + values(found)).sum()
}

fn matches(current: &[CurrentDocument], answers: &Answers) -> Matches {
    let found = current.iter().filter_map(|document| {
        let found = answers.get(&document.number)?.as_ref()?;
        Some((document.number, (Arc::clone(found), document.hosts)))
    });
    Matches { found: found.collect(), documents: current.len() }
}

/// Evaluates documents on some threads, until `end`; returns whether some are left.
async fn evaluate(
    store: &Arc<dyn Store>,
    query: &Query,
    documents: Vec<DocumentNumber>,
    end: Instant,
) -> Result<(Answers, bool), SearchError> {
    let chunks: Vec<Vec<DocumentNumber>> =
        documents.chunks(CHUNK).map(<[DocumentNumber]>::to_vec).collect();
    let chunks = Arc::new(Mutex::new(VecDeque::from(chunks)));
    let late = Arc::new(AtomicBool::new(false));
    let mut threads = tokio::task::JoinSet::new();
    for _ in 0..THREADS {
        let (store, chunks, late) = (Arc::clone(store), Arc::clone(&chunks), Arc::clone(&late));
        let evaluator = Arc::new(Mutex::new(Evaluator::new(query.clone(), end.into_std())));
        threads.spawn(async move {
            let mut answers = Answers::new();
            loop {
                let Some(chunk) = chunks.lock().pop_front() else { return Ok(answers) };
                answers.extend(visit(&store, &evaluator, chunk, &late).await?);
                if late.load(Ordering::Relaxed) {
                    return Ok(answers);
                }
            }
        });
    }
    let mut answers = Answers::new();
    while let Some(done) = threads.join_next().await {
        let done = done.map_err(|error| {
            SearchError::Store(StoreError::Unavailable {
                operation: "cannot search the facts".to_owned(),
                source: error.into(),
            })
        })?;
        answers.extend(done.map_err(SearchError::Store)?);
    }
    Ok((answers, late.load(Ordering::Relaxed)))
}

async fn visit(
    store: &Arc<dyn Store>,
    evaluator: &Arc<Mutex<Evaluator>>,
    documents: Vec<DocumentNumber>,
    late: &Arc<AtomicBool>,
) -> Result<Answers, StoreError> {
    let found = Arc::new(Mutex::new(Answers::new()));
    let (to, evaluator, late) = (Arc::clone(&found), Arc::clone(evaluator), Arc::clone(late));
    let visitor =
        Box::new(move |document: DocumentNumber, text: &str| match evaluator.lock().find(text) {
            Ok(match_) => {
                to.lock().insert(document, match_);
                true
            }
            Err(_) => {
                late.store(true, Ordering::Relaxed);
                false
            }
        });
    store.visit_documents(documents, visitor).await?;
    let found = std::mem::take(&mut *found.lock());
    Ok(found)
}

impl Matches {
    /// Returns how many hosts have each value, the most frequent first; hosts of a document that has
    /// several values count for each. `counts` has the selected hosts by document.
    pub(crate) fn by_value(
        &self,
        counts: &HashMap<Option<DocumentNumber>, u64>,
    ) -> (Vec<(String, u64)>, u64) {
        let mut values: HashMap<&str, u64> = HashMap::new();
        let mut without = 0;
        for (document, hosts) in counts {
            match document.and_then(|document| self.found.get(&document)) {
                Some((found, _)) => {
                    for value in found.values.iter().collect::<HashSet<_>>() {
                        *values.entry(value).or_default() += hosts;
                    }
                }
                None => without += hosts,
            }
        }
        let mut values: Vec<(String, u64)> =
            values.into_iter().map(|(value, hosts)| (value.to_owned(), hosts)).collect();
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        (values, without)
    }
}

/// Returns the hosts that count for a caller.
pub(crate) fn selection(
    reach: &fleet::role::Reach<'_>,
    selector: Option<fleet::Selector>,
) -> Selection {
    Selection { reach: reach.selectors(), selector }
}

impl fmt::Display for SearchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(
                f,
                "the search took longer than {} s; ask for one provider's smaller part, or by a \
                 package's name",
                MAX_TIME.as_secs()
            ),
            Self::Busy => f.write_str("other searches are being answered; try again later"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SearchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooLong | Self::Busy => None,
            Self::Store(error) => Some(error),
        }
    }
}
