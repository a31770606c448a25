//! Crontab text → entries: rules 22, 26 and 27 of the language, and the one-line form of `cron.set`.
//!
//! Who calls it: the scheduler with each file of `cron.d`, `cron.set` with its `line`, and `cron check`. It
//! opens no file and asks for no account: whether a user or a zone exists is the caller's question. A broken
//! line is told with its place and left out; all others are taken. It refuses what would have to be guessed:
//! whether a file's lines name a user is said once for the whole file, never found out line by line.
//!
//! ```text
//! # a comment
//! SHELL=/bin/sh                        environment of the entries below, as are all names but the two next
//! CRON_TZ=Europe/Berlin                time zone of the entries below; not in their environment
//! CRON_USER=root                       only above the first entry: the lines name no user, all run as this one
//! */10 * * * * *  root  echo hi        six fields, user, command: the first is the second
//! 0 6 * * *       root  echo hi        five fields, user, command: at second 0
//! @daily          root  echo hi        also @hourly, @weekly, @monthly, @yearly, and @reboot
//! ```
//!
//! The command is the rest of the line as it stands. `%` and `\%` are passed on unchanged: other crons end the
//! command at a `%` and write what follows to its standard input; here it is a character like any other, and a
//! shell takes the backslash off a bare `\%`.

mod assignment;
mod entry;
mod file;
mod line;
mod problem;

pub use entry::{Entry, Environment, When};
pub use file::{Crontab, MAX_BYTES, MAX_ENTRIES, MAX_PROBLEMS, MAX_VARIABLES, parse};
pub use line::{Form, MAX_LINE, NO_USER, line};
pub use problem::Problem;
