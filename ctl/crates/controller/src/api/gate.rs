//! The gate before every handler: who asks, may they, and is it written down.
//!
//! A route that changes something runs in this order: identify the caller, read the request, judge
//! it, write its event, run the handler, end the event. Once the event is written, the act is done
//! to its end even if the client disconnects, except for requests to hosts, which end with their
//! client.

use super::extract::{identify, secure};
use super::idempotency::{self, Repeat};
use super::prepare::MAX_BODY;
use super::problem::{ApiError, Problematic};
use super::rule::{Effect, Given, Read, Rule, Subject, Who};
use super::service::{Api, Told};
use super::wrong_tokens::Peer;
use crate::audit::{Deed, Open};
use crate::auth::{Credential, Principal};
use crate::store::plain_labels;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request};
use axum::extract::{RawPathParams, State};
use axum::http::Extensions;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use controller_api::CSRF_HEADER;
use fleet::Action;
use fleet::audit::Outcome;
use fleet::role::{Command, Denied};
use hyper::body::Bytes;
use serde_json::{Map, Value};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use subtle::ConstantTimeEq as _;
use tokio::time::timeout;

/// The time for a client to send a request's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a body that is no request to a host.
const MAX_SMALL_BODY: usize = 64 << 10;

/// A response whose act goes on until its body ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct GoesOn;

