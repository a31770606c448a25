//! Questions to the facts of all hosts, and differences between two.

use super::{method_of, time};
use crate::api::document::problems::problems;
use crate::api::extract::{Carried, Parameters};
use crate::api::page;
use crate::api::problem::ApiError;
use crate::api::rule::{Given, Subject};
use crate::api::service::Api;
use crate::auth::Principal;
use crate::facts::{Matches, Query, SearchError, selection};
use crate::store::{DocumentHosts, Selection, plain_labels};
use axum::extract::State;
use axum::response::Response;
use controller_api::{
    FactChange, FactCount, FactCountQuery, FactCounts, FactDiff, FactDiffQuery, FactLine,
    FactMatch, FactMatches, FactSearch, path,
};
use fleet::facts::diff::{self as difference, Sign};
use fleet::facts::{Question, QuestionError};
use fleet::role::Denied;
use fleet::{Action, Selector};
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;

problems! {
    /// The problems of a difference.
    Comparing: UnknownHost, NotFound
}

problems! {
    /// The problems of a search.
    Searching: Conflict
}

problems! {
    /// The problems of a search with a body.
    SearchingByBody: Conflict, TooLarge
}

/// Values in one answer of counts.
const MAX_COUNTS: usize = 1000;

/// A question, read.
#[derive(Clone)]
pub(in crate::api) struct Asked {
    query: Query,
    search: FactSearch,
    selector: Option<Selector>,
}

/// Reads a search.
pub(in crate::api) fn read_find(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let search: FactSearch = given.body()?;
    let query = question(&search.path, search.method.as_deref())?;
    let selector = selector(search.selector.as_deref())?;
    page::limit(search.limit)?;
    given.carried.insert(Asked { query, search, selector });
    let mut subject = Subject::new(given, Action::FactsRead);
    subject.only_reads = true;
    Ok(subject)
}

/// Lists the hosts whose facts have something at a path.
#[utoipa::path(
    post,
    path = path::FACTS_WHERE,
    request_body = FactSearch,
    responses((status = 200, description = "A page, ordered by id", body = FactMatches), SearchingByBody)
)]
pub(in crate::api) async fn find(
    principal: Principal,
    State(api): State<Api>,
    Carried(asked): Carried<Asked>,
) -> Result<Response, ApiError> {
    let Asked { query, search, selector } = asked;
    let limit = page::limit(search.limit)?;
    let matches = ask(&api, &search.path, &query).await?;
    let counts = matches.found.iter().map(|(document, (_, hosts))| (*document, *hosts)).collect();
    let wanted = DocumentHosts {
        method: query.method.clone(),
        documents: Arc::new(counts),
        hosts: selected(&principal, selector),
        after: search.after.unwrap_or_default(),
        limit,
    };
    let page = api.store.hosts_of_documents(wanted).await?;
    let mut hosts = Vec::with_capacity(page.hosts.len());
    for (host, document) in page.hosts {
        let Some((found, _)) = matches.found.get(&document) else { continue };
        let values = found.values.iter().map(|value| raw(value)).collect::<Result<_, _>>()?;
        hosts.push(FactMatch { host, count: found.count as u64, values });
    }
    let answer = FactMatches { hosts, next: page.next, documents: matches.documents as u64 };
    api.respond(serde_json::to_string(&answer).expect("JSON goes to memory")).await
}

/// Counts hosts by the value that their facts have at a path.
#[utoipa::path(
    get,
    path = path::FACTS_COUNT,
    params(FactCountQuery),
    responses((status = 200, description = "The counts", body = FactCounts), Searching)
)]
pub(in crate::api) async fn count(
    principal: Principal,
    State(api): State<Api>,
    Parameters(asked): Parameters<FactCountQuery>,
) -> Result<Response, ApiError> {
    let query = question(&asked.path, asked.method.as_deref())?;
    let selector = selector(asked.selector.as_deref())?;
    let matches = ask(&api, &asked.path, &query).await?;
    let selection = selected(&principal, selector);
    let counts = api.store.count_documents(&query.method, selection).await?;
    let (values, without) = matches.by_value(&counts);
    let more = values.len().saturating_sub(MAX_COUNTS) as u64;
    let counts = values
        .into_iter()
        .take(MAX_COUNTS)
        .map(|(value, hosts)| Ok(FactCount { value: raw(&value)?, hosts }))
        .collect::<Result<_, ApiError>>()?;
    let answer = FactCounts { counts, without, more };
    api.respond(serde_json::to_string(&answer).expect("JSON goes to memory")).await
}

