//! Past logins, newest first, derived from the records of wtmp as last(1) does.

use readers::utc::iso_utc;
use serde::Serialize;

use crate::utmp::{BOOT, DEAD_PROCESS, RUN_LEVEL, Record, USER_PROCESS};

/// One login.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Login {
    /// The user name.
    user: String,
    /// The terminal, such as `pts/0`.
    tty: String,
    /// The remote host as the login program recorded it; null for a local login.
    host: Option<String>,
    /// The address of the remote host, if recorded.
    address: Option<String>,
    /// The login time, in UTC, ISO 8601.
    since: Option<String>,
    /// The login time in seconds since 1970.
    since_epoch: u64,
    /// The end of the session, in UTC, ISO 8601; null if it lasts or its end is not recorded.
    until: Option<String>,
    /// The end of the session in seconds since 1970.
    until_epoch: Option<u64>,
    /// How the session ended: `logout`, `down` (shutdown) or `crash` (a boot without a shutdown);
    /// null if it lasts or its end is not recorded.
    ended_by: Option<&'static str>,
}

/// Returns the latest `most` logins.
pub(crate) fn of(records: &[Record], most: usize) -> Vec<Login> {
    let mut logins = Vec::new();
    // Ends found so far, going backwards: of terminals, and of the whole machine.
    let mut logouts: Vec<(&str, u64)> = Vec::new();
    let mut machine: Option<(u64, &'static str)> = None;
    for record in records.iter().rev() {
        if logins.len() == most {
            break;
        }
        match record.kind {
            BOOT => {
                logouts.clear();
                machine = Some((record.time, "crash"));
            }
            RUN_LEVEL if record.user == "shutdown" => {
                logouts.clear();
                machine = Some((record.time, "down"));
            }
            DEAD_PROCESS => set(&mut logouts, &record.line, record.time),
            USER_PROCESS if !record.user.is_empty() => {
                let logout = logouts.iter().find(|(line, _)| *line == record.line);
                let end = logout.map(|(_, time)| (*time, "logout")).or(machine);
                logins.push(login(record, end));
                // A login ends the previous session on the same terminal.
                set(&mut logouts, &record.line, record.time);
            }
            _ => {}
        }
    }
    logins
}

fn set<'a>(logouts: &mut Vec<(&'a str, u64)>, line: &'a str, time: u64) {
    match logouts.iter_mut().find(|(known, _)| *known == line) {
        Some(logout) => logout.1 = time,
        None => logouts.push((line, time)),
    }
}

fn login(record: &Record, end: Option<(u64, &'static str)>) -> Login {
    Login {
        user: record.user.clone(),
        tty: record.line.clone(),
        host: Some(record.host.clone()).filter(|host| !host.is_empty()),
        address: record.address.map(|address| address.to_string()),
        since: iso_utc(record.time),
        since_epoch: record.time,
        until: end.and_then(|(time, _)| iso_utc(time)),
        until_epoch: end.map(|(time, _)| time),
        ended_by: end.map(|(_, by)| by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u16, user: &str, line: &str, time: u64) -> Record {
        Record {
            kind,
            pid: 1,
            line: line.into(),
            user: user.into(),
            host: String::new(),
            time,
            address: None,
        }
    }

    #[test]
    fn logins_end_as_in_last() {
        let records = [
            record(BOOT, "reboot", "~", 1),
            record(USER_PROCESS, "a", "tty1", 10),
            record(USER_PROCESS, "b", "pts/0", 20),
            record(DEAD_PROCESS, "", "pts/0", 30),
            record(USER_PROCESS, "c", "pts/0", 40),
            record(RUN_LEVEL, "shutdown", "~", 50),
            record(BOOT, "reboot", "~", 60),
            record(USER_PROCESS, "d", "tty1", 70),
            record(BOOT, "reboot", "~", 80),
            record(USER_PROCESS, "e", "tty1", 90),
            record(USER_PROCESS, "f", "tty1", 95),
        ];
        let ends: Vec<_> = of(&records, 100)
            .iter()
            .map(|login| (login.user.clone(), login.until_epoch, login.ended_by))
            .collect();
        let want = [
            ("f", None, None),
            ("e", Some(95), Some("logout")),
            ("d", Some(80), Some("crash")),
            ("c", Some(50), Some("down")),
            ("b", Some(30), Some("logout")),
            ("a", Some(50), Some("down")),
        ];
        assert_eq!(ends, want.map(|(user, until, by)| (user.to_owned(), until, by)));
        assert_eq!(of(&records, 2).len(), 2);
    }
}
