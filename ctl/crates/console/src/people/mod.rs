//! People: operators, their roles and API tokens.
//!
//! `operators` lists operators and creates them, `operator` shows and changes one, `roles` lists roles
//! and shows one, and `role_form` edits a role's grants.

mod operator;
mod operators;
mod role_form;
mod roles;

use crate::page::{Page, Section};
use axum::Router;
use axum::routing::{get, post};
use fleet::Action;

pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Controller",
            name: "People",
            icon: "people",
            path: "/people",
            also: &["/roles"],
            needs: Some(Action::OperatorsRead),
        }),
        routes: Router::new()
            .route("/people", get(operators::list).post(operators::create))
            .route("/people/{name}", get(operator::show))
            .route("/people/{name}/roles", get(operator::show).post(operator::set_roles))
            .route("/people/{name}/password", get(operator::show).post(operator::set_password))
            .route("/people/{name}/access", get(operator::show).post(operator::set_access))
            .route("/people/{name}/sessions", get(operator::show).post(operator::end_sessions))
            .route("/people/{name}/remove", get(operator::show).post(operator::remove))
            .route("/people/{name}/tokens", get(operator::show).post(operator::create_token))
            .route("/people/{name}/tokens/{token}/revoke", post(operator::revoke_token))
            .route("/roles", get(roles::list))
            .route("/roles/new", get(role_form::new).post(role_form::create))
            .route("/roles/{name}", get(roles::show))
            .route("/roles/{name}/edit", get(role_form::edit).post(role_form::save))
            .route("/roles/{name}/remove", get(roles::show).post(roles::remove)),
        notices: &[
            ("operator-created", "The operator is created."),
            ("operator-removed", "The operator is removed, with all sessions and API tokens."),
            ("roles-set", "The roles are changed. They take effect at once."),
            ("password-set", "The password is set. The operator's sessions have ended."),
            (
                "disabled",
                "The operator is disabled. Sessions have ended, and API tokens are refused.",
            ),
            ("enabled", "The operator may ask again."),
            ("sessions-ended", "The operator's sessions have ended, in all browsers."),
            ("token-revoked", "The API token is revoked."),
            ("role-saved", "The role is saved. It takes effect at once."),
            ("role-removed", "The role is removed."),
        ],
    }
}
