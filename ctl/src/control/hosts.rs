//! `hosts`: lists the controller's hosts.

use super::{is_selector, labels, watch};
use crate::cli::Hosts;
use crate::client::Controller;
use crate::error::Error;
use crate::print::listing::{self, List, Row};
use crate::terminal::safe;
use crate::{clock, exit};
use agent_cron::Zone;
use controller_api::{Host, HostState, path};
use std::process::ExitCode;

impl Row for Host {
    const HEAD: &'static [&'static str] =
        &["HOST", "STATE", "ONLINE", "ADDRESS", "VERSION", "LAST SEEN", "LABELS"];
    const WIDE: &'static [&'static str] =
        &["ENROLLED", "TOKEN", "KEY", "CERTIFICATE UNTIL", "CA", "RUNNING", "REASON"];

    fn cells(&self, wide: bool, zone: &Zone) -> Vec<String> {
        let text = |text: &Option<String>| safe(text.as_deref().unwrap_or("-"));
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let mut cells = vec![
            safe(&self.id),
            self.state.name().to_owned(),
            if self.connected { "yes" } else { "no" }.to_owned(),
            self.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
            text(&self.version),
            if self.connected {
                "now".to_owned()
            } else {
                clock::cell(self.last_seen.as_ref(), zone)
            },
            labels::of_host(&self.labels),
        ];
        if wide {
            cells.extend([
                clock::cell(self.enrolled_at.as_ref(), zone),
                text(&self.token),
                number(self.generation),
                clock::cell(self.certificate_not_after.as_ref(), zone),
                number(self.ca_version),
                self.requests_running.to_string(),
                match (&self.state_reason, self.departure) {
                    (None, Some(departure)) => departure.words().to_owned(),
                    (reason, _) => text(reason),
                },
            ]);
        }
        cells
    }

    fn name(&self) -> String {
        safe(&self.id)
    }
}

/// Lists the hosts, and with `--watch` their changes.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, hosts: &Hosts) -> Result<ExitCode, Error> {
    if hosts.selector.as_deref().is_some_and(|selector| !is_selector(selector)) {
        return Ok(ExitCode::from(exit::USAGE));
    }
    let (list, format) = (List::new(path_of(hosts), "hosts"), hosts.output.format());
    if hosts.watch {
        watch::run(controller, &list, format)?;
    } else {
        listing::run::<Host>(controller, &list, format)?;
    }
    Ok(ExitCode::from(exit::DONE))
}

/// Returns the path with the query that chooses the hosts.
fn path_of(hosts: &Hosts) -> String {
    let mut parts = Vec::new();
    if let Some(selector) = &hosts.selector {
        parts.push(format!("selector={}", path::segment(selector)));
    }
    if let Some(state) = hosts.state {
        parts.push(format!("state={}", HostState::from(state).name()));
    }
    if hosts.online || hosts.offline {
        parts.push(format!("connected={}", hosts.online));
    }
    let mark = if parts.is_empty() { "" } else { "?" };
    format!("{}{mark}{}", path::HOSTS, parts.join("&"))
}
