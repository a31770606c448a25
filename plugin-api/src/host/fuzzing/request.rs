//! Requests: a plugin reads a request back equal.

use crate::Args;
use crate::context::Request;

/// Checks the host's request as the plugin's end reads it.
pub fn request(bytes: &[u8]) {
    let Ok(request) = serde_json::from_slice::<Request>(bytes) else { return };
    let written = serde_json::to_string(&request).expect("our own request serializes");
    let back: Request = serde_json::from_str(&written).expect("our own request is a request");
    assert_eq!((&back.args, &back.ctx), (&request.args, &request.ctx));
    if let Err(error) = Args::parse(&request.args) {
        assert_eq!(error.code(), "usage");
    }
}
