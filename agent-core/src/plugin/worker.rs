//! The program behind `BasicAgent --plugin-worker`: one plugin, one call at a time, until the
//! daemon closes the channel.
//!
//! A worker contains a plugin's mistakes. Against malice, only the checks of the file's owner,
//! checksum and signature protect.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use plugin_api::Context;
use plugin_api::host::HostError;
use plugin_api::host::worker::{Frames, take_channel};

use super::message::{Answer, Call, Load, MAX_FRAME, MAX_REPLY, reply_frame};

/// The argument that makes `BasicAgent` a worker.
pub(crate) const WORKER_FLAG: &str = "--plugin-worker";

/// Runs a worker. Standard input is the channel to the daemon.
pub(crate) fn worker_main() -> ExitCode {
    match take_channel().and_then(|channel| serve(Frames::new(channel, MAX_FRAME))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            // The daemon reads this and logs it.
            eprintln!("plugin worker: {err}");
            ExitCode::FAILURE
        }
    }
}

fn serve(mut channel: Frames) -> io::Result<()> {
    let Some(load) = channel.receive::<Load>()? else { return Ok(()) };
    let provider = match load.open() {
        Ok(provider) => provider,
        Err(why) => return channel.send(&Answer::Refused(why)),
    };
    let description = serde_json::value::to_raw_value(provider.describe())?;
    channel.send(&Answer::Ok(description))?;
    while let Some(call) = channel.receive::<Call>()? {
        let deadline = Duration::from_millis(call.deadline_ms);
        let context = Context::new(call.caller_uid, deadline, MAX_REPLY);
        match provider.call(&call.args, &context) {
            Ok(reply) => channel.send_frame(&reply_frame(&reply)?)?,
            Err(HostError::Provider(err)) => channel.send(&Answer::Failed(err))?,
            Err(err) => channel.send(&Answer::Broken(err.to_string()))?,
        }
    }
    Ok(())
}
