//! `hosts`: lists the hosts that are connected to the controller, as a table or as the controller's
//! own JSON.

use crate::client::Controller;
use crate::error::Error;
use crate::{clock, exit, output, query, table};
use agent_wire::json::one_line;
use controller_api::{Host, HostList, path};
use std::process::ExitCode;

/// Prints the hosts.
///
/// # Errors
/// Any [`Error`] but [`Error::Failed`].
pub(crate) fn run(controller: &Controller, json: bool) -> Result<ExitCode, Error> {
    let text = controller.read(path::HOSTS)?;
    if json {
        output::json(&text)?;
    } else {
        let list: HostList =
            serde_json::from_str(&text).map_err(|error| query::unreadable(&error))?;
        let head = ["HOST", "ADDRESS", "VERSION", "CONNECTED SINCE", "RUNNING"];
        output::bytes(table::text(head, &rows(&list.hosts)).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn rows(hosts: &[Host]) -> Vec<[String; 5]> {
    let zone = clock::here();
    let row = |host: &Host| {
        [
            one_line(&host.id),
            host.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
            one_line(host.version.as_deref().unwrap_or("-")),
            host.connected_at
                .as_deref()
                .map_or_else(|| "-".to_owned(), |at| clock::shown(at, &zone)),
            host.requests_running.to_string(),
        ]
    };
    hosts.iter().map(row).collect()
}
