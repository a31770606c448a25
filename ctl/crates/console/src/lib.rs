//! The operators' web console: pages that a browser gets from the controller, drawn on the server.
//!
//! [`router`] wraps the API's router. A page knows **only the public HTTP API**: it calls the API's
//! router in-process (`api::Caller`) with the browser's own cookie, and gets the JSON that a
//! program would get. So roles, the audit log, bounds and validation are the API's, and there is no
//! private shortcut.
//!
//! A request goes through `front`: paths of the API go to the API; `/assets` and the `open` pages
//! (log-in, setup) need no session; every other page gets a `session::Session`, which is made of
//! `GET /api/v1/me`, or the browser is sent to the log-in page. A handler returns a page or a
//! `api::Failure`, which `front` draws as a page too. `security` has the headers of all answers.
//!
//! # Adding a page
//! 1. A module with `pub(crate) fn page() -> Page`: its section of the navigation (or none), its
//!    routes, and its notices (`page::Page`).
//! 2. A line in `pages`, whose order is the navigation's, and a `mod` line.
//!
//! A handler takes `session::Session` as an extractor, asks the API by `session.api`, makes a
//! template struct with `frame: session.frame("Title")` and ends with `page::html`. A form posts to
//! the page's own URL; it is read by `form::Form`; its API call is `session.api.send(…, form.csrf())`;
//! it ends with `page::done`, or draws the form again with the problem beside its field.
//!
//! # Components
//! `assets/css/components.css` has them all; templates use classes, and the macros of
//! `templates/parts/`: `icons.html` (`icon(name)`), `status.html` (`status(kind, word)`),
//! `form.html` (`csrf(frame)`, `field_error(text)`), `pager.html` (`pager(next, first)`).
//! Classes: `.page-head` `.card` `.stats`/`.stat` `.badge` `.status` `.button` (`.primary` `.danger`
//! `.quiet`) `.field` `.toolbar` `.tabs` `.table-wrap` (`table.cards` turns rows into cards on a
//! phone) `.empty` `.notice` `.meter` `.output` `.kv` `.pager` `.crumbs` `dialog`.
//! `units` writes amounts, durations and times for people; `ansi` draws output; `chart` draws SVG.

mod account;
mod ansi;
mod api;
mod assets;
mod audit;
mod chart;
mod document;
mod facts;
mod form;
mod front;
mod host;
mod hosts;
mod join;
mod later;
mod login;
mod markup;
mod overview;
mod page;
mod people;
mod runs;
mod schedules;
mod security;
mod session;
mod system;
mod theme;
mod units;

use axum::Router;
use page::Page;

/// Wraps the API's router: the console serves every path that is not the API's.
pub fn router(api: Router) -> Router {
    front::router(api, pages())
}

/// Returns every page, in the order of the navigation.
fn pages() -> Vec<Page> {
    vec![
        overview::page(),
        hosts::page(),
        host::page(),
        join::page(),
        facts::page(),
        runs::page(),
        runs::history_page(),
        runs::budgets_page(),
        schedules::page(),
        people::page(),
        audit::page(),
        system::page(),
        account::page(),
    ]
}
