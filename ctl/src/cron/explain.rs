//! `cron explain`: explains a schedule in words.

use super::instant;
use super::plan::{Plan, utc_texts};
use crate::cli::CronExplain;
use crate::error::Error;
use crate::{exit, output};
use std::fmt::Write as _;
use std::process::ExitCode;

/// Prints the schedule in words, in canonical form, and with its next runs.
///
/// # Errors
/// If the calendar cannot be read, or the text cannot be written.
pub(super) fn run(explain: &CronExplain) -> Result<ExitCode, Error> {
    let plan = match Plan::read(&explain.when)? {
        Ok(plan) => plan,
        Err(refusal) => {
            if explain.json {
                output::json(&serde_json::json!({ "error": refusal.why }).to_string())?;
            }
            refusal.print(explain.when.expression());
            return Ok(ExitCode::from(exit::FAILED));
        }
    };
    let times = plan.next(usize::from(explain.count));
    if explain.json {
        let warnings: Vec<String> =
            plan.expression.warnings().iter().map(ToString::to_string).collect();
        let value = serde_json::json!({
            "explain": plan.expression.explain(),
            "schedule": plan.expression.to_string(),
            "timezone": plan.zone.name(),
            "warnings": warnings,
            "next": utc_texts(&times),
        });
        output::json(&value.to_string())?;
    } else {
        plan.warn();
        output::bytes(text(&plan, &times).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn text(plan: &Plan, times: &[i64]) -> String {
    let mut text = format!("{}\n\n", plan.expression.explain());
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(text, "{name:10}{value}");
    };
    line("schedule", &plan.expression);
    line("time zone", &plan.zone.name());
    for (index, &at) in times.iter().enumerate() {
        line(if index == 0 { "next" } else { "" }, &instant::local(at, &plan.zone));
    }
    if times.is_empty() {
        line("next", &"not before 2101");
    }
    text
}
