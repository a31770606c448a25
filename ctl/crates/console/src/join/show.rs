//! The page itself: the form and the new token's line, hosts as they arrive, those that wait, clones,
//! and the tokens.

use super::form::Draft;
use super::rows::{Arrival, Token, standing};
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, html, html_with};
use crate::runs::random_key;
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{
    Arrivals, ArrivalsQuery, ClonedHosts, CreatedJoinToken, Host, HostCount, HostCountQuery,
    HostList, HostState, HostsQuery, JoinToken, JoinTokenList, PageQuery, path,
};
use fleet::Action;
use std::cmp::Reverse;

/// Hosts that arrived last.
const ARRIVALS: usize = 12;

/// Hosts that wait for approval.
const WAITING: usize = 25;

/// Quarantined hosts.
const CLONES: usize = 10;

/// Tokens of a page of their list.
const TOKENS: usize = 25;

/// Tokens that are read at once. There are 10,000 at most.
const READ: usize = 1000;

#[derive(Template)]
#[template(path = "join/join.html")]
struct Join {
    frame: Frame,
    draft: Draft,
    /// A key by which a token is made once, however often the form is sent.
    once: String,
    created: Option<Created>,
    problem: Option<String>,
    hosts: Option<Hosts>,
    tokens: Option<Tokens>,
    may_manage: bool,
    may_approve: bool,
    may_ban: bool,
    may_settle: bool,
}

/// A token that was just made, with its secret.
struct Created {
    token: Token,
    line: String,
    pin: String,
}

/// What an operator who may see hosts is shown of them.
struct Hosts {
    arrivals: Vec<Arrival>,
    waiting: Vec<Arrival>,
    /// How many wait, as "12" or "1,000+".
    waiting_count: String,
    more_waiting: bool,
    clones: Vec<Arrival>,
    more_clones: bool,
}

struct Tokens {
    rows: Vec<Token>,
    all: String,
    first: Option<String>,
    next: Option<String>,
}

/// Shows the page.
pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let form = Form::of_query(query.as_deref());
    let place = form.get("tokens").parse().unwrap_or(0);
    html(&Join::read(&session, place).await?)
}

/// Shows the page once more, with what went wrong.
pub(super) async fn again(session: &Session, problem: String) -> Result<Response, Failure> {
    let page = Join { problem: Some(problem), ..Join::read(session, 0).await? };
    html_with(StatusCode::CONFLICT, &page)
}

/// Makes a token; the answer shows its secret, and nothing else ever does.
pub(super) async fn create(session: Session, form: Form) -> Result<Response, Failure> {
    let mut draft = Draft::of(&form);
    let Some(new) = draft.request() else {
        let page = Join { draft, ..Join::read(&session, 0).await? };
        return html_with(StatusCode::BAD_REQUEST, &page);
    };
    let made: Result<CreatedJoinToken, Failure> =
        session.api.create(path::TOKENS, &new, form.csrf(), form.some("once")).await;
    match made {
        Ok(made) => {
            let created = Created {
                token: Token::of(&made.token),
                line: made.join.clone(),
                pin: made.ca.clone(),
            };
            let page = Join { created: Some(created), ..Join::read(&session, 0).await? };
            html_with(StatusCode::CREATED, &page)
        }
        Err(failure) if matches!(failure.status.as_u16(), 400 | 409 | 422) => {
            let status = failure.status;
            let page =
                Join { draft, problem: Some(failure.sentence()), ..Join::read(&session, 0).await? };
            html_with(status, &page)
        }
        Err(failure) => Err(failure),
    }
}

impl Join {
    async fn read(session: &Session, place: usize) -> Result<Self, Failure> {
        let hosts = match session.may(Action::HostsRead) {
            true => Some(Hosts::read(session).await?),
            false => None,
        };
        let tokens = match session.may(Action::TokensRead) {
            true => Some(Tokens::read(session, place).await?),
            false => None,
        };
        Ok(Self {
            frame: session.frame("Join"),
            draft: Draft::default(),
            once: random_key(),
            created: None,
            problem: None,
            hosts,
            tokens,
            may_manage: session.may(Action::TokensManage),
            may_approve: session.may(Action::HostsApprove),
            may_ban: session.may(Action::HostsBan),
            may_settle: session.may(Action::HostsQuarantine),
        })
    }
}

impl Hosts {
    async fn read(session: &Session) -> Result<Self, Failure> {
        let query = ArrivalsQuery { limit: Some(ARRIVALS), ..ArrivalsQuery::default() };
        let arrivals: Arrivals = session.api.query(path::FLEET_ARRIVALS, &query).await?;
        let waiting = in_state(session, HostState::Pending, WAITING).await?;
        let count = match waiting.next {
            None => HostCount { hosts: waiting.hosts.len() as u64, more: false },
            Some(_) => {
                let state = Some(HostState::Pending);
                let query = HostCountQuery { state, up_to: Some(1000), ..Default::default() };
                session.api.query(path::FLEET_COUNT, &query).await?
            }
        };
        let (clones, more_clones) = to_settle(session).await?;
        Ok(Self {
            arrivals: arrivals.hosts.iter().map(Arrival::of).collect(),
            more_waiting: waiting.next.is_some(),
            waiting: waiting.hosts.iter().map(Arrival::of).collect(),
            waiting_count: format!(
                "{}{}",
                units::count(count.hosts),
                if count.more { "+" } else { "" }
            ),
            clones: clones.iter().map(Arrival::of).collect(),
            more_clones,
        })
    }
}

async fn in_state(session: &Session, state: HostState, limit: usize) -> Result<HostList, Failure> {
    let query = HostsQuery { state: Some(state), limit: Some(limit), ..HostsQuery::default() };
    session.api.query(path::HOSTS, &query).await
}

/// Returns the quarantined hosts and those that have clones, and whether there are more.
async fn to_settle(session: &Session) -> Result<(Vec<Host>, bool), Failure> {
    let quarantined = in_state(session, HostState::Quarantined, CLONES).await?;
    let cloned: ClonedHosts = session.api.get(path::FLEET_CLONES).await?;
    let mut found = quarantined.hosts;
    for host in cloned.hosts {
        if host.state == HostState::Active {
            found.push(host);
        }
    }
    let more = quarantined.next.is_some() || cloned.more || found.len() > CLONES;
    found.truncate(CLONES);
    Ok((found, more))
}

impl Tokens {
    /// Reads the tokens: those that are valid first, the newest first.
    async fn read(session: &Session, place: usize) -> Result<Self, Failure> {
        let mut found: Vec<JoinToken> = Vec::new();
        let mut query = PageQuery { limit: Some(READ), after: None };
        loop {
            let list: JoinTokenList = session.api.query(path::TOKENS, &query).await?;
            found.extend(list.tokens);
            match list.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        let now = units::now();
        found.sort_by_cached_key(|token| {
            (standing(token, now).0 != "ok", Reverse(units::millis(&token.created_at)))
        });
        let next = place.saturating_add(TOKENS);
        Ok(Self {
            all: units::count(found.len() as u64),
            rows: found.iter().skip(place).take(TOKENS).map(Token::of).collect(),
            first: (place > 0).then(|| "/join#tokens".to_owned()),
            next: (found.len() > next).then(|| format!("/join?tokens={next}#tokens")),
        })
    }
}
