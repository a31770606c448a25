//! What runs in `BasicAgent --plugin-worker`: one plugin, one call at a time, until the daemon
//! closes the channel.
//!
//! Root is dropped *before* the plugin is mapped, so that its constructors run without it as well.
//! This contains a plugin's mistakes; against malice the file's ownership has to stand.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use nix::unistd::dup2_stdin;
use plugin_api::host::{self, HostError, LoadedProvider};
use plugin_api::{Context, MethodName};

use super::frame::{Answer, Blocking, Call, Job, MAX_REPLY};

/// The argument that makes `BasicAgent` a worker.
pub(crate) const WORKER_FLAG: &str = "--plugin-worker";

/// The worker's main function. Standard input is the channel to the daemon.
pub(crate) fn worker_main() -> ExitCode {
    match take_channel().and_then(|channel| serve(Blocking::new(channel))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            // The daemon reads this and logs it.
            eprintln!("plugin worker: {err}");
            ExitCode::FAILURE
        }
    }
}

/// Moves the channel away from descriptor 0, where a plugin that reads its input would eat it.
fn take_channel() -> io::Result<UnixStream> {
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    dup2_stdin(std::fs::File::open("/dev/null")?)?;
    Ok(UnixStream::from(channel))
}

fn serve(mut channel: Blocking) -> io::Result<()> {
    let Some(job) = channel.receive::<Job>()? else { return Ok(()) };
    let provider = match load(&job) {
        Ok(provider) => provider,
        Err(why) => return channel.send(&Answer::Refused(why)),
    };
    let description = serde_json::value::to_raw_value(provider.describe())?;
    channel.send(&Answer::Ok(description))?;
    while let Some(call) = channel.receive::<Call>()? {
        let context = Context::new(call.caller_uid, Duration::from_millis(call.deadline_ms), MAX_REPLY);
        match provider.call(&call.args, &context) {
            Ok(reply) => channel.send_reply(&reply)?,
            Err(HostError::Provider(err)) => channel.send(&Answer::Failed(err))?,
            Err(err) => channel.send(&Answer::Broken(err.to_string()))?,
        }
    }
    Ok(())
}

fn load(job: &Job) -> Result<LoadedProvider, String> {
    let method = MethodName::parse(&job.method).map_err(|err| err.to_string())?;
    // As root still: the walk needs no permission of the plugin's own.
    let checked = host::check(&job.path).map_err(|err| err.to_string())?;
    job.trust.vouch(&checked).map_err(|err| err.to_string())?;
    host::confine(job.keep_root).map_err(|err| format!("the worker could not be confined: {err}"))?;
    host::load(checked, &method).map_err(|err| err.to_string())
}
