//! What differs between the facts of two hosts, or of one host at two times.

use super::{Problem, TabLink, tabs};
use crate::api::Failure;
use crate::form::Form;
use crate::host::{DiffLine, diff_lines};
use crate::page::{Frame, html, html_with};
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use controller_api::{FactDiff, path};
use fleet::facts::{DEFAULT_METHODS, short_name};

/// Lines in the page.
const LINES: usize = 300;

#[derive(Template)]
#[template(path = "facts/diff.html")]
struct Diff {
    frame: Frame,
    tabs: Vec<TabLink>,
    from: String,
    to: String,
    method: String,
    methods: Vec<&'static str>,
    problem: Option<Problem>,
    lines: Option<Vec<DiffLine>>,
    /// Lines that are left out, if any.
    more: Option<String>,
    swapped: String,
    json: String,
}

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let text = |name: &str| query.some(name).unwrap_or_default().to_owned();
    let (from, to) = (text("from"), text("to"));
    let method = query.some("method").map_or("packages", short_name).to_owned();
    let pairs = |from: &str, to: &str| {
        let [from, to, method] = [from, to, &method].map(path::segment);
        format!("?from={from}&to={to}&method={method}")
    };
    let mut page = Diff {
        frame: session.frame("Compare facts"),
        tabs: tabs(&session),
        methods: DEFAULT_METHODS.iter().map(|method| short_name(method)).collect(),
        problem: None,
        lines: None,
        more: None,
        swapped: format!("/facts/diff{}", pairs(&to, &from)),
        json: format!("{}{}", path::FACTS_DIFF, pairs(&from, &to)),
        from,
        to,
        method,
    };
    if page.from.is_empty() || page.to.is_empty() {
        return html(&page);
    }
    let asked = [("from", &page.from), ("to", &page.to), ("method", &page.method)];
    match session.api.query::<FactDiff>(path::FACTS_DIFF, &asked).await {
        Ok(diff) => {
            let left = diff.lines.len().saturating_sub(LINES);
            page.more = match diff.truncated {
                true => Some("More lines are left out; the JSON Patch has them all.".to_owned()),
                false if left > 0 => Some(format!(
                    "{} more lines are left out; the JSON Patch has them all.",
                    units::count(left as u64)
                )),
                false => None,
            };
            page.lines = Some(diff_lines(&diff, LINES));
            html(&page)
        }
        Err(failure) => {
            let problem = Problem::of(failure, "")?;
            let status = problem.status;
            page.problem = Some(problem);
            html_with(status, &page)
        }
    }
}
