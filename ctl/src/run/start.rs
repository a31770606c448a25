//! Starts a run: shows the plan, asks, applies it, and follows it.

use super::{checked_id, detach, parsed, plan, request, watch};
use crate::cli::{Going, RunAgain, RunApply, RunStart};
use crate::client::Controller;
use crate::error::Error;
use crate::print::{Format, document};
use crate::terminal::{confirm, is_interactive};
use crate::{exit, output};
use controller_api::{Again, Plan, Run, path};
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
    carry_out(controller, &text, start.plan, &start.going)
}

/// Starts the run of a plan that was made before.
///
/// # Errors
/// Any [`Error`].
pub(super) fn apply(controller: &Controller, apply: &RunApply) -> Result<ExitCode, Error> {
    must_be_askable(&apply.going, false)?;
    let text = controller.read(&path::plan(checked_id(&apply.id)?))?;
    carry_out(controller, &text, false, &apply.going)
}

/// Plans a run's request again on hosts that did not succeed, and starts that run.
///
/// # Errors
/// Any [`Error`].
pub(super) fn again(controller: &Controller, again: &RunAgain) -> Result<ExitCode, Error> {
    must_be_askable(&again.going, again.plan)?;
    let states = Some(again.state.clone()).filter(|states| !states.is_empty());
    let text = controller.create(&path::run_again(checked_id(&again.id)?), &Again { states })?;
    carry_out(controller, &text, again.plan, &again.going)
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
    let (text, run) = applied(controller, &plan.id)?;
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

fn applied(controller: &Controller, id: &str) -> Result<(String, Run), Error> {
    let path = path::plan_apply(id);
    let mut tries = 1;
    loop {
        match controller.change::<()>(&Method::POST, &path, None) {
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
