//! Follows a run to its end: asks for its changes, each time waiting until there are some, and
//! draws them. A controller that is away is waited for; the changes then go on behind the last one
//! that was seen.

use super::bar::Bar;
use super::{checked_id, detach, end, parsed};
use crate::cli::RunAbout;
use crate::client::Controller;
use crate::error::Error;
use crate::output;
use crate::print::Format;
use crate::terminal::Progress;
use controller_api::{ChangeList, MAX_WAIT_SECONDS, Run, RunState, path};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The most changes in one page.
const PAGE: usize = 1000;

/// How long the controller gathers changes in one page, unless the run has ended: milliseconds.
const GATHER: u64 = 200;

/// The pause before a controller that is away is asked again.
const PAUSE: Duration = Duration::from_secs(2);

/// How long a controller may be away.
const MAX_AWAY: Duration = Duration::from_secs(15 * 60);

/// `run watch`.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, about: &RunAbout) -> Result<ExitCode, Error> {
    let run: Run = parsed(&controller.read(&path::run(checked_id(&about.id)?))?)?;
    if run.state == RunState::Planned {
        return Err(Error::failed(format!(
            "{} is a plan that nobody has applied: BasicAgentCtl run apply {0}",
            run.id
        )));
    }
    detach::on_interrupt(&run.id)?;
    follow(controller, run, about.output.format())
}

/// Follows a run that has begun, prints how it ended, and returns the exit status.
///
/// # Errors
/// Any [`Error`].
pub(super) fn follow(
    controller: &Controller,
    mut run: Run,
    format: Format,
) -> Result<ExitCode, Error> {
    Progress::off();
    let mut bar = Bar::new();
    bar.draw(&run);
    let mut after = run.change;
    let mut away: Option<Instant> = None;
    while run.state != RunState::Ended {
        let path = format!(
            "{}?after={after}&limit={PAGE}&wait={MAX_WAIT_SECONDS}&gather={GATHER}",
            path::run_changes(&run.id)
        );
        match controller.read_if_any(&path, Duration::from_secs(MAX_WAIT_SECONDS)) {
            Ok(Some(text)) => {
                let page: ChangeList = parsed(&text)?;
                (after, run, away) = (page.next, page.run, None);
                bar.changed(&page.targets);
                bar.draw(&run);
            }
            Ok(None) => {
                bar.clear();
                return Err(Error::unavailable(format!(
                    "run {} is gone, or you may not read it any more",
                    run.id
                )));
            }
            Err(error @ (Error::Unreachable(_) | Error::NoReply(_))) => {
                let since = *away.get_or_insert_with(|| {
                    bar.clear();
                    output::error(&format_args!("{}; waiting for it", error.chain()));
                    Instant::now()
                });
                if since.elapsed() > MAX_AWAY {
                    return Err(error.with_hint(&format!(
                        "; the run may go on: BasicAgentCtl run watch {}",
                        run.id
                    )));
                }
                std::thread::sleep(PAUSE);
            }
            Err(error) => {
                bar.clear();
                return Err(error);
            }
        }
    }
    bar.clear();
    end::print(controller, &run.id, format)
}
