//! `getinfo.sessions`: the logged-in users and, with `-l`, past logins.
//!
//! Reads utmp and wtmp (utmp(5)) and systemd-logind's files; runs no program and requires no root.
//! On a system without utmp, only logind's sessions are listed.

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod login;
mod logind;
mod utmp;

use std::path::{Path, PathBuf};

use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use readers::utc::iso_utc;
use serde::Serialize;

use login::Login;
use logind::Known;
use utmp::{BOOT, Record, USER_PROCESS};

struct Sessions;

const UTMP: &str = "/run/utmp";
const WTMP: &str = "/var/log/wtmp";
/// The most logins in one reply.
const MAX_LOGINS: usize = 1000;

/// The reply. Its field names are stable: fields may be added, but never change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The logged-in users: utmp's sessions, then those that only logind knows.
    sessions: Vec<Session>,
    /// The latest logins, newest first; null without `-l` or without a wtmp file.
    logins: Option<Vec<Login>>,
    /// The boot time according to utmp, in UTC, ISO 8601; null if utmp does not record it.
    boot: Option<String>,
}

/// One session.
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Session {
    /// The user name.
    user: Option<String>,
    /// The terminal, such as `pts/0`; null without one.
    tty: Option<String>,
    /// The remote host as the login program recorded it; null for a local login.
    host: Option<String>,
    /// The address of the remote host, if recorded.
    address: Option<String>,
    /// The login time, in UTC, ISO 8601.
    since: Option<String>,
    /// The login time in seconds since 1970.
    since_epoch: Option<u64>,
    /// The session's leading process.
    pid: Option<u32>,
    /// Whether that process still exists; null if the process is unknown.
    alive: Option<bool>,
    /// logind's id of the session; null if logind does not know the session.
    session_id: Option<String>,
    /// logind: `tty`, `x11`, `wayland`, `unspecified`, …
    session_type: Option<String>,
    /// logind: `user`, `greeter`, `manager`, …
    class: Option<String>,
    /// logind: the PAM service, such as `sshd`.
    service: Option<String>,
    /// logind: `active`, `online` or `closing`.
    state: Option<String>,
}

/// A call's arguments.
#[derive(Default)]
struct Selection {
    logins: Option<usize>,
    file: Option<PathBuf>,
}

const OPTIONS: Options<Selection> = Options::new(&[
    Opt::value("-l N", "also list the latest N logins (at most 1,000)", |chosen, value| {
        chosen.logins = Some(value.number(1..=MAX_LOGINS)?);
        Ok(())
    }),
    Opt::value(
        "-f FILE",
        "read this file instead of /run/utmp, or with -l instead of /var/log/wtmp",
        |chosen, value| {
            chosen.file = Some(value.absolute_path()?.to_owned());
            Ok(())
        },
    ),
]);

impl Provider for Sessions {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.sessions",
            env!("CARGO_PKG_VERSION"),
            "logged-in users, and the latest logins",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "the logged-in users")
        .example("-l 10", "the latest ten logins as well")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        Reply::json(&Answer::collect(&OPTIONS.parse(args)?)?)
    }
}

impl Answer {
    fn collect(selection: &Selection) -> Result<Self, ProviderError> {
        let mut answer = Self { sessions: Vec::new(), logins: None, boot: None };
        if let Some(most) = selection.logins {
            answer.logins =
                records(selection.file.as_deref(), WTMP)?.map(|records| login::of(&records, most));
            if selection.file.is_some() {
                return Ok(answer);
            }
        }
        let records = records(selection.file.as_deref(), UTMP)?.unwrap_or_default();
        let boot = records.iter().find(|record| record.kind == BOOT);
        answer.boot = boot.and_then(|record| iso_utc(record.time));
        let users =
            records.iter().filter(|record| record.kind == USER_PROCESS && !record.user.is_empty());
        answer.sessions = users.map(Session::of_record).collect();
        if selection.file.is_none() {
            logind::read().unwrap_or_default().into_iter().for_each(|known| answer.add(known));
        }
        Ok(answer)
    }

    /// Adds what logind knows to the session with the same terminal or leader.
    fn add(&mut self, known: Known) {
        let is_same = |session: &&mut Session| {
            (known.tty.is_some() && session.tty == known.tty)
                || (known.leader.is_some() && session.pid == known.leader)
        };
        if let Some(session) = self.sessions.iter_mut().find(is_same) {
            session.session_id = Some(known.id);
            session.session_type = known.kind;
            session.class = known.class;
            session.service = known.service;
            session.state = known.state;
            return;
        }
        self.sessions.push(Session {
            user: known.user,
            tty: known.tty,
            host: known.host,
            address: None,
            since: known.since.and_then(iso_utc),
            since_epoch: known.since,
            pid: known.leader,
            alive: known.leader.map(is_alive),
            session_id: Some(known.id),
            session_type: known.kind,
            class: known.class,
            service: known.service,
            state: known.state,
        });
    }
}

impl Session {
    fn of_record(record: &Record) -> Self {
        Self {
            user: Some(record.user.clone()),
            tty: Some(record.line.clone()).filter(|line| !line.is_empty()),
            host: Some(record.host.clone()).filter(|host| !host.is_empty()),
            address: record.address.map(|address| address.to_string()),
            since: iso_utc(record.time),
            since_epoch: Some(record.time),
            pid: Some(record.pid),
            alive: Some(is_alive(record.pid)),
            ..Self::default()
        }
    }
}

/// Returns the records of `file` or of the default file; `None` if the system has no such default
/// file.
fn records(file: Option<&Path>, default: &str) -> Result<Option<Vec<Record>>, ProviderError> {
    match (file, utmp::read(file.unwrap_or(Path::new(default)))) {
        (_, Ok(records)) => Ok(Some(records)),
        (None, Err(_)) => Ok(None),
        (Some(path), Err(error)) => Err(ProviderError::new(
            "unreadable",
            format!("cannot read {}: {error}", path.display()),
        )),
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

export_provider!(Sessions);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn logind_completes_the_sessions_of_utmp() {
        let session = |tty: &str, pid| Session {
            tty: Some(tty.to_owned()),
            pid: Some(pid),
            ..Session::default()
        };
        let mut answer = Answer {
            sessions: vec![session("pts/0", 10), session("pts/1", 20)],
            logins: None,
            boot: None,
        };
        for (id, tty, leader) in [("1", Some("pts/1"), 99), ("2", None, 10), ("3", None, 30)] {
            let tty = tty.map(str::to_owned);
            answer.add(Known { id: id.to_owned(), tty, leader: Some(leader), ..Known::default() });
        }
        let ids: Vec<_> =
            answer.sessions.iter().map(|session| session.session_id.as_deref()).collect();
        assert_eq!(ids, [Some("2"), Some("1"), Some("3")]);
    }
}
