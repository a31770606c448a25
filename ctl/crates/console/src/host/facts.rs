//! What a host tells of itself, provider by provider, now or at a time.

use super::head::{self, Head, Tab};
use super::overview::{Provider, providers};
use crate::api::Failure;
use crate::document::{Json, Schema, View, draw};
use crate::form::Form;
use crate::markup::Markup;
use crate::page::{done, host_page, html, see};
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::{Path, RawQuery};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use controller_api::{Fact, FactRefresh, FactSchema, HostFacts, path};
use serde_json::Value;

#[derive(Template)]
#[template(path = "host/facts.html")]
struct Facts {
    head: Head,
    providers: Vec<Provider>,
    method: String,
    /// The answer, drawn.
    drawn: Option<Markup>,
    cut: bool,
    /// Whether the view shows one list alone.
    alone: bool,
    since: Option<Markup>,
    answered: Option<Markup>,
    asked: Option<Markup>,
    problem: Option<String>,
    absent: bool,
    at: String,
    json: String,
    frame: crate::page::Frame,
}

/// Goes on to the first provider that the host has.
pub(super) async fn first(session: Session, Path(id): Path<String>) -> Result<Response, Failure> {
    let list: HostFacts = session.api.get(&path::host_facts(&id)).await?;
    let known = |name: &str| list.facts.iter().any(|fact| fact.method == name && fact.present);
    let method = match known("getinfo.os") {
        true => Some("getinfo.os"),
        false => list.facts.iter().find(|it| it.present).map(|it| it.method.as_str()),
    };
    let at = format!("/hosts/{}/facts/", path::segment(&id));
    let Some(method) = method else { return draw_page(&session, &id, "", &Form::default()).await };
    Ok(see(&format!("{at}{}", method.strip_prefix("getinfo.").unwrap_or(method))))
}

pub(super) async fn show(
    session: Session,
    Path((id, method)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    draw_page(&session, &id, &method, &Form::of_query(query.as_deref())).await
}

async fn draw_page(
    session: &Session,
    id: &str,
    method: &str,
    query: &Form,
) -> Result<Response, Failure> {
    let (head, _) = head::read(session, id, Tab::Facts).await?;
    let list: HostFacts = session.api.get(&path::host_facts(id)).await?;
    let whole = match method.starts_with("getinfo.") || method.is_empty() {
        true => method.to_owned(),
        false => format!("getinfo.{method}"),
    };
    let json = path::host_fact(id, method);
    let mut page = Facts {
        providers: providers(&list, &head.path, &whole),
        method: method.to_owned(),
        drawn: None,
        cut: false,
        alone: query.some("list").is_some(),
        since: None,
        answered: None,
        asked: list.asked.as_deref().map(super::time),
        problem: None,
        absent: false,
        at: query.get("at").to_owned(),
        json: json.clone(),
        frame: head.frame.clone(),
        head,
    };
    if method.is_empty() {
        return html(&page);
    }
    let fact: Fact = match query.some("at") {
        None => session.api.get(&json).await?,
        Some(at) => {
            page.json = format!("{json}?at={}", path::segment(at));
            session.api.query(&json, &[("at", at)]).await?
        }
    };
    // A host without a schema is drawn by the shape of its answer.
    let schema: Option<FactSchema> =
        match session.api.get(&path::host_fact_schema(id, method)).await {
            Ok(schema) => Some(schema),
            Err(failure) if failure.status == StatusCode::NOT_FOUND => None,
            Err(failure) => return Err(failure),
        };
    page.absent = !fact.state.present;
    page.problem = fact.state.problem.clone();
    page.since = Some(super::time(&fact.state.since));
    page.answered = fact.answered.as_deref().map(super::time);
    if let Some(data) = &fact.data {
        let view = View {
            path: format!("{}/facts/{}", page.head.path, path::segment(method)),
            keep: query.some("at").map(|at| ("at", at.to_owned())).into_iter().collect(),
            list: query.some("list").map(str::to_owned),
            filter: query.get("q").chars().take(200).collect(),
            from: query.get("from").parse().unwrap_or(0),
            now: units::now(),
        };
        let schema = schema.and_then(|schema| schema.schema);
        let schema: Option<Value> =
            schema.and_then(|schema| serde_json::from_str(schema.get()).ok());
        let answer: Json = serde_json::from_str(data.get()).unwrap_or(Json::Null);
        let drawn = draw(&answer, schema.as_ref().map(Schema::new), &view);
        (page.drawn, page.cut) = (Some(drawn.html), drawn.cut);
    }
    html(&page)
}

/// Asks the host for its facts now.
pub(super) async fn refresh(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let at = path::host_facts_refresh(&id);
    let _: FactRefresh = session.api.send(Method::POST, &at, &(), form.csrf()).await?;
    let back = format!("/hosts/{}/facts", path::segment(&id));
    let method = form.get("method");
    let plain = !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    Ok(done(&if plain { format!("{back}/{method}") } else { host_page(&id) }, "facts-asked"))
}
