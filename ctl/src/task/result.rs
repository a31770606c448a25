//! `task result`: prints a stored result as `exec` prints the reply to its command.

use crate::cli::{Remote, TaskResult};
use crate::error::Error;
use crate::outcome;
use agent_wire::json::quote;
use controller_api::MAX_WAIT_SECONDS;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The longest wait in one request.
const MAX_WAIT: Duration = Duration::from_secs(MAX_WAIT_SECONDS);

/// The pause before a request to a lost controller is repeated.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints the result and returns the command's exit status.
///
/// # Errors
/// [`Error::Failed`] if there is no result within the wait, or the command did not exit by itself.
pub(super) fn run(remote: &Remote, wanted: &TaskResult) -> Result<ExitCode, Error> {
    let end = Instant::now() + Duration::from_secs(wanted.wait);
    let mut replied = false;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // Whole seconds, rounded up, so that the last request waits for the remaining fraction.
        let wait =
            Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)).min(MAX_WAIT);
        let found = match remote.controller.result(&remote.host, &wanted.task, wait) {
            Ok(found) => found,
            // A controller that replied before is expected back.
            Err(error @ (Error::Unreachable(_) | Error::NoReply(_)))
                if left > PAUSE && (replied || matches!(error, Error::NoReply(_))) =>
            {
                replied = true;
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        replied = true;
        match found {
            Some(event) => return outcome::print(&event, wanted.json),
            None if left > MAX_WAIT => {}
            None => {
                let task = quote(&wanted.task);
                return Err(Error::failed(format!(
                    "no result for task \"{task}\": unknown, or not finished"
                )));
            }
        }
    }
}
