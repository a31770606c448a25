//! Schedules: cron jobs for all hosts of a selector.
//!
//! `list` shows them, `show` one, with its `hosts`, its `results` and its `history`; `edit` is the
//! form, which shows the difference before it saves, on the fields of `fields`; `forecast` is the
//! load of the coming hours. `words` explains an expression and finds its next runs.

mod edit;
mod fields;
mod forecast;
mod history;
mod hosts;
mod list;
mod results;
mod show;
mod standing;
pub(crate) mod words;

use crate::page::{Page, Section};
use axum::Router;
use axum::routing::{get, post};
use controller_api::path;
use fleet::Action;

pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Work",
            name: "Schedules",
            icon: "schedules",
            path: "/schedules",
            also: &[],
            needs: Some(Action::SchedulesRead),
        }),
        routes: Router::new()
            .route("/schedules", get(list::show))
            .route("/schedules/new", get(edit::new).post(edit::create))
            // No schedule has this path: a name has no `~`.
            .route("/schedules/~explain", get(edit::explain))
            .route("/schedules/forecast", get(forecast::show))
            .route("/schedules/{name}", get(show::show))
            .route("/schedules/{name}/edit", get(edit::edit).post(edit::save))
            .route("/schedules/{name}/hosts", get(hosts::show))
            .route("/schedules/{name}/results", get(results::show))
            .route("/schedules/{name}/history", get(history::show))
            .route("/schedules/{name}/check", post(show::check))
            .route("/schedules/{name}/remove", get(show::ask).post(show::remove)),
        notices: &[
            ("created", "The schedule is created. Hosts that are connected get it now."),
            ("saved", "The schedule is saved. Hosts that are connected get it now."),
            ("gone", "The schedule is removed. Hosts that are connected lose its job now."),
            ("true", "Every connected host was looked at: each job is as it should be."),
            ("repaired", "Jobs that had been changed on their hosts were put right."),
            ("looking", "There are many hosts: the look at them goes on in the background."),
        ],
    }
}

/// Returns the address of a schedule's page.
fn address(name: &str) -> String {
    format!("/schedules/{}", path::segment(name))
}

/// Returns an address with its query; without one if no field has a value.
fn with_query(address: &str, fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = fields.iter().filter(|(_, value)| !value.is_empty()).collect();
    match serde_urlencoded::to_string(fields).unwrap_or_default().as_str() {
        "" => address.to_owned(),
        query => format!("{address}?{query}"),
    }
}
