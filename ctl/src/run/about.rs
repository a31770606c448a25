//! `run show`, `run output` and `run cancel`.

use super::end::{equation, last_line, state};
use super::{checked_id, outputs, parsed, plan};
use crate::cli::{RunAbout, RunCancel, RunOutput};
use crate::client::{Controller, checked};
use crate::error::Error;
use crate::print::{Record, document};
use crate::terminal::{confirm, safe};
use crate::{clock, outcome, output, query};
use agent_wire::message::Data;
use controller_api::{OutputList, Plan, Run, RunState, TargetResult, path};
use std::io::{self, IsTerminal as _};
use ureq::http::Method;

/// `run show`. A plan that is not applied shows the hosts that would not run it.
///
/// # Errors
/// Any [`Error`].
pub(super) fn show(controller: &Controller, show: &RunAbout) -> Result<(), Error> {
    let id = checked_id(&show.id)?;
    let text = controller.read(&path::run(id))?;
    document(&text, show.output.format(), || {
        let run: Run = parsed(&text)?;
        match run.state {
            RunState::Planned => {
                let plan: Plan = parsed(&controller.read(&path::plan(id))?)?;
                plan::whole(controller, &plan)
            }
            _ => Ok(shown(&run)),
        }
    })
}

fn shown(run: &Run) -> String {
    let zone = clock::here();
    let time = |text: &Option<String>| text.as_ref().map(|text| clock::shown(text, &zone));
    let mut record = Record::default();
    record
        .add("run", &run.id)
        .add("state", state(run))
        .some("why", run.why.as_ref())
        .add("hosts", equation(&run.equation))
        .add("request", plan::request(&run.request))
        .some(
            "selector",
            run.selector.as_ref().map(|text| match text.as_str() {
                "" => "all hosts",
                text => text,
            }),
        );
    for stage in &run.stages {
        let failed = match stage.failed {
            0 => String::new(),
            failed => format!(", {failed} without success"),
        };
        record.add("stage", format!("{} of {} ended{failed}", stage.ended, stage.size));
    }
    record
        .add("hash", &run.hash)
        .add("planned", format!("{} by {}", clock::shown(&run.created_at, &zone), run.created_by))
        .some(
            "applied",
            time(&run.applied_at).map(|at| match &run.applied_by {
                Some(name) => format!("{at} by {name}"),
                None => at,
            }),
        )
        .some("not after", time(&run.options.not_after))
        .some("ended", time(&run.ended_at));
    record.text()
}

/// `run output`.
///
/// # Errors
/// Any [`Error`].
pub(super) fn output(controller: &Controller, wanted: &RunOutput) -> Result<(), Error> {
    let id = checked_id(&wanted.id)?;
    let format = wanted.output.format();
    if let Some(host) = &wanted.host {
        let text = controller.read(&path::run_target(id, checked(host)?))?;
        return document(&text, format, || {
            let found: TargetResult = parsed(&text)?;
            of_one(&found)
        });
    }
    let text = controller.read(&outputs::path(id))?;
    document(&text, format, || {
        let list: OutputList = parsed(&text)?;
        let run: Run = parsed(&controller.read(&path::run(id))?)?;
        Ok(outputs::text(controller, &run, &list)? + &last_line(&run))
    })
}

/// Returns one host's whole output: as it is for a pipe, harmless for a terminal.
fn of_one(found: &TargetResult) -> Result<String, Error> {
    let Some(result) = &found.result else {
        return Err(Error::failed(format!(
            "no result: {}",
            super::end::failed_line(&found.target)
        )));
    };
    let response = query::response(result.get())?;
    let text = match &response.data {
        None => String::new(),
        Some(Data::Json(value)) => {
            output::for_people(value.get()).unwrap_or_else(|| value.get().to_owned()) + "\n"
        }
        Some(Data::Text(text)) => {
            let bytes = outcome::decoded(text, response.encoding.is_some())?;
            if !io::stdout().is_terminal() {
                // Bytes that are no text go through unchanged.
                output::bytes(&bytes)?;
                return Ok(String::new());
            }
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    if !io::stdout().is_terminal() {
        return Ok(text);
    }
    Ok(text.lines().map(|line| safe(&line.replace('\t', "    ")) + "\n").collect())
}

/// `run cancel`.
///
/// # Errors
/// Any [`Error`].
pub(super) fn cancel(controller: &Controller, cancel: &RunCancel) -> Result<(), Error> {
    let id = checked_id(&cancel.id)?;
    confirm(&format!("cancel run {id}: kill its commands and start no more"), cancel.yes.yes)?;
    let text = controller.change::<()>(&Method::POST, &path::run_cancel(id), None)?;
    let run: Run = parsed(&text)?;
    output::bytes(last_line(&run).as_bytes())
}
