//! From a request to its handler: the policy's word, one line per method, and the three ways to
//! reply.

use super::accounts::HostAccounts;
use super::failure::{Failure, Finished, Routed};
use super::order::{Named, Turn};
use super::ticket::{Cancelled, IdKind, Ticket};
use super::{Dispatcher, Services, agent, cert, check, cron, getinfo, sync, tasks};
use crate::audit::Entry;
use crate::caller::{Caller, Peer, Replies};
use crate::policy::{Admission, Subject};
use crate::shutdown::boxed;
use agent_wire::message::{Bash, Request, Response, Signed};
use agent_wire::{Family, InvalidParams, Method, Params};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;

/// A handler at work. Boxed, so that the runtime's machinery for a task is compiled once and not
/// per handler.
type Work = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// One request on the way to its handler.
pub(super) struct Call<'a> {
    pub(super) dispatcher: &'a Dispatcher,
    pub(super) request: Request,
    pub(super) caller: &'a Caller,
    /// The audit entry. A handler that replies later takes it along.
    pub(super) entry: Option<Entry>,
}

/// Hands a request to its handler.
pub(super) fn route(call: &mut Call<'_>) -> Routed {
    call.check_id()?;
    call.check_policy()?;
    match &call.request.method {
        Method::AgentInfo => agent::info(call),
        Method::AgentMethods => agent::methods(call),
        Method::AgentPing => Ok(Some(Response::success(call.id(), 0))),
        Method::AsyncAck => tasks::acknowledge(call),
        Method::AsyncBash => tasks::submit(call),
        Method::AsyncCancel => tasks::cancel(call),
        Method::AsyncList => tasks::list(call),
        Method::AsyncOutput => tasks::output(call),
        Method::AsyncStatus => tasks::status(call),
        Method::CertRenewNow => cert::renew_now(call),
        Method::CertReset => cert::reset(call),
        Method::CertTrust => cert::trust(call),
        Method::CronHistory => cron::history(call),
        Method::CronList => cron::list(call),
        Method::CronRemove => cron::remove(call),
        Method::CronRun => cron::run(call),
        Method::CronSet => cron::set(call),
        Method::ExecCheck => check::check(call),
        Method::GetinfoAll => getinfo::all(call),
        Method::SyncBash => sync::bash(call),
        Method::SyncCancel => sync::cancel(call),
        Method::Provider(_) => getinfo::provider(call),
        Method::Unknown(name) => Err(Failure::NoSuchMethod(name.clone())),
    }
}

/// Returns whether the policy does not apply. A ping does nothing and returns nothing, so everybody
/// may see that the agent lives. The host's own certificate is between it and its controller.
pub(super) fn is_exempt(method: &Method) -> bool {
    *method == Method::AgentPing || method.family() == Some(Family::Cert)
}

