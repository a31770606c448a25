//! One message in, one handler, one reply out (§3, §4).
//!
//! A session hands each message to the [`Dispatcher`], which opens its audit entry, asks the policy
//! and routes it to a handler: `agent`, `check`, `sync`, `tasks`, `cron` and `getinfo`, one file per family
//! of methods. A handler that need not wait replies on the spot. Every other one runs in a task of
//! its own, holds a [`Ticket`](ticket::Ticket) and replies through it.

mod accounts;
mod agent;
mod cert;
mod check;
mod cron;
mod encode;
mod events;
mod failure;
mod frames;
mod getinfo;
mod order;
mod reply;
mod route;
mod sync;
mod tasks;
mod ticket;

pub(crate) use events::Deliveries;

use crate::audit::{Audit, Gathering};
use crate::caller::Caller;
use crate::enroll::{Opened, Upkeep};
use crate::exec::Executor;
use crate::plugin::Plugins;
use crate::policy::Gate;
use crate::schedule::Scheduler;
use crate::shutdown::Stopping;
use crate::task::Tasks;
use accounts::HostAccounts;
use agent_wire::message::{Request, Response};
use agent_wire::{Malformed, json};
use order::Order;
use route::Call;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use ticket::Running;

/// The services that a dispatcher uses.
pub(crate) struct Services {
    pub(crate) executor: Arc<Executor>,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) audit: Audit,
    pub(crate) upkeep: Arc<Upkeep>,
}

/// What lasts as long as a controller's session; it ends when this is dropped.
pub(crate) struct Connected {
    _deliveries: Deliveries,
    _gathering: Gathering,
    _upkeep: Option<Opened>,
}

/// Receives messages and sees to their replies.
pub(crate) struct Dispatcher {
    services: Arc<Services>,
    accounts: Arc<HostAccounts>,
    running: Running,
    order: Order,
    about: agent::About,
    stopping: Stopping,
    received: AtomicU64,
}

impl Dispatcher {
    /// Creates this host's dispatcher.
    pub(crate) fn new(services: Services, stopping: Stopping) -> Self {
        Self {
            accounts: Arc::new(HostAccounts::new(services.executor.clone())),
            services: Arc::new(services),
            running: Running::default(),
            order: Order::default(),
            about: agent::About::new(),
            stopping,
            received: AtomicU64::new(0),
        }
    }

    /// Handles one message. A reply that is ready is appended to `out`; a later one goes to the
    /// caller. When the caller has gone by then, its command goes on and the reply is dropped (§3).
    pub(crate) fn handle(&self, text: &str, caller: &Caller, out: &mut Vec<u8>) {
        self.received.fetch_add(1, Ordering::Relaxed);
        let fields = match json::parse_object(text) {
            Ok(fields) => fields,
            Err(error) => return self.malformed(&error, caller, out),
        };
        if fields.contains_key("resp") {
            // The agent asks a server nothing, so this reports an error. A reply to it could go on
            // for ever.
            let message =
                fields.get("message").and_then(|message| message.as_str()).unwrap_or_default();
            return log::warn!("the server reports an error: {}", json::sentence(message));
        }
        if cert::notice(self, &fields, caller) {
            return;
        }
        match Request::parse(fields) {
            Ok(request) => self.start(request, caller, out),
            Err(unusable) => self.unusable(&unusable.answer(), caller, out),
        }
    }

    /// Starts a request, and appends its reply to `out` when the handler need not wait.
    fn start(&self, request: Request, caller: &Caller, out: &mut Vec<u8>) {
        let entry = self.services.audit.begin(&caller.peer, &request);
        let mut call = Call { dispatcher: self, request, caller, entry };
        let response = match route::route(&mut call) {
            Ok(None) => return,
            Ok(Some(response)) => response,
            Err(failure) => reply::failed(&call.request.id, &failure, call.entry.as_mut()),
        };
        if let Some(entry) = call.entry {
            entry.end(&response);
        }
        response.line(out);
    }

    /// Replies to bytes that are not a message.
    pub(crate) fn malformed(&self, error: &Malformed, caller: &Caller, out: &mut Vec<u8>) {
        self.unusable(&Response::failed(None, error.retcode, &error.message), caller, out);
    }

    fn unusable(&self, response: &Response, caller: &Caller, out: &mut Vec<u8>) {
        self.services.audit.unusable(&caller.peer, response);
        response.line(out);
    }

    /// Starts what lasts as long as a controller's session: the results that wait for their
    /// acknowledgement are delivered, and the certificate is renewed.
    pub(crate) fn connected(&self, caller: &Caller) -> Option<Connected> {
        caller.peer.names()?;
        Some(Connected {
            _deliveries: events::deliver(&self.services.tasks, caller),
            _gathering: self.services.audit.gather(),
            _upkeep: self.services.upkeep.opened(&caller.replies),
        })
    }

    /// Writes the audit lines of the replies that have gone out.
    pub(crate) fn flush_audit(&self) {
        self.services.audit.flush();
    }

    /// Cancels every running command; each reply says so.
    pub(crate) fn cancel_all(&self) {
        self.running.cancel_all();
    }

    /// Returns once no request runs and every reply has been handed over.
    pub(crate) async fn drained(&self) {
        self.running.drained().await;
    }
}
