//! `getinfo.*`: one provider's facts, and `getinfo.all`: those of several in one reply (§8).

use super::failure::{Finished, Routed};
use super::reply;
use super::route::Call;
use super::ticket::IdKind;
use crate::enroll::sha256_hex;
use crate::plugin::Plugins;
use crate::policy::Subject;
use agent_wire::json::check_part;
use agent_wire::message::{Data, GetInfo, Resp, Response, Signed};
use agent_wire::reply::FactReply;
use agent_wire::{InvalidParams, Method, Retcode};
use plugin_api::{Args, MethodName};
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The most calls that one `getinfo.all` names. Without names it makes one for each installed
/// provider, which the folders' own bound limits.
const MAX_CALLS: usize = 64;

/// How many of them run at once: a provider's first call starts a process.
const AT_ONCE: usize = 4;

/// The most bytes of all their data together, as much as one provider may return.
const MAX_DATA: usize = 4 << 20;

/// The levels above a provider's data in the reply: the message, the list, and the part.
const LEVELS_ABOVE: u32 = 3;

/// A method that one provider answers.
pub(super) fn provider(call: &mut Call<'_>) -> Routed {
    let request = GetInfo::parse(call.params())?;
    let method = call.request.method.name().to_owned();
    call.later(IdKind::Request, Vec::new(), move |id, services, _| async move {
        let data = services.plugins.call(&method, &request.args).await?;
        let mut reply = Response::success(&id, 0);
        reply.unchanged = is_known(&data, request.known(""));
        Ok(if reply.unchanged { reply } else { reply.with_json(data) })
    })
}

/// `getinfo.all`.
pub(super) fn all(call: &mut Call<'_>) -> Routed {
    let request = GetInfo::parse(call.params())?;
    let mut calls = calls(&request, &call.services().plugins)?;
    reject_some(call, &mut calls);
    call.later(IdKind::Request, Vec::new(), move |id, services, _| async move {
        make_all(&id, calls, &services.plugins).await
    })
}

/// Returns whether this is the digest of the data.
fn is_known(data: &RawValue, known: &str) -> bool {
    !known.is_empty() && sha256_hex(data.get().as_bytes()) == known
}

/// One call of several.
#[derive(Debug, PartialEq, Eq)]
struct FactCall {
    method: String,
    args: String,
    /// The digest of the data that the caller has.
    known: String,
    /// Why it is not made.
    rejected: Option<Rejected>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rejected {
    retcode: u16,
    message: String,
}

/// Returns what `getinfo.all` has to call: each text of `methods` and each word of `args` is a
/// method, with or without `getinfo.`, followed by its arguments. Without any, it is every
/// installed provider.
fn calls(request: &GetInfo, plugins: &Plugins) -> Result<Vec<FactCall>, InvalidParams> {
    let words = Args::parse(&request.args)
        .map_err(|error| InvalidParams(format!("args: {}", error.message())))?;
    let mut calls: Vec<FactCall> = request
        .methods
        .iter()
        .map(String::as_str)
        .chain(words.words())
        .map(FactCall::parse)
        .collect();
    if calls.is_empty() {
        let installed = plugins.installed();
        calls.extend(installed.iter().map(|method| FactCall::parse(method.as_str())));
    } else if calls.len() > MAX_CALLS {
        let why =
            format!("methods has {} calls; at most {MAX_CALLS} fit in one request", calls.len());
        return Err(InvalidParams(why));
    }
    for call in &mut calls {
        // Facts with other arguments are other facts.
        let known = match call.args.as_str() {
            "" => request.known(&call.method),
            args => request.known(&format!("{} {args}", call.method)),
        };
        known.clone_into(&mut call.known);
    }
    Ok(calls)
}

/// Asks the policy about each call: several methods in one request are several requests to it. Each
/// that it rejects has its own audit line.
fn reject_some(call: &Call<'_>, calls: &mut [FactCall]) {
    let Some(controllers) = call.caller.peer.names() else { return };
    let services = call.services();
    let signed = Signed::parse(call.params()).unwrap_or_default();
    for one in calls {
        let subject = Subject { method: &one.method, controllers, bash: None, signed: &signed };
        if let Err(rejection) = services.gate.check(subject) {
            let mut entry = services.audit.part(&call.caller.peer, call.id(), &one.method);
            let reply = reply::failed(call.id(), &rejection.into(), entry.as_mut());
            if let Some(entry) = entry {
                entry.end(&reply);
            }
            one.rejected = Some(Rejected { retcode: reply.retcode, message: reply.message });
        }
    }
}

impl FactCall {
    fn parse(text: &str) -> Self {
        let (method, args) = MethodName::split_call(text);
        // It would call itself.
        let rejected = (Method::parse(&method) == Method::GetinfoAll).then(|| Rejected {
            retcode: Retcode::InvalidParams.number(),
            message: format!("{method} can't be among its own methods"),
        });
        Self { method, args: args.to_owned(), known: String::new(), rejected }
    }

