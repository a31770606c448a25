//! `getinfo.*`: one provider's answer, and `getinfo.all`: those of several in one (§8).

use super::reply;
use crate::plugin::Plugins;
use agent_wire::message::{GetInfo, Resp, Response};
use agent_wire::reply::FactReply;
use agent_wire::{InvalidParams, Retcode};
use plugin_api::{Args, MethodName};
use std::sync::Arc;
use tokio::task::JoinSet;

/// The most calls in one `getinfo.all`.
const MAX_CALLS: usize = 64;
/// Of which so many run at once: a provider's first call starts a process.
const AT_ONCE: usize = 4;
/// The most bytes of all their data together, as much as one provider may answer.
const MAX_DATA: usize = 4 << 20;

/// The method that asks several.
pub(super) const ALL: &str = "getinfo.all";

/// One call of several.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) method: String,
    args: String,
    /// Why it is not made.
    refused: Option<Refused>,
}

#[derive(Debug, PartialEq, Eq)]
struct Refused {
    retcode: u16,
    message: String,
}

/// A method of one provider.
pub(super) async fn one(id: &str, method: &str, args: &str, plugins: &Plugins) -> Response {
    match plugins.call(method, args).await {
        Ok(data) => Response::success(id, 0).with_json(data),
        Err(error) => reply::failed(id, &error.into()),
    }
}

/// What `getinfo.all` is to call: each text of `methods` and each word of `args` is a method, with or without
/// `getinfo.`, and its arguments after it; without any of them, every provider that is installed.
pub(super) fn calls(asked: &GetInfo, plugins: &Plugins) -> Result<Vec<Call>, InvalidParams> {
    let words =
        Args::parse(&asked.args).map_err(|error| InvalidParams(format!("args: {}", error.message())))?;
    let mut calls: Vec<Call> =
        asked.methods.iter().map(String::as_str).chain(words.words()).map(Call::parse).collect();
    if calls.is_empty() {
        calls = plugins.installed().iter().map(|method| Call::parse(method.as_str())).collect();
    }
    if calls.len() > MAX_CALLS {
        return Err(InvalidParams(format!(
            "{} methods, of which at most {MAX_CALLS} can be asked at once",
            calls.len()
        )));
    }
    Ok(calls)
}

impl Call {
    fn parse(text: &str) -> Self {
        let (method, args) = MethodName::split_call(text);
        // It would call itself.
        let refused = (method == ALL).then(|| Refused {
            retcode: Retcode::InvalidParams.number(),
            message: format!("{ALL} can't be among its own methods"),
        });
        Self { method, args: args.to_owned(), refused }
    }

    /// The call is not made, and its part is this answer's.
    pub(super) fn refuse(&mut self, answer: &Response) {
        self.refused = Some(Refused { retcode: answer.retcode, message: answer.message.clone() });
    }

    /// `id`: the request's, for the log.
    async fn make(self, id: &str, plugins: &Plugins) -> FactReply {
        let Self { method, args, refused } = self;
        if let Some(Refused { retcode, message }) = refused {
            return FactReply { method, args, resp: Resp::Failed, retcode, message, data: None };
        }
        let answer = one(id, &method, &args, plugins).await;
        let data = match answer.data {
            Some(agent_wire::message::Data::Json(data)) => Some(data),
            Some(agent_wire::message::Data::Text(_)) | None => None,
        };
        FactReply { method, args, resp: answer.resp, retcode: answer.retcode, message: answer.message, data }
    }
}

/// Makes the calls, a few at once, and answers them in the order in which they were asked for. One that fails costs
/// the others nothing.
pub(super) async fn all(id: &str, calls: Vec<Call>, plugins: &Arc<Plugins>) -> Response {
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
        let (place, mut part) = match done {
            Ok(done) => done,
            Err(error) => return reply::internal(id, &error),
        };
        let bytes = part.data.as_ref().map_or(0, |data| data.get().len());
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => {
                let why = format!(
                    "its {bytes} bytes are more than the {left} that all others have left of {MAX_DATA}"
                );
                part = FactReply {
                    resp: Resp::Failed,
                    retcode: Retcode::TooLarge.number(),
                    message: why,
                    data: None,
                    ..part
                };
            }
        }
        if let Some(slot) = parts.get_mut(place) {
            *slot = Some(part);
        }
    }
    reply::with_data(id, &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_call_itself() {
        assert!(Call::parse("all").refused.is_some() && Call::parse("getinfo.all x").refused.is_some());
        assert!(Call::parse("allx").refused.is_none());
    }
}
