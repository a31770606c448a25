//! `hosts`: who is connected to the controller, as a table or as the controller's own JSON.

use crate::client::Controller;
use crate::error::Error;
use crate::{exit, output, table};
use agent_wire::json::one_line;
use serde::Deserialize;
use std::process::ExitCode;

#[derive(Deserialize)]
struct Listing {
    hosts: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    id: String,
    address: String,
    version: Option<String>,
    connected_at: String,
    requests_running: u64,
}

/// Prints the hosts.
///
/// # Errors
/// [`Error::NotAsked`].
pub(crate) fn run(controller: &Controller, json: bool) -> Result<ExitCode, Error> {
    let text = controller.read("hosts")?;
    if json {
        output::json(&text)?;
    } else {
        let listing: Listing = serde_json::from_str(&text)
            .map_err(|error| Error::NotAsked(format!("the answer can't be read: {error}")))?;
        let head = ["HOST", "ADDRESS", "VERSION", "CONNECTED SINCE", "RUNNING"];
        output::bytes(table::text(head, &rows(&listing.hosts)).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn rows(hosts: &[Host]) -> Vec<[String; 5]> {
    let row = |host: &Host| {
        [
            one_line(&host.id),
            one_line(&host.address),
            one_line(host.version.as_deref().unwrap_or("-")),
            one_line(&host.connected_at),
            host.requests_running.to_string(),
        ]
    };
    hosts.iter().map(row).collect()
}
