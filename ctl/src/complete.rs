//! `complete`: host ids and labels for the completions of shells (ctl/completions). A person who
//! presses Tab waits for it, so it ends soon, and it prints no error.

use crate::cli::{Complete, Kind};
use crate::client::Controller;
use crate::control::parsed;
use crate::error::Error;
use crate::terminal::safe;
use crate::{exit, output};
use controller_api::{HostList, LabelsInUse, path};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

/// The most time for an answer.
const DEADLINE: Duration = Duration::from_millis(1500);

/// The most hosts that are shown.
const MAX_HOSTS: usize = 100;

/// Prints the words that the line can go on with, one per line; none when the controller does not
/// answer in time.
///
/// # Errors
/// When the words cannot be printed.
pub(crate) fn run(complete: &Complete) -> Result<ExitCode, Error> {
    let Some(controller) = complete.controller() else { return Ok(ExitCode::from(exit::DONE)) };
    // Of a list, the last item is completed.
    let (before, begin) = match complete.begin.rsplit_once(',') {
        Some((before, begin)) => (format!("{before},"), begin.to_owned()),
        None => (String::new(), complete.begin.clone()),
    };
    let kind = complete.kind;
    let (tell, told) = mpsc::sync_channel(1);
    // The process ends without it, where a name or the controller does not answer.
    std::thread::spawn(move || {
        let found = match kind {
            Kind::Hosts => hosts(&controller, &begin),
            Kind::Labels => labels(&controller, &begin),
        };
        let _ = tell.send(found.unwrap_or_default());
    });
    let words = told.recv_timeout(DEADLINE).unwrap_or_default();
    let text: String = words.iter().map(|word| format!("{before}{}\n", safe(word))).collect();
    output::bytes(text.as_bytes())?;
    Ok(ExitCode::from(exit::DONE))
}

fn hosts(controller: &Controller, begin: &str) -> Result<Vec<String>, Error> {
    let mut path = format!("{}?limit={MAX_HOSTS}", path::HOSTS);
    if !begin.is_empty() {
        path.push_str(&format!("&q={}", path::segment(begin)));
    }
    let list: HostList = parsed(&controller.read_within(&path, DEADLINE)?)?;
    let ids = list.hosts.into_iter().map(|host| host.id);
    Ok(ids.filter(|id| id.starts_with(begin)).collect())
}

/// Returns labels; a key alone is followed by the sign after which its values complete.
fn labels(controller: &Controller, begin: &str) -> Result<Vec<String>, Error> {
    let path = format!("{}?q={}", path::LABELS, path::segment(begin));
    let labels: LabelsInUse = parsed(&controller.read_within(&path, DEADLINE)?)?;
    let is_key = !begin.contains('=') && !begin.starts_with('!');
    let items = labels.items.into_iter();
    Ok(items.map(|item| if is_key { format!("{item}=") } else { item }).collect())
}
