//! Crontab text → entries: docs/schedules.md rules 22, 26 and 27, and the one-line form of
//! `cron.set`.
//!
//! The scheduler calls it for each file of `cron.d`, `cron.set` for its `line`, and so does `cron
//! check`. It opens no file and looks up no account: the caller finds out whether a user or a zone
//! exists. An invalid line is reported with its place and skipped; the others are used. Whether the
//! lines name a user is declared once for the whole file, never guessed line by line.
//!
//! ```text
//! # a comment
//! SHELL=/bin/sh                        environment of the entries below; so any other name
//! HOME=/srv                            likewise, and the folder in which they start
//! CRON_TZ=Europe/Berlin                time zone of the entries below; not in their environment
//! CRON_USER=root                       above the first entry: lines name no user, all run as root
//! */10 * * * * *  root  echo hi        six fields, user, command: the first is the second
//! 0 6 * * *       root  echo hi        five fields, user, command: at second 0
//! @daily          root  echo hi        also @hourly, @weekly, @monthly, @yearly, and @reboot
//! ```
//!
//! The command is the rest of the line. As in other crons, `\%` stands for a `%`. Without the
//! backslash, other crons end the command there and write the rest to its standard input; here `%`
//! is an ordinary character, with a warning.

mod assignment;
mod entry;
mod file;
mod line;
mod problem;

pub use entry::{Entry, Environment, When};
pub use file::{Crontab, MAX_BYTES, MAX_ENTRIES, MAX_PROBLEMS, MAX_VARIABLES, parse};
pub use line::{Form, MAX_LINE, NO_USER, line};
pub use problem::Problem;
