//! Sessions that systemd-logind knows: its files in /run/systemd/sessions (not an interface that systemd promises, but
//! readable by all and stable since 2011; systemd's src/login/logind-session.c).

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

const FOLDER: &str = "/run/systemd/sessions";
/// What is read of one file.
const MAX_FILE_BYTES: u64 = 16 << 10;
/// The most sessions read.
const MAX_SESSIONS: usize = 5000;

/// One file; what it does not say is `None`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) user: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) tty: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) leader: Option<u32>,
    /// Seconds since 1970.
    pub(crate) since: Option<u64>,
}

/// None where logind does not run.
pub(crate) fn read() -> Option<Vec<Known>> {
    read_below(Path::new(FOLDER))
}

fn read_below(folder: &Path) -> Option<Vec<Known>> {
    let mut sessions = Vec::new();
    for entry in fs::read_dir(folder).ok()?.flatten().take(MAX_SESSIONS) {
        let Ok(id) = entry.file_name().into_string() else { continue };
        let mut bytes = Vec::new();
        // Beside each, `ID.ref` is a pipe: a file is what is read.
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let file = if is_file { File::open(entry.path()).ok() } else { None };
        if file.is_some_and(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).is_ok()) {
            sessions.push(parse(id, &String::from_utf8_lossy(&bytes)));
        }
    }
    Some(sessions)
}

fn parse(id: String, text: &str) -> Known {
    let mut known = Known { id, ..Known::default() };
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim_matches('"');
        let word = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match key {
            "USER" => known.user = word(),
            "TYPE" => known.kind = word(),
            "CLASS" => known.class = word(),
            "SERVICE" => known.service = word(),
            "STATE" => known.state = word(),
            "TTY" => known.tty = word(),
            "REMOTE_HOST" => known.host = word(),
            "LEADER" => known.leader = value.parse().ok(),
            // Microseconds.
            "REALTIME" => known.since = value.parse().ok().map(|micros: u64| micros / 1_000_000),
            _ => {}
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As systemd 252 writes it.
    const FILE: &str = "# This is private data. Do not parse.\nUID=1000\nUSER=joe\nACTIVE=1\nIS_DISPLAY=1\nSTATE=active\nREMOTE=1\nTYPE=tty\n\
        ORIGINAL_TYPE=tty\nCLASS=user\nSCOPE=session-7.scope\nFIFO=/run/systemd/sessions/7.ref\nREMOTE_HOST=192.0.2.7\nSERVICE=sshd\n\
        TTY=pts/0\nLEADER=4242\nAUDIT=7\nREALTIME=1700000000123456\nMONOTONIC=1\n";

    #[test]
    fn files_are_read() {
        let folder = std::env::temp_dir().join(format!("getinfo-sessions-logind-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("7"), FILE).unwrap();
        let sessions = read_below(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let known = &sessions[0];
        assert_eq!(
            (known.id.as_str(), known.user.as_deref(), known.kind.as_deref()),
            ("7", Some("joe"), Some("tty"))
        );
        assert_eq!(
            (known.tty.as_deref(), known.host.as_deref(), known.leader),
            (Some("pts/0"), Some("192.0.2.7"), Some(4242))
        );
        assert_eq!(
            (known.since, known.class.as_deref(), known.state.as_deref()),
            (Some(1_700_000_000), Some("user"), Some("active"))
        );
        assert_eq!(read_below(&folder), None);
        assert_eq!(
            parse("1".to_owned(), "LEADER=x\nno\nTTY=\n"),
            Known { id: "1".to_owned(), ..Known::default() }
        );
    }
}
