//! How many hosts have which value at a path.

use super::{Problem, TabLink, question, tabs, value};
use crate::api::Failure;
use crate::form::Form;
use crate::later;
use crate::markup::Markup;
use crate::page::{Frame, html, html_with, text};
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use controller_api::{FactCounts, path};

/// Values in one page.
const PAGE: usize = 100;

/// Paths that show how it is done.
const EXAMPLES: &[(&str, &str)] = &[
    ("Distribution", "os.release.pretty_name"),
    ("Kernel", "kernel.release"),
    ("Agent's virtualization", "os.virtualization.kind"),
    ("Processor model", "cpu.model"),
    ("Time zone", "time.zone.name"),
    ("Name servers", "network.dns.nameservers"),
];

struct Example {
    title: &'static str,
    path: &'static str,
    href: String,
}

struct Row {
    value: Markup,
    hosts: String,
    number: u64,
    share: String,
}

#[derive(Template)]
#[template(path = "facts/count.html")]
struct Count {
    frame: Frame,
    tabs: Vec<TabLink>,
    path: String,
    selector: String,
    examples: Vec<Example>,
    problem: Option<Problem>,
    rows: Option<Vec<Row>>,
    /// The most hosts that have one value.
    most: u64,
    without: Option<String>,
    more: Option<String>,
    next: Option<String>,
    first: Option<String>,
    hosts: String,
}

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let examples = EXAMPLES.iter().map(|(title, path)| Example {
        title,
        path,
        href: question("/facts/count", path, ""),
    });
    // A host's page offers the provider's name with a dot, to be completed.
    let asked = query.some("path").unwrap_or_default().to_owned();
    let selector = query.some("l").unwrap_or_default().to_owned();
    let from: usize = query.get("from").parse().unwrap_or(0);
    let here = question("/facts/count", &asked, &selector);
    let page = Count {
        frame: session.frame("Facts by value"),
        tabs: tabs(&session),
        examples: examples.collect(),
        problem: None,
        rows: None,
        most: 1,
        without: None,
        more: None,
        next: None,
        first: (from > 0).then(|| here.clone()),
        hosts: here.replacen("/facts/count?", "/facts?", 1),
        path: asked,
        selector,
    };
    if page.path.is_empty() || page.path.ends_with('.') {
        return html(&page);
    }
    later::page(text(&page)?, answer(session, page, from, here)).await
}

/// Draws the page with the counts.
async fn answer(
    session: Session,
    mut page: Count,
    from: usize,
    here: String,
) -> Result<Response, Failure> {
    let mut asked = vec![("path", page.path.as_str())];
    if !page.selector.is_empty() {
        asked.push(("selector", page.selector.as_str()));
    }
    match session.api.query::<FactCounts>(path::FACTS_COUNT, &asked).await {
        Ok(found) => {
            let known: u64 = found.counts.iter().map(|count| count.hosts).sum();
            let all = known + found.without;
            page.most = found.counts.first().map_or(1, |count| count.hosts.max(1));
            page.without = (found.without > 0).then(|| match found.without {
                1 => "1 host has nothing there.".to_owned(),
                many => format!("{} hosts have nothing there.", units::count(many)),
            });
            page.more = (found.more > 0).then(|| match found.more {
                1 => "1 rarer value is left out.".to_owned(),
                many => format!("{} rarer values are left out.", units::count(many)),
            });
            let rows = found.counts.iter().skip(from).take(PAGE).map(|count| Row {
                value: value(&count.value),
                hosts: units::count(count.hosts),
                number: count.hosts,
                share: units::percent(count.hosts, all),
            });
            page.rows = Some(rows.collect());
            let to = from + PAGE;
            page.next = (to < found.counts.len()).then(|| format!("{here}&from={to}"));
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
