//! The last errors and warnings, for `agent.info`: an operator sees why a host is unwell before
//! looking at its log.

use crate::clock;
use log::Level;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Lines that are kept.
const MAX_LINES: usize = 8;

/// Bytes of a line that are kept.
const MAX_LINE: usize = 512;

static LINES: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Keeps a line, in the place of the oldest.
pub(super) fn note(level: Level, area: &str, text: &str) {
    let mut line = format!("{} {level} {area}: {text}", clock::now().seconds());
    let end = (0..=MAX_LINE.min(line.len())).rev().find(|end| line.is_char_boundary(*end));
    line.truncate(end.unwrap_or_default());
    let mut lines = LINES.lock();
    if lines.len() == MAX_LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// Returns the kept lines, oldest first.
pub(crate) fn last_errors() -> Vec<String> {
    LINES.lock().iter().cloned().collect()
}
