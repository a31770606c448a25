//! The sessions of systemd-logind, from its files in /run/systemd/sessions. systemd does not
//! promise this interface, but every user can read the files, and their format is stable since 2011
//! (systemd's src/login/logind-session.c).

use std::fs;
use std::path::Path;

const FOLDER: &str = "/run/systemd/sessions";
/// The most bytes read from one file.
const MAX_FILE_BYTES: usize = 16 << 10;
/// The most sessions.
const MAX_SESSIONS: usize = 5000;

/// One session; `None` for fields that its file lacks.
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

/// Returns logind's sessions; `None` if logind does not run.
pub(crate) fn read() -> Option<Vec<Known>> {
    read_below(Path::new(FOLDER))
}

fn read_below(folder: &Path) -> Option<Vec<Known>> {
    let mut sessions = Vec::new();
    for entry in fs::read_dir(folder).ok()?.flatten().take(MAX_SESSIONS) {
        let Ok(id) = entry.file_name().into_string() else { continue };
        // `ID.ref` beside each file is a pipe; links are not followed.
        if entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(text) = readers::regular::text(&entry.path(), MAX_FILE_BYTES)
        {
            sessions.push(parse(id, &text));
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

    /// A file of systemd 252.
    const FILE: &str = "# This is private data. Do not parse.\nUID=1000\nUSER=joe\nACTIVE=1\nIS_DISPLAY=1\nSTATE=active\nREMOTE=1\nTYPE=tty\n\
        ORIGINAL_TYPE=tty\nCLASS=user\nSCOPE=session-7.scope\nFIFO=/run/systemd/sessions/7.ref\nREMOTE_HOST=192.0.2.7\nSERVICE=sshd\n\
        TTY=pts/0\nLEADER=4242\nAUDIT=7\nREALTIME=1700000000123456\nMONOTONIC=1\n";

    #[test]
    fn sessions_are_read_from_their_files() {
        let folder =
            std::env::temp_dir().join(format!("getinfo-sessions-logind-{}", std::process::id()));
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
