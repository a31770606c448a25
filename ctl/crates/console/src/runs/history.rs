//! `/history`: what ran where and has ended, over all runs.

use super::words::{self, Mark};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, html};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{HistoryEntry, HistoryList, HistoryQuery, TargetState, path};

/// Entries in one page.
const LIMIT: usize = 50;

/// The filters, by their names in the query.
const FILTERS: [&str; 6] = ["host", "run", "operator", "state", "since", "until"];

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let filter = Filter(FILTERS.map(|name| query.get(name).trim().to_owned()));
    let own = |name: &str| query.some(name).map(str::to_owned);
    let wanted = HistoryQuery {
        run: own("run"),
        host: own("host"),
        operator: own("operator"),
        since: own("since").map(|text| whole_time(&text)),
        until: own("until").map(|text| whole_time(&text)),
        state: words::target_state(query.get("state")),
        limit: Some(LIMIT),
        after: query.some("after").and_then(|after| after.parse().ok()),
    };
    let found: Result<HistoryList, Failure> = session.api.query(path::HISTORY, &wanted).await;
    let (list, problem) = match found {
        Ok(list) => (list, None),
        Err(failure) if failure.status == StatusCode::BAD_REQUEST => {
            (HistoryList { entries: Vec::new(), next: None }, Some(failure.sentence()))
        }
        Err(failure) => return Err(failure),
    };
    html(&HistoryPage {
        frame: session.frame("History"),
        rows: list.entries.into_iter().map(Row::of).collect(),
        next: list.next.map(|next| filter.address("/history", &next.to_string())),
        first: query.some("after").map(|_| filter.address("/history", "")),
        export: filter.export(),
        problem,
        filter,
    })
}

/// Completes what the browser's field for a time gives, which has no seconds and no zone: UTC.
fn whole_time(text: &str) -> String {
    match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    }
}

/// What the list is limited to, in the order of [`FILTERS`].
struct Filter([String; 6]);

impl Filter {
    fn get(&self, name: &str) -> &str {
        let place = FILTERS.iter().position(|one| *one == name);
        place.and_then(|place| self.0.get(place)).map_or("", String::as_str)
    }

    fn is_set(&self) -> bool {
        self.0.iter().any(|text| !text.is_empty())
    }

    fn fields(&self) -> Vec<(&str, &str)> {
        FILTERS.into_iter().zip(self.0.iter().map(String::as_str)).collect()
    }

    fn address(&self, path: &str, after: &str) -> String {
        let mut fields = self.fields();
        fields.push(("after", after));
        super::address(path, fields)
    }

    /// Returns the address of the same entries as a file.
    fn export(&self) -> String {
        let (since, until) = (whole_time(self.get("since")), whole_time(self.get("until")));
        let mut fields = self.fields();
        fields.retain(|(name, _)| !matches!(*name, "since" | "until"));
        fields.extend([("since", since.as_str()), ("until", &until)]);
        super::address(path::HISTORY_EXPORT, fields)
    }
}

#[derive(Template)]
#[template(path = "runs/history.html")]
struct HistoryPage {
    frame: Frame,
    filter: Filter,
    problem: Option<String>,
    rows: Vec<Row>,
    first: Option<String>,
    next: Option<String>,
    export: String,
}

impl HistoryPage {
    /// Returns the choices of the state's filter.
    fn states(&self) -> Vec<(&'static str, &'static str, bool)> {
        let ends = TargetState::ALL.into_iter().filter(|state| state.is_end());
        let chosen = self.filter.get("state");
        ends.map(|state| (state.name(), words::target(state).word, state.name() == chosen))
            .collect()
    }
}

/// One host of one run.
struct Row {
    href: String,
    run_href: String,
    host: String,
    what: String,
    operator: String,
    mark: Mark,
    code: String,
    why: String,
    ended: Option<Moment>,
    took: String,
}

impl Row {
    fn of(entry: HistoryEntry) -> Self {
        let host = path::segment(&entry.host);
        Self {
            href: format!("/runs/{}/hosts/{host}", entry.run),
            run_href: format!("/runs/{}", entry.run),
            what: entry.cmd.unwrap_or(entry.method),
            operator: entry.operator.unwrap_or_default(),
            mark: words::target(entry.state),
            code: words::code(entry.state, entry.code),
            why: entry.why.as_deref().map(crate::api::sentence).unwrap_or_default(),
            ended: entry.ended_at.as_deref().map(words::moment),
            took: words::between(entry.sent_at.as_deref(), entry.ended_at.as_deref()),
            host: entry.host,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_browser_is_utc() {
        for (given, wanted) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T09:30", "2026-01-31T09:30:00Z"),
            ("2026-01-31T09:30:05", "2026-01-31T09:30:05Z"),
            ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00Z"),
            ("soon", "soon"),
        ] {
            assert_eq!(whole_time(given), wanted);
        }
    }
}
