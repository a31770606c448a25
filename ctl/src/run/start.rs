//! Starts a run: shows the plan, asks, applies it, and follows it.

use super::{checked_id, detach, parsed, plan, request, watch};
use crate::cli::{Going, RunAgain, RunApply, RunStart};
use crate::client::Controller;
use crate::error::Error;
use crate::print::{Format, document};
use crate::terminal::{confirm, is_interactive};
use crate::{exit, output};
use controller_api::{Again, ApplyPlan, MAX_SIGNATURE, MAX_SIGNATURES, Plan, Run, path};
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use ureq::http::Method;

/// How often a plan is applied before its reply counts as lost. A plan is applied once, however
/// often it is asked for.
const TRIES: u32 = 3;

/// The pause before the next try.
const PAUSE: Duration = Duration::from_secs(1);

/// Makes a plan and starts its run.
///
/// # Errors
/// Any [`Error`].
pub(super) fn new(controller: &Controller, start: &RunStart) -> Result<ExitCode, Error> {
    let body = request::new_plan(start)?;
    must_be_askable(&start.going, start.plan)?;
    let text = controller.create(path::PLANS, &body)?;
    carry_out(controller, &text, &ApplyPlan::default(), start.plan, &start.going)
}

/// Starts the run of a plan that was made before.
///
/// # Errors
/// Any [`Error`].
pub(super) fn apply(controller: &Controller, apply: &RunApply) -> Result<ExitCode, Error> {
    must_be_askable(&apply.going, false)?;
    let with = ApplyPlan { signatures: signatures(&apply.signature)? };
    let text = controller.read(&path::plan(checked_id(&apply.id)?))?;
    carry_out(controller, &text, &with, false, &apply.going)
}

/// Plans a run's request again on hosts that did not succeed, and starts that run.
///
/// # Errors
/// Any [`Error`].
pub(super) fn again(controller: &Controller, again: &RunAgain) -> Result<ExitCode, Error> {
    must_be_askable(&again.going, again.plan)?;
    let states = Some(again.state.clone()).filter(|states| !states.is_empty());
    let text = controller.create(&path::run_again(checked_id(&again.id)?), &Again { states })?;
    carry_out(controller, &text, &ApplyPlan::default(), again.plan, &again.going)
}

/// Reads signatures, without the line feeds that editors and tools put behind them.
fn signatures(files: &[PathBuf]) -> Result<Vec<String>, Error> {
    if files.len() > MAX_SIGNATURES {
        return Err(Error::usage(format!("a plan has at most {MAX_SIGNATURES} signatures")));
    }
    let read = |file: &PathBuf| {
        let name = file.display();
        let mut text = String::new();
        // One byte more than a signature and its line feed.
        let most = MAX_SIGNATURE as u64 + 2;
        File::open(file)
            .and_then(|file| file.take(most).read_to_string(&mut text))
            .map_err(|error| Error::unavailable_by(name.to_string(), error))?;
        let signature = text.trim_end_matches('\n');
        if (1..=MAX_SIGNATURE).contains(&signature.len()) {
            return Ok(signature.to_owned());
        }
        Err(Error::unavailable(format!(
            "{name}: a signature has 1 to {MAX_SIGNATURE} bytes; this file has {}",
            if signature.is_empty() { "none" } else { "more" }
        )))
    };
    files.iter().map(read).collect()
}

/// Stops before anything is asked of the hosts where nobody could answer the question.
fn must_be_askable(going: &Going, only_plan: bool) -> Result<(), Error> {
    if only_plan || going.yes.yes || is_interactive() {
        return Ok(());
    }
    Err(Error::usage(
        "there is no terminal to ask whether the plan is right: repeat it with --yes, or look at \
         the plan with --plan",
    ))
}

/// Shows the plan `text`, asks, and starts its run.
fn carry_out(
    controller: &Controller,
    text: &str,
    with: &ApplyPlan,
    only_plan: bool,
    going: &Going,
) -> Result<ExitCode, Error> {
    let plan: Plan = parsed(text)?;
    let format = going.output.format();
    if only_plan {
        match format {
            Format::Name => output::bytes(format!("{}\n", plan.id).as_bytes())?,
            _ => document(text, format, || {
                let hint = format!("\nStart it with: BasicAgentCtl run apply {}\n", plan.id);
                Ok(plan::whole(controller, &plan)? + &hint)
            })?,
        }
        return Ok(ExitCode::from(exit::DONE));
    }
    if plan.total == 0 {
        return Err(Error::unavailable("no host is in the plan: nothing was started"));
    }
    output::error_lines(&plan::whole(controller, &plan)?);
    let hosts = if plan.total == 1 { "1 host".to_owned() } else { format!("{} hosts", plan.total) };
    confirm(&format!("run this on {hosts}"), going.yes.yes)?;
    detach::on_interrupt(&plan.id)?;
    let (text, run) = applied(controller, &plan.id, with)?;
    if going.detach {
        match format {
            Format::Name => output::bytes(format!("{}\n", run.id).as_bytes())?,
            _ => document(&text, format, || {
                Ok(format!("run {} goes on; follow it with: BasicAgentCtl run watch {0}\n", run.id))
            })?,
        }
        return Ok(ExitCode::from(exit::DONE));
    }
    watch::follow(controller, run, format)
}

fn applied(controller: &Controller, id: &str, with: &ApplyPlan) -> Result<(String, Run), Error> {
    let path = path::plan_apply(id);
    let mut tries = 1;
    loop {
        match controller.change(&Method::POST, &path, Some(with)) {
            Err(Error::NoReply(_)) if tries < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            Err(error @ Error::NoReply(_)) => {
                let hint = format!("; it may have started: BasicAgentCtl run show {id}");
                return Err(error.with_hint(&hint));
            }
            done => {
                let text = done?;
                let run = parsed(&text)?;
                return Ok((text, run));
            }
        }
    }
}
