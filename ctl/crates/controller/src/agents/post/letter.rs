//! What letters between nodes say: a line of JSON, and behind it the message of an agent as it is.

use super::query::Query;
use crate::agents::reply::NoReply;
use fleet::Digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The first line of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Head {
    /// A request to a host's agent, whose line follows.
    Ask {
        /// Names the question in its answer.
        ticket: Uuid,
        /// The node that asks.
        from: i32,
        /// The host.
        host: String,
        /// The request's id.
        id: String,
        /// Whether a client chose the id.
        client_chose_id: bool,
        /// How long the answer is waited for, in milliseconds.
        wait: u64,
        /// Whether its output is to be sent on the bus as it arrives.
        stream: bool,
    },
    /// The agent's reply, whose text follows.
    Reply {
        /// Of which question.
        ticket: Uuid,
        /// Bytes of output that were sent before it.
        output: u64,
    },
    /// There is no reply.
    NoReply {
        /// Of which question.
        ticket: Uuid,
        /// Why.
        why: Why,
    },
    /// Nobody waits for the reply anymore.
    Forget {
        /// Of which question.
        ticket: Uuid,
    },
    /// A question to the node itself.
    Query {
        /// Names the question in its answer, a reply.
        ticket: Uuid,
        /// The node that asks.
        from: i32,
        /// What is asked.
        query: Query,
    },
    /// A newer agent of a host has come to another node: does the one that is here answer?
    Probe {
        /// Names the question in its answer.
        ticket: Uuid,
        /// The node that asks.
        from: i32,
        /// The host.
        host: String,
        /// The boot that the newer one reported.
        boot: Option<String>,
        /// The key that it proved.
        key: Digest,
    },
    /// It does not, and makes way.
    Gone {
        /// Of which question.
        ticket: Uuid,
    },
    /// It does, from this address.
    Answers {
        /// Of which question.
        ticket: Uuid,
        /// The address.
        address: String,
    },
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", content = "text", rename_all = "snake_case")]
pub(super) enum Why {
    Withheld(String),
    Busy,
    Duplicate,
    Disconnected,
    TimedOut,
    Invalid(String),
    Stopping,
}

impl From<NoReply> for Why {
    fn from(why: NoReply) -> Self {
        match why {
            NoReply::Withheld(why) => Self::Withheld(why.to_string()),
            NoReply::Busy => Self::Busy,
            NoReply::Duplicate => Self::Duplicate,
            NoReply::Disconnected => Self::Disconnected,
            NoReply::TimedOut => Self::TimedOut,
            NoReply::Invalid(why) => Self::Invalid(why.to_string()),
            NoReply::Stopping => Self::Stopping,
        }
    }
}

impl From<Why> for NoReply {
    fn from(why: Why) -> Self {
        match why {
            Why::Withheld(why) => Self::Withheld(why.into()),
            Why::Busy => Self::Busy,
            Why::Duplicate => Self::Duplicate,
            Why::Disconnected => Self::Disconnected,
            Why::TimedOut => Self::TimedOut,
            Why::Invalid(why) => Self::Invalid(why.into()),
            Why::Stopping => Self::Stopping,
        }
    }
}

/// Writes a letter.
pub(super) fn write(head: &Head, text: &[u8]) -> Vec<u8> {
    let mut letter = serde_json::to_vec(head).expect("plain fields go to memory");
    letter.reserve(text.len() + 1);
    letter.push(b'\n');
    letter.extend_from_slice(text);
    letter
}

/// Reads a letter: its first line, and what follows it. `None` where another version wrote something
/// that this one does not know.
pub(super) fn read(letter: &[u8]) -> Option<(Head, &[u8])> {
    let end = letter.iter().position(|byte| *byte == b'\n')?;
    let head = serde_json::from_slice(&letter[..end]).ok()?;
    Some((head, &letter[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_as_it_was_written() {
        let ticket = Uuid::from_u128(1);
        for head in [
            Head::Reply { ticket, output: 3 },
            Head::NoReply { ticket, why: Why::Invalid("no JSON".to_owned()) },
            Head::NoReply { ticket, why: Why::Busy },
            Head::Answers { ticket, address: "[::1]:2".to_owned() },
        ] {
            let text = b"{\"a\":\n1}\n";
            let letter = write(&head, text);
            assert_eq!(read(&letter), Some((head, &text[..])));
        }
        assert_eq!(read(b"{\"kind\":\"news\"}\n"), None);
        assert_eq!(read(b"{}"), None);
    }
}