/// Compares a fact of two hosts, or of one host at two times.
#[utoipa::path(
    get,
    path = path::FACTS_DIFF,
    params(FactDiffQuery),
    responses((status = 200, description = "The difference", body = FactDiff), Comparing)
)]
pub(in crate::api) async fn diff(
    principal: Principal,
    State(api): State<Api>,
    Parameters(asked): Parameters<FactDiffQuery>,
) -> Result<Response, ApiError> {
    let method = method_of(&asked.method)?;
    let from = document(&api, &principal, &asked.from, &method).await?;
    let to = document(&api, &principal, &asked.to, &method).await?;
    let compared = tokio::task::spawn_blocking(move || {
        let patch = difference::diff(&from, &to);
        let (lines, truncated) = difference::lines(&from, &to);
        (serde_json::to_string(&patch).expect("JSON goes to memory"), lines, truncated)
    });
    let (patch, lines, truncated) = compared.await.map_err(|error| {
        log::error!("comparing facts failed: {error}");
        ApiError::Internal
    })?;
    let lines = lines.into_iter().map(|line| FactLine {
        change: match line.sign {
            Sign::Added => FactChange::Added,
            Sign::Removed => FactChange::Removed,
            Sign::Changed => FactChange::Changed,
        },
        path: line.path,
        old: line.old,
        new: line.new,
    });
    let answer = FactDiff { method, patch: raw(&patch)?, lines: lines.collect(), truncated };
    api.respond(serde_json::to_string(&answer).expect("JSON goes to memory")).await
}

/// Returns the document of `HOST` or `HOST@TIME`, without the values that always differ.
async fn document(
    api: &Api,
    principal: &Principal,
    place: &str,
    method: &str,
) -> Result<Value, ApiError> {
    let (host, at) = match place.split_once('@') {
        Some((host, at)) => (host, time(at)?),
        None => (place, i64::MAX),
    };
    let denied = ApiError::Forbidden(Denied::Host(Action::FactsRead));
    let Some(row) = api.store.host(host).await? else {
        // A host that does not exist is refused like one that the roles do not reach.
        let all = principal.may_everywhere(Action::FactsRead, None);
        return Err(if all { ApiError::UnknownHost(host.to_owned()) } else { denied });
    };
    if principal.may_on(Action::FactsRead, host, &plain_labels(&row), None).is_err() {
        return Err(denied);
    }
    let found = api.store.fact(host, method, Some(at)).await?;
    let Some((_, Some(text))) = found else {
        return Err(ApiError::NotFound(format!("nothing is known of {method} of {place:?}")));
    };
    serde_json::from_str(&text.text).map_err(|error| {
        log::error!("{host}: the stored facts of {method} are not JSON: {error}");
        ApiError::Internal
    })
}

/// Puts a question to all documents.
async fn ask(api: &Api, text: &str, query: &Query) -> Result<Matches, ApiError> {
    api.searches.ask(&api.store, text, query).await.map_err(|error| match error {
        SearchError::TooLong => ApiError::Conflict(error.to_string()),
        SearchError::Busy => ApiError::Busy,
        SearchError::Store(error) => error.into(),
    })
}

fn question(text: &str, method: Option<&str>) -> Result<Query, ApiError> {
    let wrong = |error: QuestionError| ApiError::InvalidRequest(error.to_string());
    Query::new(&Question::parse(text, method).map_err(wrong)?).map_err(wrong)
}

pub(super) fn selector(text: Option<&str>) -> Result<Option<Selector>, ApiError> {
    text.map(Selector::parse)
        .transpose()
        .map_err(|error| ApiError::InvalidRequest(error.to_string()))
}

/// Returns the selected hosts whose facts the caller may read.
pub(super) fn selected(principal: &Principal, selector: Option<Selector>) -> Selection {
    selection(&principal.reach(Action::FactsRead), selector)
}

fn raw(text: &str) -> Result<Box<RawValue>, ApiError> {
    RawValue::from_string(text.to_owned()).map_err(|error| {
        log::error!("a value of facts is not JSON: {error}");
        ApiError::Internal
    })
}
