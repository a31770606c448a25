//! `/runs`: the runs, newest first, with filters.

use super::equation::Sum;
use super::words::{self, Mark};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, html};
use crate::session::Session;
use crate::units::Moment;
use askama::Template;
use axum::extract::RawQuery;
use axum::response::Response;
use controller_api::{Run, RunList, RunState, RunsQuery, path};
use fleet::Action;

/// Runs in one page.
const LIMIT: usize = 50;

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let own = |name: &str| query.some(name).unwrap_or_default().to_owned();
    let filter = Filter { state: own("state"), operator: own("operator"), host: own("host") };
    let wanted = RunsQuery {
        state: words::run_state(&filter.state),
        operator: query.some("operator").map(str::to_owned),
        host: query.some("host").map(str::to_owned),
        limit: Some(LIMIT),
        after: query.some("after").map(str::to_owned),
        ..RunsQuery::default()
    };
    let list: RunList = session.api.query(path::RUNS, &wanted).await?;
    let first = query.some("after").map(|_| filter.address(None));
    html(&List {
        rows: list.runs.iter().map(Row::of).collect(),
        next: list.next.as_deref().map(|next| filter.address(Some(next))),
        first,
        may_run: session.may(Action::CommandsRun) || session.may(Action::FactsRead),
        frame: session.frame("Runs"),
        filter,
    })
}

/// What the list is limited to.
struct Filter {
    state: String,
    operator: String,
    host: String,
}

impl Filter {
    fn is_set(&self) -> bool {
        !(self.state.is_empty() && self.operator.is_empty() && self.host.is_empty())
    }

    /// Returns the address of a page of the list.
    fn address(&self, after: Option<&str>) -> String {
        let fields = [
            ("state", self.state.as_str()),
            ("operator", &self.operator),
            ("host", &self.host),
            ("after", after.unwrap_or_default()),
        ];
        super::address("/runs", fields)
    }
}

#[derive(Template)]
#[template(path = "runs/list.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    filter: Filter,
    first: Option<String>,
    next: Option<String>,
    may_run: bool,
}

impl List {
    /// Returns the choices of the state's filter.
    fn states(&self) -> [(&'static str, &'static str, bool); 5] {
        let all = [
            ("", "Any state"),
            ("running", "Running"),
            ("stopping", "Stopping"),
            ("ended", "Ended"),
            ("planned", "Planned"),
        ];
        all.map(|(name, word)| (name, word, name == self.filter.state))
    }
}

/// One run.
struct Row {
    href: String,
    mark: Mark,
    what: String,
    selection: String,
    sum: Sum,
    by: String,
    at: Moment,
    took: String,
}

impl Row {
    fn of(run: &Run) -> Self {
        let planned = run.state == RunState::Planned;
        let href = format!("/{}/{}", if planned { "plans" } else { "runs" }, run.id);
        let began = run.applied_at.as_deref().unwrap_or(&run.created_at);
        Self {
            href,
            mark: words::run(run),
            what: words::request(&run.request),
            selection: words::selection(run.selector.as_deref(), run.equation.total),
            sum: Sum::of(&run.equation),
            by: run.applied_by.as_ref().unwrap_or(&run.created_by).clone(),
            at: words::moment(began),
            took: words::between(run.applied_at.as_deref(), run.ended_at.as_deref()),
        }
    }
}
