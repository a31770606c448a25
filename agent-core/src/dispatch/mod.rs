//! One message in, one handler, one reply out (§3, §4).
//!
//! Called by the link with each message; calls exec and plugin. What needs no waiting is answered on the spot;
//! everything else runs in a task of its own, holds a [`Ticket`], and answers through it.

mod agent;
mod bash;
mod cron;
mod frames;
mod getinfo;
mod reply;
mod task;
mod ticket;

pub(crate) use task::Deliveries;

use crate::Error;
use crate::audit::{Audit, Entry, Gathering};
use crate::caller::{Caller, Peer};
use crate::exec::Executor;
use crate::plugin::Plugins;
use crate::policy::{Admission, Asked, Gate};
use crate::schedule::{self, Scheduler};
use crate::shutdown::{Stopping, boxed};
use crate::task::{Submission, Tasks};
use agent_wire::message::{
    Ack, Bash, Cancel, CronHistory, CronList, CronSet, GetInfo, MAX_SYNC_TIMEOUT, MAX_TASK_TIMEOUT,
    OutputFrom, Request, Response, TaskId, TaskList,
};
use agent_wire::{InvalidParams, Malformed, Method, Retcode, json};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use ticket::{Manner, Running, Ticket};

/// A handler at work. Boxed, so that the runtime's machinery for a task is built once and not for each handler.
type Work = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Those who do what is asked for, and those who are asked whether and told that.
pub(crate) struct Parts {
    pub(crate) executor: Arc<Executor>,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) tasks: Arc<Tasks>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) audit: Audit,
}

/// Takes messages and sees to their answers.
pub(crate) struct Dispatcher {
    running: Running,
    executor: Arc<Executor>,
    plugins: Arc<Plugins>,
    tasks: Arc<Tasks>,
    scheduler: Arc<Scheduler>,
    gate: Arc<Gate>,
    audit: Audit,
    about: agent::About,
    stopping: Stopping,
    taken: AtomicU64,
}

impl Dispatcher {
    /// A dispatcher for this host.
    pub(crate) fn new(host_id: &str, parts: Parts, stopping: Stopping) -> Self {
        let Parts { executor, plugins, tasks, scheduler, gate, audit } = parts;
        Self {
            running: Running::default(),
            executor,
            plugins,
            tasks,
            scheduler,
            gate,
            audit,
            about: agent::About::new(host_id),
            stopping,
            taken: AtomicU64::new(0),
        }
    }

    /// Handles one message. An answer that is ready is appended to `out`; a later one goes to the caller,
    /// which may be gone by then: the command goes on and its answer is dropped (§5).
    pub(crate) fn take(&self, text: &str, caller: &Caller, out: &mut Vec<u8>) {
        self.taken.fetch_add(1, Ordering::Relaxed);
        let fields = match json::parse_object(text) {
            Ok(fields) => fields,
            Err(error) => return self.malformed(&error, caller, out),
        };
        if fields.contains_key("resp") {
            // Nothing was asked of the server, so this is an error it reports; answering it could go on for ever.
            let message = fields.get("message").and_then(|message| message.as_str()).unwrap_or_default();
            return log::warn!("server reports: {}", json::quote(message));
        }
        match Request::parse(fields) {
            Ok(request) => {
                let mut entry = self.audit.begin(&caller.peer, &request);
                if let Some(response) = self.start(request, caller, &mut entry) {
                    if let Some(entry) = entry {
                        entry.end(&response);
                    }
                    response.line(out);
                }
            }
            Err(unusable) => self.unusable(&unusable.answer(), caller, out),
        }
    }

    /// Answers bytes that are no message.
    pub(crate) fn malformed(&self, error: &Malformed, caller: &Caller, out: &mut Vec<u8>) {
        self.unusable(&Response::failed(None, error.retcode, &error.message), caller, out);
    }

    fn unusable(&self, answer: &Response, caller: &Caller, out: &mut Vec<u8>) {
        self.audit.unusable(&caller.peer, answer);
        answer.line(out);
    }

    /// A channel has opened: the results of tasks that wait for their acknowledgement go there from now on, if it is a
    /// controller's.
    pub(crate) fn connected(&self, caller: &Caller) -> Option<(Deliveries, Gathering)> {
        caller.peer.names()?;
        Some((task::deliver(&self.tasks, caller), self.audit.gather()))
    }

