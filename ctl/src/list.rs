//! `list`: lists the methods of this machine's plugins. Checks and loads each plugin in a process
//! of its own, so that a bad one harms nobody; prints those that fail on standard error, and then
//! exits with status 1.

use crate::error::Error;
use crate::plugin::probe::{self, Order, Outcome, Report};
use crate::terminal::safe;
use crate::{exit, output};
use plugin_api::host::worker::Load;
use plugin_api::host::{self, Trust};
use plugin_api::{Meta, MethodName};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Serialize)]
struct Listing<'a> {
    methods: Vec<Entry<'a>>,
    refused: Vec<Refused<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    method: &'a str,
    path: &'a Path,
    /// The plugin's description.
    about: &'a Meta,
}

#[derive(Serialize)]
struct Refused<'a> {
    method: &'a str,
    path: &'a Path,
    error: &'a str,
}

/// Prints the list.
///
/// # Errors
/// [`Error::Unavailable`] if a folder cannot be read.
pub(crate) fn run(dirs: &[PathBuf], json: bool) -> Result<ExitCode, Error> {
    let found =
        host::list(dirs).map_err(|why| Error::unavailable_by("cannot list the plugins", why))?;
    let orders: Vec<Order> = found.iter().map(|(method, path)| order(method, path)).collect();
    let orders: Vec<&Order> = orders.iter().collect();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for ((method, path), outcome) in found.iter().zip(probe::run_all(&orders, probe::LOAD)) {
        match described(outcome) {
            Ok(meta) => good.push((method, path, meta)),
            Err(why) => bad.push((method, path, why)),
        }
    }
    for (method, _, why) in &bad {
        output::error(&format_args!("{method}: {why}"));
    }
    if json {
        let methods = good.iter().map(|(method, path, meta)| Entry {
            method: method.as_str(),
            path,
            about: meta,
        });
        let refused = bad.iter().map(|(method, path, error)| Refused {
            method: method.as_str(),
            path,
            error,
        });
        let listing = Listing { methods: methods.collect(), refused: refused.collect() };
        let text = serde_json::to_string(&listing)
            .map_err(|error| Error::failed_by("a path cannot be written as JSON", error))?;
        output::json(&text)?;
    } else {
        let width = good.iter().map(|(method, ..)| method.as_str().len()).max().unwrap_or(0);
        let lines = good.iter().map(|(method, _, meta)| line(method, meta, width));
        output::bytes(lines.collect::<String>().as_bytes())?;
        if found.is_empty() {
            let dirs: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
            output::error(&format_args!("no plugins in {}", dirs.join(", ")));
        }
    }
    Ok(ExitCode::from(if bad.is_empty() { exit::DONE } else { exit::FAILED }))
}

/// Returns the order to load the plugin and describe it, which needs no privilege.
fn order(method: &MethodName, path: &Path) -> Order {
    let plugin = Load {
        method: method.to_string(),
        path: path.to_owned(),
        trust: Trust::default(),
        keep_root: false,
    };
    Order { plugin, calls: None }
}

fn described(outcome: std::io::Result<Outcome>) -> Result<Meta, String> {
    match outcome {
        Ok(Outcome::Report(Report::Loaded { meta, .. })) => Ok(*meta),
        Ok(Outcome::Report(Report::Refused(why))) => Err(why),
        Ok(Outcome::Died(how)) => Err(format!("{how} while loading")),
        Ok(Outcome::Hung) => {
            Err(format!("loading took more than {} s; killed", probe::LOAD.as_secs()))
        }
        Err(why) => Err(format!("cannot start its process: {why}")),
    }
}

fn line(method: &MethodName, about: &Meta, width: usize) -> String {
    format!("{:width$}  {}\n", method.as_str(), safe(&about.summary))
}
