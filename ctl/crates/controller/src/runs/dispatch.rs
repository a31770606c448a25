//! Sends a request to a host, if the host and the operator's roles allow it by now, and reads the
//! reply.

use super::committer::now;
use super::handle::Happened;
use super::signed::Signed;
use crate::agents::{AgentRequest, Asked, NoReply, Registry};
use crate::auth::{Authenticator, HeldRoles};
use crate::store::{RunRow, Store, StoreError, plain_labels};
use agent_wire::Method;
use agent_wire::json::parse_object;
use agent_wire::message::line;
use fleet::role::Command;
use fleet::run::{Answer, Ask, End, EndState, Outcome, Request, task_id};
use fleet::{Action, HostState, UnixMillis};
use serde_json::{Map, Value, json};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, UNIX_EPOCH};
use uuid::Uuid;

/// The wait for a reply.
const WAIT: Duration = Duration::from_secs(60);

/// What each request of a run needs.
#[derive(Debug)]
pub(super) struct Brief {
    /// The run's number.
    pub(super) number: i64,
    /// The run's id.
    pub(super) id: Arc<str>,
    /// Who applied it.
    pub(super) operator: String,
    /// What is asked.
    pub(super) request: Request,
    /// Until when a host may accept it.
    not_after: UnixMillis,
    /// Why nothing more is sent, once that is decided. What was decided before and is still being
    /// written is not sent either.
    pub(super) stop: OnceLock<Box<str>>,
    start: Start,
}

/// The message that starts a run on a host.
#[derive(Debug)]
enum Start {
    /// One line for every host.
    Same(Vec<u8>),
    /// Each host gets its own proof with it.
    Signed { message: Map<String, Value>, signed: Signed },
}

/// Whom the committer asks.
#[derive(Clone, Debug)]
pub(super) struct Doors {
    pub(super) registry: Arc<Registry>,
    pub(super) store: Arc<dyn Store>,
    pub(super) authenticator: Arc<Authenticator>,
}

