//! The hosts: searched and selected (`list`, by a `filter`, with `columns` of the operator's choice),
//! and changed many at once (`change`).

mod change;
mod columns;
mod filter;
mod list;

pub(crate) use change::{labels, words};

use crate::page::{Page, Section};
use axum::Router;
use axum::routing::get;
use fleet::Action;

pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Fleet",
            name: "Hosts",
            icon: "hosts",
            path: "/hosts",
            also: &[],
            needs: Some(Action::HostsRead),
        }),
        routes: Router::new()
            .route("/hosts", get(list::show))
            // No host has this path: an id has no `~`.
            .route("/hosts/~change", get(change::ask).post(change::apply)),
        notices: &[
            ("labeled", "The labels of these hosts are changed."),
            ("removed", "The hosts are removed. They may join again."),
            ("partly", "Some of the hosts could not be changed. The audit log says how many."),
        ],
    }
}
