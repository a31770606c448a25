//! `audit --since`: the number of the last event before a time.
//!
//! The API reads events by number, and their times grow with it; so a few requests for one event
//! each find the place by halving, however long the log is.

use super::parsed;
use crate::cli::duration;
use crate::client::Controller;
use crate::clock;
use crate::cron::Given;
use crate::error::Error;
use agent_wire::json::quote;
use controller_api::{EventList, path};

/// Returns the number of the last event before `since`, after which a reader begins.
///
/// # Errors
/// [`Error::Usage`] for a text that is no time; any [`Error`] of a request.
pub(super) fn first_since(controller: &Controller, since: &str) -> Result<u64, Error> {
    let at = instant("--since", since)?;
    // Every event up to `before` is older. Numbers above 0 are looked at by doubling first.
    let (mut before, mut step) = (0, 1024);
    let later = loop {
        match next(controller, before + step)? {
            Some((number, time)) if time < at => {
                before = number;
                step *= 2;
            }
            _ => break before + step,
        }
    };
    let mut later = later;
    while before + 1 < later {
        let middle = before + (later - before) / 2;
        match next(controller, middle)? {
            Some((number, time)) if time < at => before = number.max(middle),
            _ => later = middle,
        }
    }
    match next(controller, before)? {
        Some((number, time)) if time < at => Ok(number),
        _ => Ok(before),
    }
}

/// Returns the number and the time of the first event after number `after`.
fn next(controller: &Controller, after: u64) -> Result<Option<(u64, i64)>, Error> {
    let text = controller.read(&format!("{}?after={after}&limit=1", path::EVENTS))?;
    let page: EventList = parsed(&text)?;
    let event = page.events.first();
    Ok(event.and_then(|event| Some((event.sequence, clock::unix(&event.time)?))))
}

/// Parses a time: so long ago, or a date with or without a time of day.
///
/// # Errors
/// [`Error::Usage`] for any other text; `flag` is where it stood.
pub(super) fn instant(flag: &str, text: &str) -> Result<i64, Error> {
    if let Ok(ago) = duration::<0, { 100 * 366 * 86_400 }>(text)
        && text.ends_with(char::is_alphabetic)
    {
        return Ok(clock::now().saturating_sub_unsigned(ago));
    }
    match Given::parse(text) {
        Ok(given) => Ok(given.unix(&clock::here())),
        Err(expected) => Err(Error::usage(format!(
            "{flag} {}: {expected}, or 2h or 7d for so long ago",
            quote(text)
        ))),
    }
}