/// Returns the text of a time: RFC 3339, UTC.
fn time_text(millis: UnixMillis) -> String {
    let since = Duration::from_millis(millis.try_into().unwrap_or_default());
    humantime::format_rfc3339_millis(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
        .to_string()
}

/// A request on its way, or what happened instead.
#[derive(Debug)]
pub(super) enum Sent {
    Yes(Asked),
    No(Happened),
}

/// What the operator of a run may do now.
#[derive(Debug)]
pub(super) enum Roles {
    /// It may do this on every host.
    Everywhere,
    /// Its roles decide for each host.
    Judge(HeldRoles),
    /// It may do nothing anymore, for this reason.
    Nowhere(String),
}

fn text_of(message: &impl serde::Serialize) -> Vec<u8> {
    let mut text = Vec::new();
    line(message, &mut text);
    text
}

impl Start {
    /// Returns the message to a host, on one line.
    fn line(&self, host: &str) -> Vec<u8> {
        match self {
            Self::Same(line) => line.clone(),
            Self::Signed { message, signed } => {
                let mut message = message.clone();
                message.extend(signed.besides(host));
                text_of(&message)
            }
        }
    }
}

impl Brief {
    /// Makes what each request needs.
    pub(super) fn new(
        row: &RunRow,
        request: Request,
        not_after: UnixMillis,
        signed: Option<Signed>,
    ) -> Self {
        let mut besides = Map::new();
        if request.is_task() {
            besides.insert("not_after".to_owned(), time_text(not_after).into());
        }
        let message = request.message(&task_id(&row.id), besides);
        let start = match signed {
            None => Start::Same(text_of(&message)),
            Some(signed) => Start::Signed { message, signed },
        };
        Self {
            number: row.number,
            id: Arc::from(&*row.id),
            operator: row.applied_by.clone().unwrap_or_else(|| row.created_by.clone()),
            request,
            not_after,
            stop: OnceLock::new(),
            start,
        }
    }

    /// Returns how a target ends whose start comes too late by now: the run is stopping, or writing
    /// the rows took until `not_after`.
    fn too_late(&self) -> Option<End> {
        match self.stop.get() {
            Some(why) => Some(End::because(EndState::CanceledBeforeStart, why)),
            None if now() >= self.not_after => {
                Some(End::because(EndState::Expired, "its turn came too late for not_after"))
            }
            None => None,
        }
    }

    /// Returns what roles must allow.
    fn asks_for(&self) -> (Action, Option<Command<'_>>) {
        (self.request.action(), self.request.judged_command())
    }

    fn message(&self, ask: Ask, host: &str) -> AgentRequest {
        let task = task_id(&self.id);
        let method = match ask {
            Ask::Start => {
                let line = self.start.line(host);
                return AgentRequest { id: task, client_chose_id: false, line };
            }
            Ask::Status => Method::AsyncStatus,
            Ask::Cancel => Method::AsyncCancel,
        };
        let id = Uuid::new_v4().to_string();
        let line = text_of(&json!({ "id": id, "method": method.name(), "task": task }));
        AgentRequest { id, client_chose_id: false, line }
    }

    /// Waits for a reply.
    pub(super) async fn answer(&self, ask: Ask, asked: Asked) -> Happened {
        match asked.reply().await {
            Ok(text) => self.read(ask, text),
            Err(why) => not_asked(ask, &why),
        }
    }

    /// Reads a reply. That of a request that is no command is its result.
    fn read(&self, ask: Ask, text: String) -> Happened {
        let Ok(map) = parse_object(&text) else { return Happened::Unanswered };
        let Ok(outcome) = Outcome::parse(&map) else { return Happened::Unanswered };
        let data = map.get("data");
        let answer = match ask {
            Ask::Start => outcome.of_request(&self.request, data),
            Ask::Status | Ask::Cancel => outcome.of_question(data),
        };
        let is_result = ask == Ask::Start && !self.request.is_task();
        Happened::Answered(ask, answer, is_result.then_some(text))
    }
}

/// Returns what it means to a run that there is no reply, where the host was not refused at first.
fn not_asked(ask: Ask, why: &NoReply) -> Happened {
    match why {
        NoReply::Busy => {
            let why = "too many requests wait for the agent".into();
            Happened::Answered(ask, Answer::Retry(why), None)
        }
        _ => Happened::Unanswered,
    }
}

impl Doors {
    /// Returns what the operator of a run may do now.
    pub(super) async fn roles(&self, brief: &Brief) -> Result<Roles, StoreError> {
        let name = &brief.operator;
        Ok(match self.authenticator.absent(name).await? {
            None => Roles::Nowhere(format!("the operator {name} may do nothing anymore")),
            Some(operator) => {
                let (action, command) = brief.asks_for();
                if operator.may_everywhere(action, command) {
                    Roles::Everywhere
                } else {
                    Roles::Judge(operator)
                }
            }
        })
    }

    /// Sends a request. The `roles` decide whether it is sent, where nothing was sent before.
    pub(super) async fn send(
        &self,
        brief: &Brief,
        host: &str,
        ask: Ask,
        roles: Option<&Roles>,
    ) -> Result<Sent, StoreError> {
        if ask == Ask::Start
            && let Some(end) = brief.too_late()
        {
            return Ok(Sent::No(Happened::NotSent(end)));
        }
        if let Some(roles) = roles
            && let Some(end) = self.forbidden(brief, host, roles).await?
        {
            return Ok(Sent::No(Happened::NotSent(end)));
        }
        let Some(reach) = self.registry.reach(host) else {
            return Ok(Sent::No(Happened::Offline));
        };
        if !self.store.holds_lead() {
            // Another node may have decided otherwise since the row was written.
            return Ok(Sent::No(Happened::Unanswered));
        }
        Ok(match reach.ask(brief.message(ask, host), WAIT) {
            Ok(reply) => Sent::Yes(reply),
            Err(NoReply::Withheld(why)) if roles.is_some() => {
                Sent::No(Happened::NotSent(End::because(EndState::Refused, &*why)))
            }
            Err(why) => Sent::No(not_asked(ask, &why)),
        })
    }

    /// Returns why a run's operator may not do this on a host by now.
    async fn forbidden(
        &self,
        brief: &Brief,
        host: &str,
        roles: &Roles,
    ) -> Result<Option<End>, StoreError> {
        let why = match roles {
            Roles::Everywhere => return Ok(None),
            Roles::Nowhere(why) => why.clone(),
            Roles::Judge(operator) => {
                // A host that was removed meanwhile is told so by its standing.
                let Some(row) = self.store.host(host).await? else { return Ok(None) };
                let (action, command) = brief.asks_for();
                match operator.may_on(action, host, &plain_labels(&row), command) {
                    Ok(()) => return Ok(None),
                    Err(denied) => format!("for the operator {}: {denied}", brief.operator),
                }
            }
        };
        Ok(Some(End::because(EndState::Refused, why)))
    }

    /// Returns what there is to say about a host without a channel whose turn has come.
    pub(super) async fn standing(&self, host: &str) -> Result<Option<Happened>, StoreError> {
        let Some(row) = self.store.host(host).await? else { return Ok(Some(Happened::Removed)) };
        let why = match &row.identity.state {
            HostState::Active => return Ok(None),
            HostState::Pending(_) => "the host waits for an operator's approval",
            HostState::Quarantined(_) => "the host is quarantined",
            HostState::Banned => "an operator banned the host",
        };
        Ok(Some(Happened::NotSent(End::because(EndState::Refused, why))))
    }
}

#[cfg(test)]
mod tests;
