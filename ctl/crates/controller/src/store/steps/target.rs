//! What a move or a result does to a target, by the state that its row has.

use crate::store::MoveTo;
use agent_wire::json::parse_object;
use fleet::run::{End, Outcome, TargetState};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The kind of a stored reply, beside the methods of events.
pub(in crate::store) const REPLY: &str = "reply";

/// Bytes of the digest by which outputs are grouped.
const OUTPUT_DIGEST: usize = 16;

/// A digest of end state, code and output: equal for targets that ended alike.
pub(in crate::store) type OutputDigest = [u8; OUTPUT_DIGEST];

/// The fields of an event or reply that are its output.
const OUTPUT: [&str; 4] = ["data", "encoding", "stderr", "stderr_encoding"];

/// What a move does to a target.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) enum Step<'a> {
    /// It comes into another state, for this reason.
    Go(TargetState, Option<&'a str>),
    /// It ends without a result.
    End(&'a End),
    /// It ends by this reply, which is kept.
    Reply(&'a End, &'a str),
}

impl<'a> Step<'a> {
    /// Returns what a move does to a target in this state; `None` if the target stays as it is.
    pub(in crate::store) fn of(state: TargetState, to: &'a MoveTo) -> Option<Self> {
        if state.end().is_some() {
            return None;
        }
        match to {
            MoveTo::Queued { why } => Some(Self::Go(TargetState::Queued, why.as_deref())),
            MoveTo::Sent if state == TargetState::Running => None,
            MoveTo::Sent => Some(Self::Go(TargetState::Sent, None)),
            MoveTo::Running => Some(Self::Go(TargetState::Running, None)),
            MoveTo::Ended(end) => Some(Self::End(end)),
            MoveTo::Replied { end, reply } => Some(Self::Reply(end, reply)),
        }
    }
}

/// How a task's result ends a target.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) struct ResultEnd {
    /// The end.
    pub(in crate::store) end: End,
    /// The digest by which it is grouped.
    pub(in crate::store) output: OutputDigest,
}

impl ResultEnd {
    /// Returns how an event ends a target in this state, `has_result` if another result has ended
    /// it; `None` if the target stays as it is.
    pub(in crate::store) fn of(state: TargetState, has_result: bool, event: &str) -> Option<Self> {
        // The host knows better than whoever gave it up; but a result is final.
        if state.end().is_some() && has_result {
            return None;
        }
        // An event without an outcome is rejected before it comes here.
        let event = parse_object(event).ok()?;
        let end = Outcome::parse(&event).ok()?.end_of_task();
        let output = grouped(&end, &event);
        Some(Self { end, output })
    }

    /// Returns the digest by which a target that ends by a reply is grouped.
    pub(in crate::store) fn output_of_reply(end: &End, reply: &str) -> OutputDigest {
        grouped(end, &parse_object(reply).unwrap_or_default())
    }
}

/// Returns the digest by which targets that ended alike are grouped.
fn grouped(end: &End, event: &Map<String, Value>) -> OutputDigest {
    let mut text = Vec::new();
    text.extend_from_slice(end.state.word().as_bytes());
    text.extend_from_slice(&end.code.unwrap_or_default().to_be_bytes());
    for name in OUTPUT {
        text.push(0);
        if let Some(value) = event.get(name) {
            text.extend_from_slice(value.to_string().as_bytes());
        }
    }
    let hash = digest(&SHA256, &text);
    let mut short = [0; OUTPUT_DIGEST];
    short.copy_from_slice(&hash.as_ref()[..OUTPUT_DIGEST]);
    short
}

/// Writes a digest in hexadecimal.
pub(in crate::store) fn digest_in_hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(digest.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads a digest in hexadecimal.
pub(in crate::store) fn digest_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<Vec<u8>>>()
        .filter(|bytes| bytes.len() * 2 == text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet::run::EndState;

    #[test]
    fn a_move_never_leads_out_of_an_end_nor_from_running_back_to_sent() {
        let moves = [
            MoveTo::Queued { why: Some("offline".to_owned()) },
            MoveTo::Sent,
            MoveTo::Running,
            MoveTo::Ended(End::new(EndState::Expired)),
        ];
        for state in TargetState::ALL {
            for to in &moves {
                let stays = state.end().is_some()
                    || (state == TargetState::Running && matches!(to, MoveTo::Sent));
                assert_eq!(Step::of(state, to).is_none(), stays, "{state} {to:?}");
            }
        }
        let queued = Step::of(TargetState::Waiting, &moves[0]);
        assert_eq!(queued, Some(Step::Go(TargetState::Queued, Some("offline"))));
    }

    #[test]
    fn a_result_is_final_and_another_end_is_not() {
        let event = r#"{"resp":"success","retcode":3,"data":"x"}"#;
        let assumed = TargetState::Ended(EndState::Interrupted);
        let end = ResultEnd::of(assumed, false, event).unwrap();
        assert_eq!((end.end.state, end.end.code), (EndState::Failed, Some(3)));
        assert_eq!(ResultEnd::of(assumed, true, event), None);
        assert_eq!(ResultEnd::of(TargetState::Sent, false, "{}"), None);
        // The time it took does not count.
        let later = r#"{"resp":"success","retcode":3,"data":"x","ended":"later"}"#;
        assert_eq!(ResultEnd::of(TargetState::Sent, false, later), Some(end));
    }

    #[test]
    fn a_digest_is_read_back_and_no_other_text_is_one() {
        let digest: Vec<u8> = (0..=255).collect();
        assert_eq!(digest_of_hex(&digest_in_hex(&digest)), Some(digest));
        for no_digest in ["xyz", "abc", "é"] {
            assert_eq!(digest_of_hex(no_digest), None);
        }
    }
}
