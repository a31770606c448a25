//! Hosts whose facts have something at a JSONPath.

use super::{Problem, TabLink, question, tabs, value};
use crate::api::Failure;
use crate::form::Form;
use crate::later;
use crate::markup::Markup;
use crate::page::{Frame, host_page, html, html_with, text};
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::RawQuery;
use axum::http::Method;
use axum::response::Response;
use controller_api::{FactMatches, FactSearch, path};

/// Hosts in one page.
const PAGE: usize = 50;

/// Questions that show how it is done.
const EXAMPLES: &[(&str, &str)] = &[
    ("The version of openssl", r#"$.packages[?@.name=="openssl"].version"#),
    ("File systems that are nearly full", "$.mounts[?@.usage.used_percent>=90].target"),
    ("Interfaces with a small MTU", "$.network.interfaces[?@.mtu<1500].name"),
    (
        "Services that do not run though enabled",
        "$.services[?@.enabled==true && @.running==false].name",
    ),
    ("Certificates signed by themselves", "$.certificates[?@.self_signed==true].subject"),
    ("The distribution and its version", "os.release.pretty_name"),
    ("Rotating disks", "$.disks.devices[?@.rotational==true].model"),
    ("Clocks that are not set", "time.synchronization"),
];

struct Example {
    title: &'static str,
    path: &'static str,
    href: String,
}

struct Row {
    host: String,
    href: String,
    values: Vec<Markup>,
    more: u64,
}

#[derive(Template)]
#[template(path = "facts/ask.html")]
struct Ask {
    frame: Frame,
    tabs: Vec<TabLink>,
    path: String,
    selector: String,
    examples: Vec<Example>,
    problem: Option<Problem>,
    rows: Option<Vec<Row>>,
    documents: String,
    counts: String,
    first: Option<String>,
    next: Option<String>,
}

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let examples = EXAMPLES.iter().map(|(title, path)| Example {
        title,
        path,
        href: question("/facts", path, ""),
    });
    let asked = query.some("path").unwrap_or_default().to_owned();
    let selector = query.some("l").unwrap_or_default().to_owned();
    let here = question("/facts", &asked, &selector);
    let page = Ask {
        frame: session.frame("Facts"),
        tabs: tabs(&session),
        examples: examples.collect(),
        problem: None,
        rows: None,
        documents: String::new(),
        counts: here.replacen("/facts?", "/facts/count?", 1),
        first: query.some("after").map(|_| here.clone()),
        next: None,
        path: asked,
        selector,
    };
    if page.path.is_empty() {
        return html(&page);
    }
    let search = FactSearch {
        path: page.path.clone(),
        selector: Some(page.selector.clone()).filter(|selector| !selector.is_empty()),
        limit: Some(PAGE),
        after: query.some("after").map(str::to_owned),
        ..FactSearch::default()
    };
    later::page(text(&page)?, answer(session, page, search, here)).await
}

/// Draws the page with the hosts that are found.
async fn answer(
    session: Session,
    mut page: Ask,
    search: FactSearch,
    here: String,
) -> Result<Response, Failure> {
    let csrf = page.frame.csrf.clone();
    match session.api.send::<FactMatches>(Method::POST, path::FACTS_WHERE, &search, &csrf).await {
        Ok(found) => {
            page.documents = units::count(found.documents);
            page.next = found.next.map(|next| format!("{here}&after={}", path::segment(&next)));
            let row = |one: controller_api::FactMatch| Row {
                href: host_page(&one.host),
                more: one.count.saturating_sub(one.values.len().min(4) as u64),
                values: one.values.iter().take(4).map(|raw| value(raw)).collect(),
                host: one.host,
            };
            page.rows = Some(found.hosts.into_iter().map(row).collect());
            html(&page)
        }
        Err(failure) => {
            let problem = Problem::of(failure, &page.path)?;
            let status = problem.status;
            page.problem = Some(problem);
            html_with(status, &page)
        }
    }
}
