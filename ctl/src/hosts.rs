//! `hosts`: who is connected to the controller, as a table or as the controller's own JSON.

use crate::client::Controller;
use crate::error::Error;
use crate::{exit, output};
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
        output::bytes(table(&listing.hosts).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn table(hosts: &[Host]) -> String {
    let head = ["HOST", "ADDRESS", "VERSION", "CONNECTED SINCE", "RUNNING"].map(str::to_owned);
    let rows = hosts.iter().map(|host| {
        [
            one_line(&host.id),
            one_line(&host.address),
            one_line(host.version.as_deref().unwrap_or("-")),
            one_line(&host.connected_at),
            host.requests_running.to_string(),
        ]
    });
    let rows: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let hosts = [Host {
            id: "a-long-host-id".to_owned(),
            address: "[::1]:1".to_owned(),
            version: Some("1\u{1b}[2J".to_owned()),
            connected_at: "2026-01-01T00:00:00Z".to_owned(),
            requests_running: 3,
        }];
        let found = table(&hosts);
        let wanted = "HOST            ADDRESS  VERSION     CONNECTED SINCE       RUNNING\n\
                      a-long-host-id  [::1]:1  1\\u{1b}[2J  2026-01-01T00:00:00Z  3\n";
        assert_eq!(found, wanted);
    }
}
