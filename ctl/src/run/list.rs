//! `run list` and `run targets`.

use super::{checked_id, end, plan};
use crate::cli::{RunList, RunPhase, RunTargets};
use crate::client::{Controller, checked};
use crate::clock;
use crate::control::between;
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::terminal::safe;
use agent_cron::Zone;
use controller_api::{Run, Target, path};

/// The most runs that are listed unless asked for more.
const MOST: usize = 100;

impl Row for Run {
    const HEAD: &'static [&'static str] =
        &["RUN", "STATE", "HOSTS", "OK", "NOT OK", "LEFT", "BY", "MADE", "REQUEST"];
    const WIDE: &'static [&'static str] = &["SELECTOR", "APPLIED", "BY", "ENDED", "WHY", "HASH"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let text = |text: Option<&String>| safe(text.map_or("-", String::as_str));
        let counts = &self.equation;
        let ended = counts.ended();
        let mut cells = vec![
            safe(&self.id),
            end::state(self).to_owned(),
            counts.total.to_string(),
            counts.succeeded.to_string(),
            ended.saturating_sub(counts.succeeded).to_string(),
            counts.total.saturating_sub(ended).to_string(),
            safe(&self.created_by),
            clock::shown(&self.created_at, zone),
            safe(&plan::request(&self.request)),
        ];
        if wide {
            cells.extend([
                text(self.selector.as_ref()),
                clock::cell(self.applied_at.as_ref(), zone),
                text(self.applied_by.as_ref()),
                clock::cell(self.ended_at.as_ref(), zone),
                text(self.why.as_ref()),
                safe(&self.hash),
            ]);
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.id)
    }
}

impl Row for Target {
    const HEAD: &'static [&'static str] = &["HOST", "STAGE", "STATE", "CODE", "ENDED", "WHY"];
    const WIDE: &'static [&'static str] = &["SENT", "ACCEPTED", "OUTPUT", "CHANGE"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let mut cells = vec![
            safe(&self.host),
            self.stage.to_string(),
            self.state.name().to_owned(),
            self.code.map_or_else(|| "-".to_owned(), |code| code.to_string()),
            clock::cell(self.ended_at.as_ref(), zone),
            safe(self.why.as_deref().unwrap_or("-")),
        ];
        if wide {
            cells.extend([
                clock::cell(self.sent_at.as_ref(), zone),
                clock::cell(self.accepted_at.as_ref(), zone),
                safe(self.digest.as_deref().unwrap_or("-")),
                self.change.to_string(),
            ]);
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.host)
    }
}

/// `run list`.
///
/// # Errors
/// Any [`Error`].
pub(super) fn runs(controller: &Controller, list: &RunList) -> Result<(), Error> {
    let mut parts = between(&list.between)?;
    if let Some(state) = list.state {
        let state = match state {
            RunPhase::Planned => "planned",
            RunPhase::Running => "running",
            RunPhase::Stopping => "stopping",
            RunPhase::Ended => "ended",
        };
        parts.push(format!("state={state}"));
    }
    if let Some(operator) = &list.operator {
        parts.push(format!("operator={}", path::segment(operator)));
    }
    if let Some(host) = &list.host {
        parts.push(format!("host={}", path::segment(checked(host)?)));
    }
    let most = list.between.limit.map_or(MOST, usize::from);
    let runs = List::new(path::with_query(path::RUNS, &parts), "runs");
    listing::first::<Run>(controller, &runs, list.output.format(), most)
}

/// `run targets`.
///
/// # Errors
/// Any [`Error`].
pub(super) fn targets(controller: &Controller, targets: &RunTargets) -> Result<(), Error> {
    let mut parts = Vec::new();
    if let Some(state) = targets.state {
        parts.push(format!("state={}", state.name()));
    }
    if let Some(stage) = targets.stage {
        parts.push(format!("stage={stage}"));
    }
    let path = path::with_query(&path::run_targets(checked_id(&targets.id)?), &parts);
    listing::run::<Target>(controller, &List::new(path, "targets"), targets.output.format())
}
