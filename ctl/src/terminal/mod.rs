//! The terminal: texts that cannot steer it, its width, questions, passwords, a progress line, and
//! the place of a mistake in a text.
//!
//! Everything else asks here before it prints a text of a host or of the controller, so that one
//! place decides what reaches a terminal.

mod ask;
pub(crate) mod caret;
mod password;
mod progress;
mod safe;

pub(crate) use ask::{confirm, line};
pub(crate) use password::password;
pub(crate) use progress::Progress;
pub(crate) use safe::{json, safe};

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

/// Returns the columns of the terminal on standard output; `None` for a pipe or file.
pub(crate) fn columns() -> Option<usize> {
    let out = io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let (width, _) = terminal_size::terminal_size_of(out.as_fd())?;
    (width.0 > 0).then_some(usize::from(width.0))
}

/// Returns whether a person can be asked: both standard input and standard error are terminals.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
