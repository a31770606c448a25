//! `schedule`: cron jobs for all hosts of a selector.

mod apply;
mod forecast;
mod lists;

use super::{parsed, said};
use crate::cli::Schedule as Sub;
use crate::client::Controller;
use crate::error::Error;
use crate::print::document;
use crate::print::listing::{self, List};
use crate::terminal::{confirm, safe};
use controller_api::{ScheduleCheck, ScheduleChecked, ScheduleHost, path};
use ureq::http::Method;

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, sub: &Sub) -> Result<(), Error> {
    match sub {
        Sub::Apply(apply) => apply::run(controller, apply),
        Sub::Diff(files) => apply::diff(controller, files),
        Sub::List(format) => {
            let list = List::new(path::SCHEDULES, "schedules");
            listing::run::<controller_api::Schedule>(controller, &list, format.format())
        }
        Sub::Show(show) => {
            let text = controller.read(&path::schedule(&show.name))?;
            document(&text, show.output.format(), || Ok(lists::shown(&parsed(&text)?)))
        }
        Sub::Hosts(hosts) => {
            let mut of = path::schedule_hosts(&hosts.name);
            if let Some(state) = &hosts.state {
                of.push_str("?state=");
                of.push_str(state);
            }
            listing::run::<ScheduleHost>(controller, &List::new(of, "hosts"), hosts.output.format())
        }
        Sub::History(history) => lists::history(controller, history),
        Sub::Results(results) => lists::results(controller, results),
        Sub::Check(check) => checked(controller, &check.selector),
        Sub::Forecast(forecast) => forecast::run(controller, forecast),
        Sub::Remove(remove) => {
            let name = &remove.name;
            confirm(&format!("remove schedule {} from all hosts", safe(name)), remove.yes.yes)?;
            controller.change::<()>(&Method::DELETE, &path::schedule(name), None)?;
            said(&format!(
                "schedule {} is removed; hosts that are offline lose it later",
                safe(name)
            ))
        }
    }
}

fn checked(controller: &Controller, selector: &str) -> Result<(), Error> {
    let body = ScheduleCheck { selector: selector.to_owned() };
    let text = controller.change(&Method::POST, path::SCHEDULES_CHECK, Some(&body))?;
    let ScheduleChecked { hosts, done, drifted } = parsed(&text)?;
    let rest = match hosts.saturating_sub(done) {
        0 => String::new(),
        rest => format!("; {rest} more follow"),
    };
    said(&format!("{done} hosts are as the schedules say; {drifted} jobs were repaired{rest}"))
}
