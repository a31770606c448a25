//! `facts`: what hosts are, now and at other times, and searches in the facts of all hosts.
//!
//! `one` shows a host's facts and compares two; `search` asks about all; `live` asks the hosts
//! themselves first.

mod live;
mod one;
mod search;

use super::since;
use crate::cli::Facts;
use crate::client::Controller;
use crate::error::Error;
use crate::terminal::caret;
use crate::{exit, output};
use controller_api::path;
use fleet::Selector;
use fleet::facts::QuestionError;
use std::process::ExitCode;

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, facts: &Facts) -> Result<ExitCode, Error> {
    let selected = match facts {
        Facts::Show(_) | Facts::Changes(_) | Facts::Diff(_) => None,
        Facts::Where(flags) => Some(&flags.selected),
        Facts::Package(flags) => Some(&flags.selected),
        Facts::Service(flags) => Some(&flags.selected),
        Facts::Certificates(flags) => Some(&flags.selected),
        Facts::Count(flags) => Some(&flags.selected),
        Facts::Refresh(flags) => Some(&flags.selected),
    };
    if let Some(selector) = selected.and_then(|selected| selected.selector.as_deref())
        && let Err(mistake) = Selector::parse(selector)
    {
        output::error(&format_args!("--selector: {}", mistake.why()));
        output::error_lines(&caret::mark(selector, mistake.at()));
        return Ok(ExitCode::from(exit::USAGE));
    }
    let (done, path) = match facts {
        Facts::Show(flags) => (one::show(controller, flags), None),
        Facts::Changes(flags) => (one::changes(controller, flags), None),
        Facts::Diff(flags) => (one::diff(controller, flags), None),
        Facts::Where(flags) => (search::find(controller, flags), Some(&flags.path)),
        Facts::Package(flags) => (search::package(controller, flags), None),
        Facts::Service(flags) => (search::service(controller, flags), None),
        Facts::Certificates(flags) => (search::certificates(controller, flags), None),
        Facts::Count(flags) => (search::count(controller, flags), Some(&flags.path)),
        Facts::Refresh(flags) => (live::refresh(controller, flags), None),
    };
    match done {
        Ok(code) => Ok(code),
        Err(error) => {
            // The controller knows where the path is wrong; only here is there a place to mark.
            let Some((path, at)) = path.zip(QuestionError::place(&error.chain().to_string()))
            else {
                return Err(error);
            };
            output::error(&error.chain());
            output::error_lines(&caret::mark(path, at));
            Ok(ExitCode::from(exit::USAGE))
        }
    }
}

/// Returns a time of the command line as the API reads it. A time of the API's own is not changed:
/// it may have milliseconds.
fn time(flag: &str, text: &str) -> Result<String, Error> {
    if text.ends_with('Z') {
        return Ok(text.to_owned());
    }
    since::instant(flag, text).map(crate::cron::utc)
}

/// Makes a query of the parts that are given.
fn query(parts: &[(&str, Option<&str>)]) -> String {
    let given = parts
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!("{name}={}", path::segment(value))));
    let text = given.collect::<Vec<_>>().join("&");
    if text.is_empty() { text } else { format!("?{text}") }
}
