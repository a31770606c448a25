//! The messages between the daemon and a worker. The first frame is a [`Load`], each later one a
//! [`Call`]; the worker sends one [`Answer`] for each.

use std::io;

use plugin_api::ProviderError;
use plugin_api::host::worker::{self, PREFIX};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub(super) use plugin_api::host::worker::Load;

/// The longest `args` of a call, in bytes.
pub(super) const MAX_ARGS: usize = 64 << 10;
/// The longest reply of a plugin, in bytes.
pub(super) const MAX_REPLY: usize = 4 << 20;
/// The longest text in a frame: a reply and its envelope; `args` with each byte escaped.
pub(super) const MAX_FRAME: usize = MAX_REPLY + (64 << 10);

/// One call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) args: String,
    pub(super) caller_uid: u32,
    pub(super) deadline_ms: u64,
}

/// The worker's message for the load and for each call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// The plugin's description, later its replies.
    Ok(Box<RawValue>),
    /// The file cannot be loaded.
    Refused(String),
    /// The plugin's own error.
    Failed(ProviderError),
    /// The plugin broke the interface.
    Broken(String),
}

/// The text around the value of [`Answer::Ok`].
const OK: (&str, &str) = ("{\"ok\":", "}");

/// Returns the frame of an [`Answer::Ok`] with a plugin's reply, whatever the reply holds: the
/// daemon trusts no worker and parses all of it, so parsing it here would be wasted work.
pub(super) fn reply_frame(reply: &str) -> io::Result<Vec<u8>> {
    let mut frame = Vec::with_capacity(PREFIX + OK.0.len() + reply.len() + OK.1.len());
    frame.extend_from_slice(&[0; PREFIX]);
    for part in [OK.0, reply, OK.1] {
        frame.extend_from_slice(part.as_bytes());
    }
    worker::finish(frame, MAX_FRAME)
}
