//! `cron next`: when a schedule runs.

use super::plan::{Plan, told};
use super::{batch, instant};
use crate::cli::CronNext;
use crate::error::Error;
use crate::{exit, output};
use std::process::ExitCode;

/// Prints the times.
///
/// # Errors
/// When the calendar can't be read, or the times can't be written.
pub(super) fn run(next: &CronNext) -> Result<ExitCode, Error> {
    if next.when.expression() == "-" {
        return batch::run(next);
    }
    let plan = match Plan::read(&next.when)? {
        Ok(plan) => plan,
        Err(refusal) => {
            if next.json {
                output::json(&serde_json::json!({ "error": refusal.why }).to_string())?;
            }
            refusal.tell(next.when.expression());
            return Ok(ExitCode::from(exit::FAILED));
        }
    };
    plan.warn();
    let times = plan.next(usize::from(next.count));
    if next.json {
        output::json(&serde_json::json!({ "next": told(&times) }).to_string())?;
    } else {
        let lines = times.iter().map(|&at| instant::local(at, &plan.zone) + "\n");
        output::bytes(lines.collect::<String>().as_bytes())?;
        if times.len() < usize::from(next.count) {
            output::error(&"no more until the end of 2100, where the search ends");
        }
    }
    Ok(ExitCode::from(exit::DONE))
}
