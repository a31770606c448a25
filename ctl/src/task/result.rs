//! `task result`: what the controller keeps of a task, as `exec` would have printed it.

use crate::cli::TaskResult;
use crate::client::Controller;
use crate::error::Error;
use crate::outcome;
use agent_wire::json::quote;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The longest wait that the controller takes in one request.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// How long until a controller that has gone is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// Prints the result and gives the command's exit status.
///
/// # Errors
/// [`Error::Failed`] when there is none within the wait or the command did not end by itself.
pub(super) fn run(controller: &Controller, host: &str, wanted: &TaskResult) -> Result<ExitCode, Error> {
    let end = Instant::now() + Duration::from_secs(wanted.wait);
    let mut known = false;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // Whole seconds, rounded up: the last round waits for the rest of one.
        let wait = Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)).min(MAX_WAIT);
        let found = match controller.result(host, &wanted.task, wait) {
            Ok(found) => found,
            // Once it was there, the controller comes back.
            Err(error @ (Error::Away(_) | Error::Unanswered(_)))
                if left > PAUSE && (known || matches!(error, Error::Unanswered(_))) =>
            {
                known = true;
                std::thread::sleep(PAUSE);
                continue;
            }
            Err(error) => return Err(error),
        };
        known = true;
        match found {
            Some(event) => return outcome::print(&event, wanted.json),
            None if left > MAX_WAIT => {}
            None => {
                let why = format!("there is no result of the task \"{}\" yet", quote(&wanted.task));
                return Err(Error::Failed(why));
            }
        }
    }
}
