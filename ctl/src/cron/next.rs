//! `cron next`: prints the next times of a schedule.

use super::plan::{Plan, utc_texts};
use super::{batch, instant};
use crate::cli::CronNext;
use crate::error::Error;
use crate::{exit, output};
use std::process::ExitCode;

/// Prints the times.
///
/// # Errors
/// If the calendar cannot be read, or the times cannot be written.
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
            refusal.print(next.when.expression());
            return Ok(ExitCode::from(exit::FAILED));
        }
    };
    plan.warn();
    let times = plan.next(usize::from(next.count));
    if next.json {
        output::json(&serde_json::json!({ "next": utc_texts(&times) }).to_string())?;
    } else {
        let lines = times.iter().map(|&at| instant::local(at, &plan.zone) + "\n");
        output::bytes(lines.collect::<String>().as_bytes())?;
        if times.len() < usize::from(next.count) {
            output::error(&"no more times before 2101, where the search ends");
        }
    }
    Ok(ExitCode::from(exit::DONE))
}
