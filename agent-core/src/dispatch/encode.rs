//! Output as text or as base64 (§5).

use agent_wire::message::Encoding;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Returns the bytes as text where they are UTF-8 and base64 was not requested, else as base64, and
/// the name of the encoding. Text holds no NUL: JSON writes it as six bytes, and a flood of them
/// must not cost the agent six times the bound.
pub(super) fn encode(bytes: Vec<u8>, encoding: Encoding) -> (String, Option<&'static str>) {
    let bytes = match encoding {
        Encoding::Base64 => bytes,
        Encoding::Auto if bytes.contains(&0) => bytes,
        Encoding::Auto => match String::from_utf8(bytes) {
            Ok(text) => return (text, None),
            Err(error) => error.into_bytes(),
        },
    };
    (STANDARD.encode(bytes), Some("base64"))
}
