//! One host: what it is, what it did, and what an operator may do with it.
//!
//! Each tab is a path of its own and draws the same [`head`] above it: `overview`, `facts` (drawn by
//! `document`), `changes`, `tasks`, `schedules`, `events`, `command` (runs one here). `actions` has
//! the forms that change the host.

mod actions;
mod changes;
mod command;
mod events;
mod facts;
mod head;
mod output;
mod overview;
mod schedules;
mod tasks;

pub(crate) use changes::{Line as DiffLine, lines as diff_lines};

use crate::markup::Markup;
use crate::page::Page;
use crate::units::Moment;
use axum::Router;
use axum::routing::{get, post};

pub(crate) fn page() -> Page {
    Page {
        section: None,
        routes: Router::new()
            .route("/hosts/{host}", get(overview::show))
            .route("/hosts/{host}/facts", get(facts::first))
            .route("/hosts/{host}/facts/refresh", post(facts::refresh))
            .route("/hosts/{host}/facts/{method}", get(facts::show))
            .route("/hosts/{host}/changes", get(changes::show))
            .route("/hosts/{host}/tasks", get(tasks::list))
            .route("/hosts/{host}/tasks/{task}", get(tasks::show))
            .route("/hosts/{host}/tasks/{task}/output", get(tasks::whole))
            .route("/hosts/{host}/schedules", get(schedules::show))
            .route("/hosts/{host}/events", get(events::show))
            .route("/hosts/{host}/run", get(command::show).post(command::run))
            .route("/hosts/{host}/run/cancel", post(command::cancel))
            .route("/hosts/{host}/labels", post(actions::label))
            .route("/hosts/{host}/{action}", post(actions::act)),
        notices: &[
            ("label-set", "The label is set."),
            ("label-gone", "The label is removed."),
            ("host-approved", "The host is approved. It gets requests from now on."),
            ("host-quarantined", "The host is quarantined. It gets no request."),
            ("host-settled", "The quarantine is over."),
            ("host-banned", "The host is banned. Its key is refused for ever."),
            ("host-removed", "The host is removed. It may join again with a token."),
            ("facts-asked", "The host was asked for its facts."),
        ],
    }
}

/// Draws a time of the API.
pub(crate) fn time(text: &str) -> Markup {
    let mut markup = Markup::default();
    match Moment::of(text) {
        Some(Moment { iso, text, title }) => {
            markup.raw("<time datetime=\"").text(&iso).raw("\" title=\"").text(&title);
            markup.raw("\">").text(&text).raw("</time>");
        }
        None => {
            markup.text(text);
        }
    }
    markup
}
