//! `-c METHOD` on this machine: the plugin is loaded into this process and called once; `getinfo.all` loads several.

use crate::error::Error;
use crate::{exit, output};
use agent_wire::Retcode;
use agent_wire::json::one_line;
use agent_wire::message::Resp;
use plugin_api::host::{self, HostError, Json};
use plugin_api::{Args, Context, MethodName, ProviderError};
use serde::Serialize;
use serde_json::value::RawValue;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The longest answer taken, in bytes. There is no agent to protect here: only nonsense is refused.
const MAX_REPLY: usize = 1 << 30;

/// The method that asks several.
const ALL: &str = "getinfo.all";

/// What came of one call, as an agent tells it.
#[derive(Serialize)]
struct Part<'a> {
    method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    args: &'a str,
    resp: Resp,
    retcode: u16,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// Calls `method` and prints its data.
///
/// # Errors
/// [`Error::NotAsked`] when there is no plugin that can be loaded, [`Error::Failed`] with its own error.
pub(crate) fn run(dirs: &[PathBuf], method: &str, args: &str) -> Result<ExitCode, Error> {
    if method == ALL {
        return all(dirs, args);
    }
    match call(dirs, method, args) {
        Ok(data) => output::json(&data).map(|()| ExitCode::from(exit::DONE)),
        Err(Failure::NotAsked(why)) => Err(Error::NotAsked(why)),
        Err(Failure::Provider(why)) => Err(Error::Failed(format!("{method}: {why}"))),
        Err(Failure::Broken(why)) => Err(Error::Failed(why)),
    }
}

/// Why a call has no data.
enum Failure {
    NotAsked(String),
    Provider(ProviderError),
    Broken(String),
}

fn call(dirs: &[PathBuf], method: &str, args: &str) -> Result<Json, Failure> {
    let not_asked = |why: &dyn std::fmt::Display| Failure::NotAsked(why.to_string());
    let method =
        MethodName::parse(method).map_err(|why| not_asked(&format_args!("{}: {why}", one_line(method))))?;
    let provider = host::open(dirs, &method).map_err(|why| not_asked(&why))?;
    // No deadline: whoever asks here can interrupt it.
    let context = Context::new(nix::unistd::getuid().as_raw(), Duration::ZERO, MAX_REPLY);
    provider.call(args, &context).map_err(|why| match why {
        HostError::Provider(why) => Failure::Provider(why),
        why => Failure::Broken(why.to_string()),
    })
}

/// Each word is a method and its arguments; without any, every plugin that is installed. Prints what an agent answers to
/// it, and says by its status whether all have answered.
fn all(dirs: &[PathBuf], args: &str) -> Result<ExitCode, Error> {
    let words = Args::parse(args).map_err(|why| Error::Failed(why.to_string()))?;
    let mut texts: Vec<String> = words.words().map(str::to_owned).collect();
    if texts.is_empty() {
        let found = host::list(dirs).map_err(|why| Error::NotAsked(why.to_string()))?;
        texts = found.into_iter().map(|(method, _)| method.to_string()).collect();
    }
    let calls: Vec<_> = texts
        .iter()
        .map(|text| {
            let (method, args) = MethodName::split_call(text);
            let answer = match &*method {
                ALL => Err(Failure::NotAsked(format!("{ALL} can't be among its own methods"))),
                method => call(dirs, method, args),
            };
            (method, args, answer)
        })
        .collect();
    let parts = calls.iter().map(|(method, args, answer)| Part::new(method, args, answer));
    let parts = parts.collect::<Result<Vec<Part<'_>>, Error>>()?;
    let text = serde_json::to_string(&parts).map_err(|error| Error::Failed(error.to_string()))?;
    output::json(&text)?;
    let all_well = calls.iter().all(|(_, _, answer)| answer.is_ok());
    Ok(ExitCode::from(if all_well { exit::DONE } else { exit::FAILED }))
}

impl<'a> Part<'a> {
    fn new(method: &'a str, args: &'a str, answer: &'a Result<Json, Failure>) -> Result<Self, Error> {
        let failed = |retcode: Retcode, message: String| Self {
            method,
            args,
            resp: Resp::Failed,
            retcode: retcode.number(),
            message,
            data: None,
        };
        Ok(match answer {
            Ok(data) => {
                let data = serde_json::from_str(data)
                    .map_err(|error| Error::Failed(format!("{method}: its answer is not JSON: {error}")))?;
                Self {
                    method,
                    args,
                    resp: Resp::Success,
                    retcode: 0,
                    message: String::new(),
                    data: Some(data),
                }
            }
            Err(Failure::NotAsked(why)) => failed(Retcode::PluginRefused, why.clone()),
            Err(Failure::Provider(why)) if why.code() == ProviderError::USAGE => {
                failed(Retcode::InvalidParams, why.message().to_owned())
            }
            Err(Failure::Provider(why)) => failed(Retcode::PluginFailed, why.to_string()),
            Err(Failure::Broken(why)) => failed(Retcode::PluginFailed, why.clone()),
        })
    }
}