    /// Makes the call; `id` is the request's, for the log.
    async fn make(self, id: &str, plugins: &Plugins) -> FactReply {
        let Self { method, args, known, rejected } = self;
        if let Some(Rejected { retcode, message }) = rejected {
            let (resp, unchanged) = (Resp::Failed, false);
            return FactReply { method, args, resp, retcode, message, unchanged, data: None };
        }
        let reply = match plugins.call(&method, &args).await {
            Ok(data) => match check_part(data.get(), LEVELS_ABOVE) {
                Ok(()) => Response::success(id, 0).with_json(data),
                // Fit for a reply of its own, but not here.
                Err(why) => Response::failed(Some(id), why.retcode, why.message),
            },
            Err(error) => reply::failed(id, &error.into(), None),
        };
        let data = match reply.data {
            Some(Data::Json(data)) => Some(data),
            Some(Data::Text(_)) | None => None,
        };
        let unchanged = data.as_ref().is_some_and(|data| is_known(data, &known));
        FactReply {
            method,
            args,
            resp: reply.resp,
            retcode: reply.retcode,
            message: reply.message,
            unchanged,
            data: data.filter(|_| !unchanged),
        }
    }
}

/// Makes the calls, a few at once, and returns their replies in the order of the request. A call
/// that fails does not affect the others.
async fn make_all(id: &str, calls: Vec<FactCall>, plugins: &Arc<Plugins>) -> Finished {
    let mut parts: Vec<Option<FactReply>> = calls.iter().map(|_| None).collect();
    let mut calls = calls.into_iter().enumerate();
    // Owned by this request: when it is dropped, so are its calls.
    let mut running = JoinSet::new();
    let mut left = MAX_DATA;
    loop {
        while running.len() < AT_ONCE
            && let Some((place, call)) = calls.next()
        {
            let (id, plugins) = (Arc::<str>::from(id), plugins.clone());
            running.spawn(async move { (place, call.make(&id, &plugins).await) });
        }
        let Some(done) = running.join_next().await else { break };
        let (place, mut part) =
            done.map_err(|error| super::failure::Failure::Internal(error.to_string()))?;
        let bytes = part.data.as_ref().map_or(0, |data| data.get().len());
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => part = too_large(part, bytes, left),
        }
        if let Some(slot) = parts.get_mut(place) {
            *slot = Some(part);
        }
    }
    reply::with_data(id, &parts)
}

/// Returns the reply without its data, which does not fit.
fn too_large(part: FactReply, bytes: usize, left: usize) -> FactReply {
    let message =
        format!("its data has {bytes} bytes; the other methods have left {left} of {MAX_DATA}");
    FactReply {
        resp: Resp::Failed,
        retcode: Retcode::TooLarge.number(),
        message,
        data: None,
        ..part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_call_itself() {
        assert!(FactCall::parse("all").rejected.is_some());
        assert!(FactCall::parse("getinfo.all x").rejected.is_some());
        assert!(FactCall::parse("allx").rejected.is_none());
    }
}
