//! `-c METHOD` on this machine: loads the plugin into this process and calls it once; `getinfo.all`
//! calls several.

use crate::error::Error;
use crate::{exit, output};
use agent_wire::json::{check_part, one_line};
use agent_wire::message::Resp;
use agent_wire::reply::FactReply;
use agent_wire::{Method, Retcode};
use plugin_api::host::{self, HostError, Json};
use plugin_api::{Args, Context, MethodName, ProviderError};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The longest reply, in bytes. There is no agent to protect here, so only absurd sizes are
/// rejected.
const MAX_REPLY: usize = 1 << 30;

/// Calls `method` and prints its data.
///
/// # Errors
/// [`Error::Unavailable`] if the plugin cannot be loaded, [`Error::Failed`] with the plugin's own
/// error.
pub(crate) fn run(dirs: &[PathBuf], method: &str, args: &str) -> Result<ExitCode, Error> {
    if Method::parse(method) == Method::GetinfoAll {
        return all(dirs, args);
    }
    match call(dirs, method, args, 1) {
        Ok(data) => output::json(&data).map(|()| ExitCode::from(exit::DONE)),
        Err(Failure::NotLoaded(why)) => Err(Error::unavailable(why)),
        Err(Failure::Provider(why)) => Err(Error::failed(format!("{method}: {why}"))),
        Err(Failure::Broken(why)) => Err(Error::failed(why)),
    }
}

/// Why a call returned no data.
enum Failure {
    NotLoaded(String),
    Provider(ProviderError),
    Broken(String),
}

/// Calls one plugin. Its data becomes a part of a reply, this many levels deep.
fn call(dirs: &[PathBuf], method: &str, args: &str, above: u32) -> Result<Json, Failure> {
    let not_loaded = |why: &dyn std::fmt::Display| Failure::NotLoaded(why.to_string());
    let method = MethodName::parse(method)
        .map_err(|why| not_loaded(&format_args!("{}: {why}", one_line(method))))?;
    let provider = host::open(dirs, &method).map_err(|why| not_loaded(&why))?;
    // No deadline: the user can interrupt the call.
    let context = Context::new(nix::unistd::getuid().as_raw(), Duration::ZERO, MAX_REPLY);
    let data = provider.call(args, &context).map_err(|why| match why {
        HostError::Provider(why) => Failure::Provider(why),
        why => Failure::Broken(why.to_string()),
    })?;
    // An agent could not send it either.
    check_part(&data, above)
        .map_err(|why| Failure::Broken(format!("{method}: broken: its reply: {}", why.message)))?;
    Ok(data)
}

/// Calls each word of `args`, a method with its arguments; without words, every installed plugin.
/// Prints the reply that an agent sends, and returns whether all calls succeeded as exit status.
fn all(dirs: &[PathBuf], args: &str) -> Result<ExitCode, Error> {
    let words = Args::parse(args).map_err(|why| Error::failed_by("invalid arguments", why))?;
    let mut texts: Vec<String> = words.words().map(str::to_owned).collect();
    if texts.is_empty() {
        let found = host::list(dirs)
            .map_err(|why| Error::unavailable_by("cannot list the plugins", why))?;
        texts = found.into_iter().map(|(method, _)| method.to_string()).collect();
    }
    let mut parts = Vec::with_capacity(texts.len());
    for text in &texts {
        let (method, args) = MethodName::split_call(text);
        let reply = match Method::parse(&method) {
            Method::GetinfoAll => {
                Err(Failure::NotLoaded("getinfo.all cannot be one of its own methods".to_owned()))
            }
            _ => call(dirs, &method, args, 3),
        };
        parts.push(part(method, args, reply)?);
    }
    let text = serde_json::to_string(&parts)
        .map_err(|error| Error::failed_by("a reply cannot be written as JSON", error))?;
    output::json(&text)?;
    let all_succeeded = parts.iter().all(|part| part.resp == Resp::Success);
    Ok(ExitCode::from(if all_succeeded { exit::DONE } else { exit::FAILED }))
}

/// Returns the outcome of one call as an agent reports it.
fn part(method: String, args: &str, reply: Result<Json, Failure>) -> Result<FactReply, Error> {
    let (retcode, message) = match reply {
        Ok(data) => {
            let data = serde_json::from_str(&data).map_err(|error| {
                Error::failed_by(format!("{method}: its reply is not JSON"), error)
            })?;
            return Ok(FactReply {
                method,
                args: args.to_owned(),
                resp: Resp::Success,
                retcode: 0,
                message: String::new(),
                data: Some(data),
            });
        }
        Err(Failure::NotLoaded(why)) => (Retcode::PluginRefused, why),
        Err(Failure::Provider(why)) if why.code() == ProviderError::USAGE => {
            (Retcode::InvalidParams, why.message().to_owned())
        }
        Err(Failure::Provider(why)) => (Retcode::PluginFailed, why.to_string()),
        Err(Failure::Broken(why)) => (Retcode::PluginFailed, why),
    };
    Ok(FactReply {
        method,
        args: args.to_owned(),
        resp: Resp::Failed,
        retcode: retcode.number(),
        message,
        data: None,
    })
}
