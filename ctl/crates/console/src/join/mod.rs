//! How hosts come: join tokens and the line to run (`form`, `show`), one token and its hosts
//! (`token`), and decisions about hosts that wait or were cloned (`decide`). `rows` has the rows of
//! the lists.

mod decide;
mod form;
mod rows;
mod show;
mod token;

use crate::page::{Page, Section};
use axum::Router;
use axum::routing::get;
use fleet::Action;

pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Fleet",
            name: "Join",
            icon: "join",
            path: "/join",
            also: &[],
            needs: Some(Action::TokensRead),
        }),
        routes: Router::new()
            .route("/join", get(show::show).post(show::create))
            // A page that came of a form is kept fresh by its own address, too.
            .route("/join/hosts", get(show::show).post(decide::waiting))
            .route("/join/settle", get(show::show).post(decide::settle))
            .route("/join/tokens/{token}", get(token::show).post(token::revoke)),
        notices: &[
            ("approved", "Approved. The hosts get their certificates and connect by themselves."),
            ("refused", "Banned. The keys of these hosts are refused from now on."),
            ("settled", "Settled. The host gets requests again."),
            ("revoked", "The token is revoked: it admits no further host."),
            (
                "revoked-with-hosts",
                "The token is revoked, and the hosts that it admitted are banned.",
            ),
        ],
    }
}
