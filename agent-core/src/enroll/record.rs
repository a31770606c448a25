//! `identity.json`: what the agent has to know about its identity beside key and certificate.

use agent_wire::message::Init;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// The host id that the server gave; `None` until the host has joined.
    pub(crate) host_id: Option<String>,
    /// How many keys the host has had, that of the newest certificate included.
    pub(crate) generation: u64,
    /// The version of the CAs in `ca.pem`.
    pub(crate) ca_version: u64,
    /// The SHA-256 of the machine id of the host that joined, in hex; `None` if it had none.
    pub(crate) machine: Option<String>,
    /// When the newest certificate came, in seconds since 1970 by the host's clock.
    pub(crate) received: Option<i64>,
    /// The servers that the host joined through, as `server` lists them.
    pub(crate) servers: Vec<String>,
    /// The name in the server's certificate, where it is not the server's own.
    pub(crate) server_name: Option<String>,
}

impl Record {
    /// Reads the file's content; `None` if it is damaged.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        let is_sound = record.host_id.as_deref().is_none_or(Init::is_hostname);
        is_sound.then_some(record)
    }

    /// Returns the file's content.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Returns whether the host that joined is another one than this: its machine id differs. A
    /// host without a machine id is not judged.
    pub(crate) fn is_of_another_machine(&self, machine: Option<&str>) -> bool {
        match (self.machine.as_deref(), machine) {
            (Some(then), Some(now)) => then != now,
            _ => false,
        }
    }
}

/// Returns a SHA-256 in hex, as sha256sum prints it.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_a_damaged_one_is_none() {
        let record = Record {
            host_id: Some("web-7".into()),
            generation: 3,
            ca_version: 2,
            machine: Some(sha256_hex(b"m")),
            received: Some(-5),
            servers: vec!["c.example:7443".into()],
            server_name: None,
        };
        assert_eq!(Record::parse(&record.to_bytes()), Some(record.clone()));
        assert_eq!(Record::parse(b"{}"), Some(Record::default()));
        for text in ["", "{", "1", r#"{"host_id":"a/b"}"#, r#"{"generation":-1}"#] {
            assert_eq!(Record::parse(text.as_bytes()), None, "{text}");
        }
        assert!(record.is_of_another_machine(Some("x")));
        assert!(!record.is_of_another_machine(None));
        assert!(!Record::default().is_of_another_machine(Some("x")));
    }
}
