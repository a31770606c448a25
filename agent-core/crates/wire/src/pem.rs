//! Writes PEM (RFC 7468), in which certificates travel (§9) and keys are kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Characters of a line.
const LINE: usize = 64;

/// Returns DER as a section of PEM with this label.
pub fn write(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(LINE) {
        // Base64 is ASCII.
        out.extend(line.iter().copied().map(char::from));
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}
