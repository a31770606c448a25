//! `-c METHOD` on this machine: loads the plugin into this process and calls it once; `getinfo.all`
//! calls several, each in a process of its own, so that one that crashes or hangs fails alone.

use crate::error::Error;
use crate::plugin::probe::{self, Answer, Called, Calls, Order, Outcome, Report};
use crate::terminal::safe;
use crate::{exit, output, suggest};
use agent_wire::json::check_part;
use agent_wire::message::Resp;
use agent_wire::reply::FactReply;
use agent_wire::{Method, Retcode};
use plugin_api::host::worker::Load;
use plugin_api::host::{self, HostError, Json, Trust};
use plugin_api::{Args, Context, MethodName, ProviderError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The longest reply, in bytes. There is no agent to protect here, so only absurd sizes are
/// rejected.
const MAX_REPLY: usize = 1 << 30;

/// The longest data in `getinfo.all`, as an agent's.
const MAX_PART: usize = 4 << 20;

/// The levels above a plugin's data, in a reply and in a part of `getinfo.all`.
const ABOVE: u32 = 1;
const ABOVE_PART: u32 = 3;

/// Calls `method` and prints its data.
///
/// # Errors
/// [`Error::Usage`] if the name is none, [`Error::Unavailable`] if the plugin cannot be loaded,
/// [`Error::Rejected`] if it rejects the arguments, [`Error::Failed`] with its own error.
pub(crate) fn run(dirs: &[PathBuf], method: &str, args: &str) -> Result<ExitCode, Error> {
    if Method::parse(method) == Method::GetinfoAll {
        return all(dirs, args);
    }
    let name = self::method(method)?;
    let path = find(dirs, &name).map_err(Error::unavailable)?;
    let loaded = host::check(&path).and_then(|checked| host::load(checked, &name));
    let provider = loaded.map_err(|why| Error::unavailable(why.to_string()))?;
    // No deadline: the user can interrupt the call.
    let context = Context::new(nix::unistd::getuid().as_raw(), Duration::ZERO, MAX_REPLY);
    match provider.call(args, &context) {
        Ok(data) => print(&name, &data),
        Err(HostError::Provider(why)) if why.code() == ProviderError::USAGE => {
            Err(Error::rejected(format!("{method}: {why}")))
        }
        Err(HostError::Provider(why)) => Err(Error::failed(format!("{method}: {why}"))),
        Err(why) => Err(Error::failed(why.to_string())),
    }
}

fn print(method: &MethodName, data: &Json) -> Result<ExitCode, Error> {
    // An agent could not send it either. It sends no longer ones at all, and checking 100,000 users
    // takes as long as reading them.
    if data.len() <= MAX_PART {
        check_part(data, ABOVE).map_err(|why| {
            Error::failed(format!("{}: broken: its reply: {}", method.as_str(), why.message))
        })?;
    }
    output::json(data).map(|()| ExitCode::from(exit::DONE))
}

/// Returns the name of a method.
///
/// # Errors
/// [`Error::Usage`] for a text that is none.
pub(crate) fn method(text: &str) -> Result<MethodName, Error> {
    MethodName::parse(text).map_err(|why| {
        let hint =
            if text.contains(char::is_whitespace) { "; arguments go into -a \"…\"" } else { "" };
        Error::usage(format!("\"{}\": {why}{hint}", safe(text)))
    })
}

/// Finds the file of a method's plugin.
///
/// # Errors
/// The reason, with a suggestion if the name looks like a typo.
pub(crate) fn find(dirs: &[PathBuf], method: &MethodName) -> Result<PathBuf, String> {
    if Method::OWN.iter().any(|own| own.name() == method.as_str()) {
        return Err(format!(
            "{} is answered by an agent, not by a plugin: name the agent with --controller and \
             --host; status, task and cron ask this machine's",
            method.as_str()
        ));
    }
    match host::find(dirs, method) {
        Ok((path, _)) => Ok(path),
        Err(why @ HostError::NotFound { .. }) => {
            let known = host::list(dirs).unwrap_or_default().into_iter();
            let known = known.map(|(method, _)| method.to_string());
            Err(format!("{why}{}", suggest::nearest(method.as_str(), known)))
        }
        Err(why) => Err(why.to_string()),
    }
}

/// Why a call returned no data, as an agent reports it.
struct Failure(Retcode, String);

/// A call of `getinfo.all`.
struct FactCall {
    method: String,
    args: String,
    /// The order for the process that makes the call, or why there is none.
    order: Result<Order, Failure>,
}

/// Calls each word of `args`, a method with its arguments; without words, every installed plugin.
/// Prints the reply that an agent sends.
fn all(dirs: &[PathBuf], args: &str) -> Result<ExitCode, Error> {
    let words = Args::parse(args).map_err(|why| Error::usage(format!("-a: {}", why.message())))?;
    let mut texts: Vec<String> = words.words().map(str::to_owned).collect();
    if texts.is_empty() {
        let found = host::list(dirs)
            .map_err(|why| Error::unavailable_by("cannot list the plugins", why))?;
        texts = found.into_iter().map(|(method, _)| method.to_string()).collect();
    }
    let mut calls: Vec<FactCall> = texts.iter().map(|text| fact_call(dirs, text)).collect();
    let orders: Vec<&Order> = calls.iter().filter_map(|call| call.order.as_ref().ok()).collect();
    let mut outcomes = probe::run_all(&orders, probe::LOAD + probe::CALL).into_iter();
    let mut parts = Vec::with_capacity(calls.len());
    for call in calls.drain(..) {
        let data = match call.order {
            Err(failure) => Err(failure),
            Ok(_) => match outcomes.next() {
                Some(Ok(outcome)) => data_of(outcome),
                Some(Err(why)) => {
                    Err(Failure(Retcode::PluginRefused, format!("cannot start its process: {why}")))
                }
                None => Err(Failure(Retcode::PluginRefused, "it was not called".to_owned())),
            },
        };
        parts.push(part(call.method, call.args, data));
    }
    let text = serde_json::to_string(&parts)
        .map_err(|error| Error::failed_by("a reply cannot be written as JSON", error))?;
    output::json(&text)?;
    Ok(parts_status(&parts, words.is_empty()))
}

/// Returns the exit status for the parts of `getinfo.all`. Where no method was named, a provider
/// that needs an argument is not a failure.
pub(crate) fn parts_status(parts: &[FactReply], unnamed: bool) -> ExitCode {
    let is_fine = |part: &FactReply| {
        part.resp == Resp::Success || unnamed && part.retcode == Retcode::InvalidParams.number()
    };
    ExitCode::from(if parts.iter().all(is_fine) { exit::DONE } else { exit::FAILED })
}

fn fact_call(dirs: &[PathBuf], text: &str) -> FactCall {
    let (method, args) = MethodName::split_call(text);
    let order = || {
        if Method::parse(&method) == Method::GetinfoAll {
            let why = "getinfo.all cannot be one of its own methods".to_owned();
            return Err(Failure(Retcode::InvalidParams, why));
        }
        let refused = |why| Failure(Retcode::PluginRefused, why);
        let name = MethodName::parse(&method)
            .map_err(|why| refused(format!("{}: {why}", safe(&method))))?;
        let path = find(dirs, &name).map_err(refused)?;
        Ok(order_of(&name, &path, args))
    };
    FactCall { order: order(), args: args.to_owned(), method }
}

fn order_of(method: &MethodName, path: &Path, args: &str) -> Order {
    let plugin = Load {
        method: method.to_string(),
        path: path.to_owned(),
        trust: Trust::default(),
        keep_root: nix::unistd::geteuid().is_root(),
    };
    let calls = Calls {
        args: args.to_owned(),
        max_reply: MAX_PART,
        more: 0,
        at_most: probe::CALL,
        growth: 0,
    };
    Order { plugin, calls: Some(calls) }
}

fn data_of(outcome: Outcome) -> Result<String, Failure> {
    let failed = |why| Failure(Retcode::PluginFailed, why);
    match outcome {
        Outcome::Report(Report::Loaded { called: Some(Called { answer, .. }), .. }) => match answer
        {
            Answer::Reply(data) => match check_part(&data, ABOVE_PART) {
                Ok(()) => Ok(data),
                Err(why) => Err(failed(format!("broken: its reply: {}", why.message))),
            },
            Answer::Failed { code, message } if code == ProviderError::USAGE => {
                Err(Failure(Retcode::InvalidParams, message))
            }
            Answer::Failed { code, message } => Err(failed(format!("{code}: {message}"))),
            Answer::Broken(why) => Err(failed(why)),
        },
        Outcome::Report(Report::Loaded { .. }) => Err(failed("it was not called".to_owned())),
        Outcome::Report(Report::Refused(why)) => Err(Failure(Retcode::PluginRefused, why)),
        Outcome::Died(how) => {
            Err(Failure(Retcode::PluginCrashed, format!("the plugin crashed: {how}")))
        }
        Outcome::Hung => Err(Failure(
            Retcode::PluginTimedOut,
            format!("no reply within {} s; its process was killed", probe::CALL.as_secs()),
        )),
    }
}

/// Returns the outcome of one call as an agent reports it.
fn part(method: String, args: String, data: Result<String, Failure>) -> FactReply {
    let data = data.and_then(|data| {
        serde_json::value::RawValue::from_string(data)
            .map_err(|why| Failure(Retcode::PluginFailed, format!("its reply is not JSON: {why}")))
    });
    let (resp, retcode, message, data) = match data {
        Ok(data) => (Resp::Success, 0, String::new(), Some(data)),
        Err(Failure(retcode, why)) => (Resp::Failed, retcode.number(), why, None),
    };
    FactReply { method, args, resp, retcode, message, unchanged: false, data }
}
