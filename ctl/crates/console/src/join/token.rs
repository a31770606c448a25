//! One join token: its terms, the hosts that it admitted, and its end.

use super::rows::{Arrival, Token, token_path};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, html};
use crate::session::Session;
use askama::Template;
use axum::extract::Path;
use axum::http::Method;
use axum::response::Response;
use controller_api::{Arrivals, ArrivalsQuery, JoinToken, RevokedJoinToken, path};
use fleet::Action;

/// Hosts of the page.
const HOSTS: usize = 100;

#[derive(Template)]
#[template(path = "join/token.html")]
struct Page {
    frame: Frame,
    token: Token,
    hosts: Vec<Arrival>,
    /// How many hosts are listed, if there may be more.
    listed: Option<usize>,
    may_revoke: bool,
    may_ban: bool,
    sees_hosts: bool,
}

/// Shows a token.
pub(super) async fn show(session: Session, Path(id): Path<String>) -> Result<Response, Failure> {
    let token: JoinToken = session.api.get(&path::token(&id)).await?;
    let sees_hosts = session.may(Action::HostsRead);
    let hosts = match sees_hosts {
        true => {
            let query = ArrivalsQuery { token: Some(token.id.clone()), limit: Some(HOSTS) };
            let found: Arrivals = session.api.query(path::FLEET_ARRIVALS, &query).await?;
            found.hosts
        }
        false => Vec::new(),
    };
    let manages = session.may(Action::TokensManage);
    html(&Page {
        frame: session.frame("Join token"),
        token: Token::of(&token),
        listed: (hosts.len() == HOSTS).then_some(HOSTS),
        hosts: hosts.iter().map(Arrival::of).collect(),
        may_revoke: manages && token.revoked_at.is_none(),
        may_ban: manages && token.uses > 0 && session.may(Action::HostsBan),
        sees_hosts,
    })
}

/// Revokes a token, alone or with the hosts that it admitted.
pub(super) async fn revoke(
    session: Session,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let with_hosts = form.get("what") == "with-hosts";
    let path = match with_hosts {
        true => format!("{}?with_hosts=true", path::token(&id)),
        false => path::token(&id),
    };
    let _: RevokedJoinToken = session.api.send(Method::DELETE, &path, &(), form.csrf()).await?;
    Ok(done(&token_path(&id), if with_hosts { "revoked-with-hosts" } else { "revoked" }))
}
