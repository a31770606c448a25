//! `list`: lists the methods of this machine's plugins. Checks and loads each plugin; prints those
//! that fail on standard error, and then exits with status 1.

use crate::error::Error;
use crate::{exit, output};
use agent_wire::json::one_line;
use plugin_api::host;
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
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (method, path) in &found {
        match host::check(path).and_then(|checked| host::load(checked, method)) {
            Ok(provider) => good.push((method, path, provider)),
            Err(why) => bad.push((method, path, why.to_string())),
        }
    }
    for (method, _, why) in &bad {
        output::error(&format_args!("{method}: {why}"));
    }
    if json {
        let methods = good.iter().map(|(method, path, provider)| Entry {
            method: method.as_str(),
            path,
            about: provider.describe(),
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
        let lines =
            good.iter().map(|(method, _, provider)| line(method, provider.describe(), width));
        output::bytes(lines.collect::<String>().as_bytes())?;
        if found.is_empty() {
            let dirs: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
            output::error(&format_args!("no plugins in {}", dirs.join(", ")));
        }
    }
    Ok(ExitCode::from(if bad.is_empty() { exit::DONE } else { exit::FAILED }))
}

fn line(method: &MethodName, about: &Meta, width: usize) -> String {
    format!("{:width$}  {}\n", method.as_str(), one_line(&about.summary))
}