impl Call<'_> {
    /// Returns the request's id.
    pub(super) fn id(&self) -> &str {
        &self.request.id
    }

    /// Returns the method's own fields.
    pub(super) fn params(&self) -> Params<'_> {
        self.request.params()
    }

    /// Returns the services that a handler uses.
    pub(super) fn services(&self) -> &Services {
        &self.dispatcher.services
    }

    fn check_id(&self) -> Result<(), Failure> {
        // A task's id may be sent again at any time, and gets the task's state (§6).
        if self.request.method != Method::AsyncBash && self.dispatcher.running.has(self.id()) {
            let why = "id belongs to a request that is still running".to_owned();
            return Err(InvalidParams(why).into());
        }
        Ok(())
    }

    fn check_policy(&self) -> Result<(), Failure> {
        let method = &self.request.method;
        // A request that brings a command is checked together with it, by `later_if_admitted`; a
        // check, as the request that it asks about.
        if is_exempt(method) || method.brings_command() || *method == Method::ExecCheck {
            return Ok(());
        }
        let signed = Signed::parse(self.params())?;
        let Some(controllers) = self.caller.peer.names() else { return Ok(()) };
        Ok(self.services().gate.check(Subject {
            method: method.name(),
            controllers,
            bash: None,
            signed: &signed,
        })?)
    }

    /// Runs a handler at once and returns its reply, unless an earlier request about the subject is
    /// still being handled: then it runs after that.
    pub(super) fn now_or_later(
        &mut self,
        subject: Named,
        handler: impl FnOnce(&str, &Services) -> Finished + Send + 'static,
    ) -> Routed {
        if self.dispatcher.order.is_free(&subject) {
            return handler(self.id(), self.services()).map(Some);
        }
        self.later(IdKind::Request, vec![subject], |id, services, _| async move {
            handler(&id, &services)
        })
    }

    /// Runs a handler in a task of its own, after all earlier requests about the same subjects; the
    /// reply follows when it has finished.
    pub(super) fn later<F>(
        &mut self,
        id_kind: IdKind,
        about: Vec<Named>,
        handler: impl FnOnce(String, Arc<Services>, Cancelled) -> F + Send + 'static,
    ) -> Routed
    where
        F: Future<Output = Finished> + Send + 'static,
    {
        self.later_in_turn(id_kind, about, move |id, services, cancelled, turn| async move {
            let finished = handler(id, services, cancelled).await;
            drop(turn);
            finished
        })
    }

    /// Does the same for a handler that gives up its turn by itself: one that waits for something
    /// after it has taken effect.
    pub(super) fn later_in_turn<F>(
        &mut self,
        id_kind: IdKind,
        about: Vec<Named>,
        handler: impl FnOnce(String, Arc<Services>, Cancelled, Turn) -> F + Send + 'static,
    ) -> Routed
    where
        F: Future<Output = Finished> + Send + 'static,
    {
        let (ticket, cancelled) = self.ticket(id_kind, &self.caller.replies)?;
        let id = mem::take(&mut self.request.id);
        let services = self.dispatcher.services.clone();
        let mut turn = self.dispatcher.order.enter(about);
        serve(
            ticket,
            Box::pin(async move {
                turn.come().await;
                handler(id, services, cancelled, turn).await
            }),
        );
        Ok(None)
    }

    /// Does the same for a request that brings a command, if the policy admits the command.
    /// `replies` is the way that the reply takes.
    pub(super) fn later_if_admitted<F>(
        &mut self,
        id_kind: IdKind,
        about: Vec<Named>,
        bash: Bash,
        replies: &Replies,
        handler: impl FnOnce(String, Bash, Arc<Services>, Cancelled) -> F + Send + 'static,
    ) -> Routed
    where
        F: Future<Output = Finished> + Send + 'static,
    {
        let signed = Signed::parse(self.params())?;
        let admission = match self.caller.peer.names() {
            None => Admission::Granted,
            Some(controllers) => {
                let method = self.request.method.name();
                let subject = Subject { method, controllers, bash: Some(&bash), signed: &signed };
                self.services().gate.check_command(subject)?
            }
        };
        let (ticket, cancelled) = self.ticket(id_kind, replies)?;
        let id = mem::take(&mut self.request.id);
        let services = self.dispatcher.services.clone();
        let mut turn = self.dispatcher.order.enter(about);
        let of_handler = services.clone();
        let start = move |bash| -> Work {
            Box::pin(async move {
                turn.come().await;
                handler(id, bash, of_handler, cancelled).await
            })
        };
        match admission {
            Admission::Granted => serve(ticket, start(bash)),
            Admission::DependsOnAccount => {
                let question = Question {
                    services,
                    accounts: self.dispatcher.accounts.clone(),
                    peer: self.caller.peer.clone(),
                    method: self.request.method.clone(),
                    bash,
                    signed,
                };
                tokio::spawn(boxed(admit(question, ticket, Box::new(start))));
            }
        }
        Ok(None)
    }

    /// Reserves a place for one more request; the audit entry goes with it.
    fn ticket(
        &mut self,
        id_kind: IdKind,
        replies: &Replies,
    ) -> Result<(Ticket, Cancelled), Failure> {
        if self.dispatcher.stopping.has_begun() {
            return Err(Failure::ShuttingDown);
        }
        let (mut ticket, cancelled) =
            self.dispatcher.running.enter(&self.request.id, replies, id_kind)?;
        ticket.entry = self.entry.take();
        Ok((ticket, cancelled))
    }
}

/// Runs a handler in a task. [`Running`](super::ticket::Running) owns it: shutdown waits for each
/// ticket.
fn serve(ticket: Ticket, work: Work) {
    tokio::spawn(boxed(async move { ticket.reply(work.await).await }));
}

/// The policy's open question once the command's account is known.
struct Question {
    services: Arc<Services>,
    accounts: Arc<HostAccounts>,
    peer: Arc<Peer>,
    method: Method,
    bash: Bash,
    signed: Signed,
}

/// Runs a command's handler if the policy admits the account that the command would run as.
async fn admit(question: Question, ticket: Ticket, start: Box<dyn FnOnce(Bash) -> Work + Send>) {
    let Question { services, accounts, peer, method, bash, signed } = question;
    let controllers = peer.names().unwrap_or_default();
    let subject =
        Subject { method: method.name(), controllers, bash: Some(&bash), signed: &signed };
    let finished = match services.gate.check_account(subject, &*accounts).await {
        Ok(()) => start(bash).await,
        Err(failure) => Err(failure),
    };
    ticket.reply(finished).await;
}