/// Takes a request through the gate.
pub(super) async fn pass(
    State((api, rule)): State<(Api, Rule)>,
    request: Request,
    next: Next,
) -> Response {
    match try_pass(api, rule, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn try_pass(
    api: Api,
    rule: Rule,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let principal = match rule.who {
        Who::Everybody => None,
        Who::Operators | Who::Allowed(_) => Some(identify(&parts, &api).await?),
    };
    if let Some(principal) = &principal {
        parts.extensions.insert(principal.clone());
    }
    let segments = segments(&mut parts).await?;
    match rule.effect {
        Effect::Reads => {
            if let (Who::Allowed(action), Some(principal)) = (rule.who, &principal) {
                principal.may(action).map_err(ApiError::Forbidden)?;
                if let Some((_, host)) = segments.iter().find(|(name, _)| name == "host") {
                    judge_on(&api, principal, action, host, None).await?;
                }
            }
            Ok(next.run(Request::from_parts(parts, body)).await)
        }
        Effect::Changes { read, creates, attended, large } => {
            if let Some(principal) = &principal {
                check_csrf(principal, &parts)?;
            }
            let most = if large { MAX_BODY } else { MAX_SMALL_BODY };
            let change = Change { api, who: rule.who, principal, segments, read, creates, most };
            let asked = change.read(parts, body).await?;
            if attended {
                return change.run(asked, next).await;
            }
            let work = change.api.work.clone();
            let done = work.start(async move { change.run(asked, next).await });
            done.await.unwrap_or(Err(ApiError::Internal))
        }
    }
}

/// Returns the variable segments of the path, decoded.
async fn segments(parts: &mut Parts) -> Result<Vec<(String, String)>, ApiError> {
    let raw = RawPathParams::from_request_parts(parts, &()).await;
    let raw = raw.map_err(|error| ApiError::InvalidRequest(error.body_text()))?;
    Ok(raw.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Checks that a page of ours has sent the request of a session, and no other site.
fn check_csrf(principal: &Principal, parts: &Parts) -> Result<(), ApiError> {
    let Credential::Session { csrf, .. } = principal.credential() else { return Ok(()) };
    let given = parts.headers.get(CSRF_HEADER).map_or(&b""[..], |value| value.as_bytes());
    if bool::from(csrf.as_bytes().ct_eq(given)) { Ok(()) } else { Err(ApiError::CsrfRequired) }
}

/// Judges an action on a host. Its labels are read only where they matter.
async fn judge_on(
    api: &Api,
    principal: &Principal,
    action: Action,
    host: &str,
    command: Option<Command<'_>>,
) -> Result<(), ApiError> {
    if principal.may_everywhere(action, command) {
        return Ok(());
    }
    // A host that does not exist is refused like one that the roles do not reach.
    let row = api.store.host(host).await?;
    let labels = row.as_ref().map(plain_labels).unwrap_or_default();
    let verdict = principal.may_on(action, host, &labels, command);
    match (verdict, row) {
        (Ok(()), Some(_)) => Ok(()),
        (Ok(()), None) => Err(ApiError::Forbidden(Denied::Host(action))),
        (Err(denied), _) => Err(ApiError::Forbidden(denied)),
    }
}

/// A request that changes something.
struct Change {
    api: Api,
    who: Who,
    principal: Option<Principal>,
    segments: Vec<(String, String)>,
    read: Read,
    creates: bool,
    /// The most bytes of a body.
    most: usize,
}

/// What such a request asks for.
struct Asked {
    parts: Parts,
    address: IpAddr,
    subject: Subject,
    carried: Extensions,
    repeat: Option<Repeat>,
}

impl Change {
    /// Reads a request, once its caller may do such a thing at all.
    async fn read(&self, parts: Parts, body: Body) -> Result<Asked, ApiError> {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let address = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
        if let (Who::Allowed(action), Some(principal)) = (self.who, &self.principal)
            && let Err(denied) = principal.may(action)
        {
            let subject = self.unread(action);
            self.refuse(address, subject, &denied.to_string()).await?;
            return Err(ApiError::Forbidden(denied));
        }
        let body = read_body(body, self.most).await?;
        let mut given = Given {
            api: &self.api,
            principal: self.principal.as_ref(),
            address,
            secure: secure(&parts),
            segments: self.segments.clone(),
            uri: parts.uri.clone(),
            body,
            carried: Extensions::new(),
        };
        let subject = (self.read)(&mut given)?;
        let carried = given.carried;
        let repeat = match &self.principal {
            Some(principal) if self.creates => Repeat::of(principal, &parts, &subject)?,
            _ => None,
        };
        Ok(Asked { parts, address, subject, carried, repeat })
    }

    /// Judges what is asked, writes its event, and does it.
    async fn run(self, asked: Asked, next: Next) -> Result<Response, ApiError> {
        let Asked { mut parts, address, mut subject, carried, repeat } = asked;
        if let Err(error) = self.judge(&subject).await {
            if let (ApiError::Forbidden(denied), false) = (&error, subject.only_reads) {
                self.refuse(address, subject, &denied.to_string()).await?;
            }
            return Err(error);
        }
        parts.extensions.extend(carried);
        let request = Request::from_parts(parts, Body::empty());
        if subject.only_reads {
            return Ok(next.run(request).await);
        }
        if let Some(repeat) = &repeat
            && let Some(answer) = repeat.reserve(&*self.api.store).await?
        {
            return Ok(answer);
        }
        let deed = match self.deed(address, &mut subject).await {
            Ok(deed) => self.api.audit.begin(deed).await.map_err(ApiError::from),
            Err(error) => Err(error),
        };
        let open = match deed {
            Ok(open) => open,
            Err(error) => {
                if let Some(repeat) = &repeat {
                    repeat.give_back(&*self.api.store).await;
                }
                return Err(error);
            }
        };
        let mut response = next.run(request).await;
        if let Some(repeat) = &repeat {
            response = idempotency::keep(repeat, &*self.api.store, response).await;
        }
        Ok(end(open, response).await)
    }

    async fn judge(&self, subject: &Subject) -> Result<(), ApiError> {
        let (Some(principal), Some(action)) = (&self.principal, subject.action) else {
            return Ok(());
        };
        if let Some(also) = subject.everywhere
            && !principal.may_everywhere(also, None)
        {
            principal.may(also).map_err(ApiError::Forbidden)?;
            return Err(ApiError::Forbidden(Denied::Host(also)));
        }
        let command = subject.command.as_ref().map(|command| command.judged());
        match &subject.host {
            Some(host) => judge_on(&self.api, principal, action, host, command).await,
            None => principal.may(action).map_err(ApiError::Forbidden),
        }
    }

    /// Describes a request that is refused unread.
    fn unread(&self, action: Action) -> Subject {
        let mut detail = Map::new();
        // A segment that should be a token's id may hold its secret.
        for (name, value) in self.segments.iter().filter(|(name, _)| name != "token") {
            detail.insert(name.clone(), Value::String(crate::audit::shortened(value)));
        }
        let host = self.segments.iter().find(|(name, _)| name == "host");
        Subject {
            name: action.name(),
            action: Some(action),
            everywhere: None,
            host: host.map(|(_, id)| id.clone()),
            command: None,
            detail,
            claimed: None,
            only_reads: false,
        }
    }

    async fn refuse(
        &self,
        address: IpAddr,
        mut subject: Subject,
        why: &str,
    ) -> Result<(), ApiError> {
        let deed = self.deed(address, &mut subject).await?;
        self.api.audit.refused(deed, why.to_owned()).await.map_err(ApiError::from)
    }

    async fn deed(&self, address: IpAddr, subject: &mut Subject) -> Result<Deed, ApiError> {
        let mut detail = std::mem::take(&mut subject.detail);
        let actor = match (&self.principal, &subject.claimed) {
            (Some(principal), _) => {
                if let Ok(by) = serde_json::to_value(principal.proof()) {
                    detail.insert("by".to_owned(), by);
                }
                principal.name().to_owned()
            }
            // A name that nobody has may be a password in the wrong field.
            (None, Some(name)) => match self.api.store.operator(name).await? {
                Some(operator) => operator.name,
                None => "unknown".to_owned(),
            },
            (None, None) => "unknown".to_owned(),
        };
        Ok(Deed {
            actor,
            source: Some(address.to_string()),
            action: subject.name.to_owned(),
            hosts: subject.host.take().into_iter().collect(),
            detail,
        })
    }
}

async fn read_body(body: Body, most: usize) -> Result<Bytes, ApiError> {
    match timeout(BODY_TIMEOUT, axum::body::to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_)) => Err(ApiError::TooLarge(most)),
        Err(_) => {
            let why = format!("the body did not arrive within {} s", BODY_TIMEOUT.as_secs());
            Err(ApiError::InvalidRequest(why))
        }
    }
}

/// Ends an event as its response says; one that goes on ends with the response's body.
async fn end(open: Open, mut response: Response) -> Response {
    if response.extensions_mut().remove::<GoesOn>().is_some() {
        return response.map(|body| Body::new(super::recorded::Recorded::new(body, open)));
    }
    let status = response.status();
    let mut detail = Map::from_iter([("status".to_owned(), Value::from(status.as_u16()))]);
    if let Some(Told(told)) = response.extensions_mut().remove() {
        detail.extend(told);
    }
    if let Some(problem) = response.extensions().get::<Problematic>() {
        detail.insert("message".to_owned(), Value::String(problem.detail.clone()));
    }
    let outcome = match status.as_u16() {
        ..=399 => Outcome::Succeeded,
        401 | 403 | 429 => Outcome::Refused,
        _ => Outcome::Failed,
    };
    open.end(outcome, detail).await;
    response
}
