//! Runs: composed ([`compose`]), confirmed as a plan ([`plan`]), watched ([`run`], and each host in
//! [`target`]), listed ([`list`]); what ran before ([`history`]) and how much may run at once
//! ([`budgets`]). `words` has their words, `equation` the sum of a run's hosts, `diff` how odd
//! outputs differ, `output` what a command printed.

mod budgets;
mod compose;
mod diff;
mod draft;
mod equation;
mod follow;
mod history;
mod list;
mod output;
mod placed;
mod plan;
mod run;
mod target;
mod words;

pub(crate) use compose::random_key;
pub(crate) use target::OnHost;

use crate::page::{Page, Section};
use axum::Router;
use axum::routing::{get, post};
use fleet::Action;

/// Writes a count, for templates: they pass references.
fn count(number: &u64) -> String {
    crate::units::count(*number)
}

/// Writes a number of hosts, for templates.
fn hosts(number: &u64) -> String {
    words::hosts(*number)
}

/// Returns an address with those of the fields that are not empty.
fn address<'a>(path: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let given: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    match serde_urlencoded::to_string(given) {
        Ok(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    }
}

/// Returns the pages of plans and runs.
pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Work",
            name: "Runs",
            icon: "runs",
            path: "/runs",
            also: &["/plans"],
            needs: Some(Action::RunsRead),
        }),
        routes: Router::new()
            .route("/runs", get(list::show))
            .route("/runs/new", get(compose::show).post(compose::plan))
            .route("/plans/{plan}", get(plan::show))
            .route("/plans/{plan}/apply", post(plan::apply))
            .route("/plans/{plan}/discard", post(plan::discard))
            .route("/runs/{run}", get(run::show))
            .route("/runs/{run}/cancel", post(run::cancel))
            .route("/runs/{run}/again", post(run::again))
            .route("/runs/{run}/hosts/{host}", get(target::show))
            .route("/runs/{run}/hosts/{host}/output", get(output::whole))
            .route("/runs/{run}/hosts/{host}/follow", get(follow::events)),
        notices: &[
            ("applied", "The run has begun. You may close this page: it goes on."),
            ("run-canceled", "The run is canceled: nothing more is sent, and what runs is ended."),
            ("plan-discarded", "The plan is discarded. No host was asked."),
        ],
    }
}

/// Returns the page of what ran before.
pub(crate) fn history_page() -> Page {
    Page {
        section: Some(Section {
            group: "Work",
            name: "History",
            icon: "history",
            path: "/history",
            also: &[],
            needs: Some(Action::ResultsRead),
        }),
        routes: Router::new().route("/history", get(history::show)),
        notices: &[],
    }
}

/// Returns the page of budgets.
pub(crate) fn budgets_page() -> Page {
    Page {
        section: Some(Section {
            group: "Work",
            name: "Budgets",
            icon: "budgets",
            path: "/budgets",
            also: &[],
            needs: Some(Action::RunsRead),
        }),
        routes: Router::new()
            .route("/budgets", get(budgets::show).post(budgets::set))
            .route("/budgets/remove", post(budgets::remove)),
        notices: &[
            ("budget-set", "The budget is set. It holds at once, for runs that go on too."),
            ("budget-removed", "The budget is removed. It limits nothing anymore."),
        ],
    }
}
