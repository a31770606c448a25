//! `getinfo.sessions`: who is logged in and, where asked for, who was.
//!
//! Everything comes from utmp, wtmp (utmp(5)) and systemd-logind's files; nothing is run and no root is needed. Where a
//! system keeps no utmp any more, logind's sessions are what there is.

mod login;
mod logind;
mod utc;
mod utmp;

use std::path::{Path, PathBuf};

use plugin_api::{Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use login::Login;
use logind::Known;
use utc::iso_utc;
use utmp::{BOOT, Record, USER_PROCESS};

struct Sessions;

const UTMP: &str = "/run/utmp";
const WTMP: &str = "/var/log/wtmp";
/// The most logins that can be asked for.
const MAX_LOGINS: usize = 1000;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Who is logged in, as utmp has it, then what only logind knows.
    sessions: Vec<Session>,
    /// The latest logins, newest first; null without `-l`, and where there is no wtmp.
    logins: Option<Vec<Login>>,
    /// When this machine was started, as utmp has it, in UTC, ISO 8601; null where it does not say.
    boot: Option<String>,
}

/// One session.
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Session {
    /// Who.
    user: Option<String>,
    /// On which terminal, such as `pts/0`; null without one.
    tty: Option<String>,
    /// From where, as the program wrote it that let him in; null for a login at the machine.
    host: Option<String>,
    /// The address of that, where it was written.
    address: Option<String>,
    /// Since when, in UTC, ISO 8601.
    since: Option<String>,
    /// The same in seconds since 1970.
    since_epoch: Option<u64>,
    /// The process that leads it.
    pid: Option<u32>,
    /// Whether that process is there still; null where it is not known which.
    alive: Option<bool>,
    /// logind's name of the session; null where it does not know of it.
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
        Meta::new("getinfo.sessions", env!("CARGO_PKG_VERSION"), "who is logged in, and the latest logins")
            .options(&OPTIONS)
            .output_schema(include_str!("../schema.json"))
            .example("", "who is logged in")
            .example("-l 10", "also the latest ten logins")
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
        let users = records.iter().filter(|record| record.kind == USER_PROCESS && !record.user.is_empty());
        answer.sessions = users.map(Session::of_record).collect();
        if selection.file.is_none() {
            logind::read().unwrap_or_default().into_iter().for_each(|known| answer.add(known));
        }
        Ok(answer)
    }

    /// To what utmp has of the same terminal or leader.
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

/// None where the system keeps no such file; one that was asked for has to be there.
fn records(asked: Option<&Path>, default: &str) -> Result<Option<Vec<Record>>, ProviderError> {
    match (asked, utmp::read(asked.unwrap_or(Path::new(default)))) {
        (_, Ok(records)) => Ok(Some(records)),
        (None, Err(_)) => Ok(None),
        (Some(path), Err(error)) => {
            Err(ProviderError::new("unreadable", format!("{} can't be read: {error}", path.display())))
        }
    }
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

export_provider!(Sessions);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    #[test]
    fn logind_adds_to_what_utmp_has() {
        let session =
            |tty: &str, pid| Session { tty: Some(tty.to_owned()), pid: Some(pid), ..Session::default() };
        let mut answer =
            Answer { sessions: vec![session("pts/0", 10), session("pts/1", 20)], logins: None, boot: None };
        for (id, tty, leader) in [("1", Some("pts/1"), 99), ("2", None, 10), ("3", None, 30)] {
            let tty = tty.map(str::to_owned);
            answer.add(Known { id: id.to_owned(), tty, leader: Some(leader), ..Known::default() });
        }
        let ids: Vec<_> = answer.sessions.iter().map(|session| session.session_id.as_deref()).collect();
        assert_eq!(ids, [Some("2"), Some("1"), Some("3")]);
    }
}