    /// What has been answered gets its line.
    pub(crate) fn audit(&self) {
        self.audit.flush();
    }

    /// Ends every running command; their answers say so.
    pub(crate) fn cancel_all(&self) {
        self.running.cancel_all();
    }

    /// Returns once no request is running and every answer has been handed over.
    pub(crate) async fn drained(&self) {
        self.running.drained().await;
    }

    /// Answers at once, or starts what will answer later and takes the entry with it.
    fn start(&self, request: Request, caller: &Caller, entry: &mut Option<Entry>) -> Option<Response> {
        let id = request.id.as_str();
        // The id of a task may come again at any time, and gets the task's state.
        if request.method != Method::AsyncBash && self.running.has(id) {
            return Some(reply::invalid(
                id,
                &InvalidParams("id is that of a request still running".to_owned()),
            ));
        }
        // A ping does nothing and tells nothing: nobody is kept from seeing that the agent lives. What brings a command
        // is checked with it, once its account is known.
        if request.method != Method::AgentPing
            && !request.method.brings_command()
            && let Some(controllers) = caller.peer.names()
        {
            let asked = Asked { method: request.method.name(), controllers, bash: None };
            if let Err(error) = self.gate.check(asked) {
                return Some(refusal(id, &error, entry.as_mut()));
            }
        }
        match request.method.name() {
            "agent.ping" => Some(Response::success(id, 0)),
            "agent.info" => {
                let requests = (self.taken.load(Ordering::Relaxed), self.running.count());
                let tasks = (self.tasks.counts(), self.tasks.results_dropped());
                Some(self.about.info(id, requests, tasks, &self.scheduler.problems()))
            }
            "sync.cancel" => Some(self.cancel(&request)),
            "agent.methods" => {
                let plugins = self.plugins.clone();
                self.spawn(request, Manner::Request, caller, entry, move |request, _| async move {
                    agent::methods(&request.id, &plugins).await
                })
            }
            "sync.bash" => {
                let bash = match Bash::parse(request.params(), MAX_SYNC_TIMEOUT) {
                    Ok(bash) => bash,
                    Err(why) => return Some(reply::invalid(id, &why)),
                };
                let executor = self.executor.clone();
                let stopping = self.stopping.clone();
                let caller = if bash.stream { caller.in_order() } else { caller.clone() };
                let channel = caller.clone();
                self.spawn_command(
                    request,
                    bash,
                    Manner::Request,
                    &caller,
                    entry,
                    move |request, bash, cancelled| async move {
                        bash::run(&request.id, bash, &executor, &channel, cancelled, &stopping).await
                    },
                )
            }
            "async.bash" => {
                let bash = match Bash::parse(request.params(), MAX_TASK_TIMEOUT) {
                    Ok(bash) if bash.stream => {
                        let why = "stream is for sync.bash; ask async.output".to_owned();
                        return Some(reply::invalid(id, &InvalidParams(why)));
                    }
                    Ok(bash) => bash,
                    Err(why) => return Some(reply::invalid(id, &why)),
                };
                let tasks = self.tasks.clone();
                self.spawn_command(request, bash, Manner::Task, caller, entry, move |request, bash, _| {
                    let submission = Submission::new(bash);
                    async move { task::submit(&request.id, submission, &tasks).await }
                })
            }
            "async.status" => Some(match TaskId::parse(request.params()) {
                Ok(task) => task::status(id, &task, &self.tasks),
                Err(why) => reply::invalid(id, &why),
            }),
            "async.list" => Some(match TaskList::parse(request.params()) {
                Ok(asked) => task::list(id, &asked, &self.tasks),
                Err(why) => reply::invalid(id, &why),
            }),
            "async.cancel" => {
                let task = match TaskId::parse(request.params()) {
                    Ok(task) => task,
                    Err(why) => return Some(reply::invalid(id, &why)),
                };
                let tasks = self.tasks.clone();
                self.spawn(request, Manner::Request, caller, entry, move |request, _| async move {
                    task::cancel(&request.id, &task, &tasks).await
                })
            }
            "async.output" => {
                let from = match OutputFrom::parse(request.params()) {
                    Ok(from) => from,
                    Err(why) => return Some(reply::invalid(id, &why)),
                };
                let tasks = self.tasks.clone();
                self.spawn(request, Manner::Request, caller, entry, move |request, _| async move {
                    task::output(&request.id, &from, &tasks).await
                })
            }
            "async.ack" => {
                let ack = match Ack::parse(request.params()) {
                    Ok(ack) => ack,
                    Err(why) => return Some(reply::invalid(id, &why)),
                };
                let manner = if ack.id.is_some() { Manner::Request } else { Manner::Acknowledgement };
                let tasks = self.tasks.clone();
                self.spawn(request, manner, caller, entry, move |request, _| async move {
                    task::acknowledge(&request.id, &ack.task, &tasks).await
                })
            }
            "cron.set" => {
                let set = match CronSet::parse(request.params()) {
                    Ok(set) => set,
                    Err(why) => return Some(reply::invalid(id, &why)),
                };
                let job = match schedule::resolve(set) {
                    Ok(job) => job,
                    Err(error) => return Some(reply::failed(id, &error.into())),
                };
                let (bash, scheduler) = (Bash::clone(&job.bash), self.scheduler.clone());
                self.spawn_command(
                    request,
                    bash,
                    Manner::Request,
                    caller,
                    entry,
                    move |request, _, _| async move { cron::set(&request.id, job, &scheduler).await },
                )
            }
            "cron.remove" | "cron.run" => {
                let name = match CronSet::name(request.params()) {
                    Ok(name) => name,
                    Err(why) => return Some(reply::invalid(id, &why)),
                };
                let scheduler = self.scheduler.clone();
                self.spawn(request, Manner::Request, caller, entry, move |request, _| async move {
                    match request.method {
                        Method::CronRun => cron::run(&request.id, &name, &scheduler).await,
                        _ => cron::remove(&request.id, &name, &scheduler).await,
                    }
                })
            }
            "cron.list" => Some(match CronList::parse(request.params()) {
                Ok(asked) => cron::list(id, &asked, &self.scheduler),
                Err(why) => reply::invalid(id, &why),
            }),
            "cron.history" => Some(match CronHistory::parse(request.params()) {
                Ok(asked) => cron::history(id, &asked, &self.scheduler),
                Err(why) => reply::invalid(id, &why),
            }),
            method if method.starts_with("getinfo.") => {
                let getinfo = match GetInfo::parse(request.params()) {
                    Ok(getinfo) => getinfo,
                    Err(why) => return Some(reply::invalid(id, &why)),
                };
                let plugins = self.plugins.clone();
                if method == getinfo::ALL {
                    let mut calls = match getinfo::calls(&getinfo, &plugins) {
                        Ok(calls) => calls,
                        Err(why) => return Some(reply::invalid(id, &why)),
                    };
                    self.refuse_some(id, caller, &mut calls);
                    return self.spawn(
                        request,
                        Manner::Request,
                        caller,
                        entry,
                        move |request, _| async move { getinfo::all(&request.id, calls, &plugins).await },
                    );
                }
                self.spawn(request, Manner::Request, caller, entry, move |request, _| async move {
                    getinfo::one(&request.id, request.method.name(), &getinfo.args, &plugins).await
                })
            }
            method => Some(Response::failed(Some(id), Retcode::NoSuchMethod, json::quote(method))),
        }
    }

