//! The findings of each step of a check, and the verdict.

use crate::terminal::safe;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    Warn,
    Fault,
}

/// The finding of one step.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    level: Level,
    step: &'static str,
    text: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Verdict {
    pub(super) fit: bool,
    findings: Vec<Finding>,
}

impl Verdict {
    fn add(&mut self, level: Level, step: &'static str, text: impl Into<String>) {
        self.findings.push(Finding { level, step, text: safe(&text.into()) });
    }

    pub(super) fn ok(&mut self, step: &'static str, text: impl Into<String>) {
        self.add(Level::Ok, step, text);
    }

    pub(super) fn warn(&mut self, step: &'static str, text: impl Into<String>) {
        self.add(Level::Warn, step, text);
    }

    pub(super) fn fault(&mut self, step: &'static str, text: impl Into<String>) {
        self.add(Level::Fault, step, text);
    }

    pub(super) fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// Formats the findings as lines, and the verdict as the last.
    pub(super) fn for_people(&self) -> String {
        let verdict = self;
        let width = verdict.findings.iter().map(|finding| finding.step.len()).max().unwrap_or(0);
        let mut text = String::new();
        for Finding { level, step, text: found } in &verdict.findings {
            let level = match level {
                Level::Ok => "ok   ",
                Level::Warn => "warn ",
                Level::Fault => "FAULT",
            };
            text.push_str(&format!("{level}  {step:width$}  {found}\n"));
        }
        let count = |level, one: &str, many: &str| match verdict.count(level) {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let warnings = count(Level::Warn, "warning", "warnings");
        text + &match verdict.fit {
            true => format!("verdict: fit, {warnings}\n"),
            false => format!(
                "verdict: not fit, {}, {warnings}\n",
                count(Level::Fault, "fault", "faults")
            ),
        }
    }
}