    /// Several methods in one request are several requests to the policy, and each that it refuses has its line.
    fn refuse_some(&self, id: &str, caller: &Caller, calls: &mut [getinfo::Call]) {
        let Some(controllers) = caller.peer.names() else { return };
        for call in calls {
            let asked = Asked { method: &call.method, controllers, bash: None };
            if let Err(error) = self.gate.check(asked) {
                let mut entry = self.audit.part(&caller.peer, id, &call.method);
                let answer = refusal(id, &error, entry.as_mut());
                if let Some(entry) = entry {
                    entry.end(&answer);
                }
                call.refuse(&answer);
            }
        }
    }

    /// Runs a handler in a task of its own. Answers at once only when that is refused.
    fn spawn<F>(
        &self,
        request: Request,
        manner: Manner,
        caller: &Caller,
        entry: &mut Option<Entry>,
        handler: impl FnOnce(Request, ticket::Cancelled) -> F + Send + 'static,
    ) -> Option<Response>
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let (ticket, cancelled) = match self.enter(&request.id, manner, caller, entry) {
            Ok(entered) => entered,
            Err(response) => return Some(*response),
        };
        serve(ticket, Box::pin(handler(request, cancelled)));
        None
    }

    /// The same for a request that brings a command: the handler gets it only if the policy lets it in.
    fn spawn_command<F>(
        &self,
        request: Request,
        bash: Bash,
        manner: Manner,
        caller: &Caller,
        entry: &mut Option<Entry>,
        handler: impl FnOnce(Request, Bash, ticket::Cancelled) -> F + Send + 'static,
    ) -> Option<Response>
    where
        F: Future<Output = Response> + Send + 'static,
    {
        let admission = match caller.peer.names() {
            None => Admission::Granted,
            Some(controllers) => {
                let asked = Asked { method: request.method.name(), controllers, bash: Some(&bash) };
                match self.gate.check_command(asked) {
                    Ok(admission) => admission,
                    Err(error) => return Some(refusal(&request.id, &error, entry.as_mut())),
                }
            }
        };
        let (ticket, cancelled) = match self.enter(&request.id, manner, caller, entry) {
            Ok(entered) => entered,
            Err(response) => return Some(*response),
        };
        let start = move |request, bash| -> Work { Box::pin(handler(request, bash, cancelled)) };
        match admission {
            Admission::Granted => serve(ticket, start(request, bash)),
            Admission::DependsOnAccount => {
                let (gate, peer) = (self.gate.clone(), caller.peer.clone());
                tokio::spawn(boxed(admit(gate, peer, request, bash, ticket, Box::new(start))));
            }
        }
        None
    }

    /// A place for one more request, or the answer that there is none.
    fn enter(
        &self,
        id: &str,
        manner: Manner,
        caller: &Caller,
        entry: &mut Option<Entry>,
    ) -> Result<(Ticket, ticket::Cancelled), Box<Response>> {
        if self.stopping.has_begun() {
            return Err(Response::failed(Some(id), Retcode::ShuttingDown, "no new requests").into());
        }
        match self.running.enter(id, &caller.answers, manner) {
            Ok((mut ticket, cancelled)) => {
                ticket.entry = entry.take();
                Ok((ticket, cancelled))
            }
            Err(ticket::Full) => {
                let most = format!("at most {} run or wait", ticket::MAX_IN_FLIGHT);
                Err(Response::failed(Some(id), Retcode::Busy, most).into())
            }
        }
    }

    fn cancel(&self, request: &Request) -> Response {
        match Cancel::parse(request.params()) {
            Ok(cancel) if self.running.cancel(&cancel.target) => Response::success(&request.id, 0),
            Ok(cancel) => {
                let why = format!("\"{}\" is not running", json::quote(&cancel.target));
                Response::failed(Some(&request.id), Retcode::NotFound, why)
            }
            Err(why) => reply::invalid(&request.id, &why),
        }
    }
}

/// Runs a handler in a task, owned by [`Running`]: shutdown waits for every ticket to be given back.
fn serve(ticket: Ticket, work: Work) {
    tokio::spawn(boxed(async move { ticket.answer(work.await).await }));
}

/// Runs a command's handler if the policy lets its account in.
async fn admit(
    gate: Arc<Gate>,
    peer: Arc<Peer>,
    request: Request,
    bash: Bash,
    mut ticket: Ticket,
    start: Box<dyn FnOnce(Request, Bash) -> Work + Send>,
) {
    let controllers = peer.names().unwrap_or_default();
    let asked = Asked { method: request.method.name(), controllers, bash: Some(&bash) };
    let response = match gate.check_account(asked).await {
        Ok(()) => start(request, bash).await,
        Err(error) => refusal(&request.id, &error, ticket.entry.as_mut()),
    };
    ticket.answer(response).await;
}

/// The answer to a request that the policy did not let in; the entry learns the rule.
fn refusal(id: &str, error: &Error, entry: Option<&mut Entry>) -> Response {
    if let (Error::RefusedByPolicy { rule, .. }, Some(entry)) = (error, entry) {
        entry.refused_by(rule);
    }
    reply::failed(id, error)
}
