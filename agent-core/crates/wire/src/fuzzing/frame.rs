//! Framing: any split of any stream decodes alike, within any limits.

use crate::{DEFAULT_MAX_DEPTH, Decoder, Limits, Malformed, Retcode};
use serde_json::value::RawValue;

/// From an agent's own limits down to limits that nothing fits into.
const LIMITS: [Limits; 4] = [
    Limits { max_message: 1 << 20, max_depth: DEFAULT_MAX_DEPTH },
    Limits { max_message: 300, max_depth: 64 },
    Limits { max_message: 40, max_depth: 3 },
    Limits { max_message: 1, max_depth: 1 },
];

/// The longest piece that [`frame`] cuts, in bytes.
const MAX_PIECE: usize = 64;

/// Checks a stream; the first byte of each piece also says how long the piece is.
pub fn frame(stream: &[u8]) {
    for limits in LIMITS {
        let whole = decode([stream], limits);
        assert_eq!(decode(stream.chunks(1), limits), whole, "byte by byte, {limits:?}");
        assert_eq!(decode(pieces(stream), limits), whole, "in pieces, {limits:?}");
        is_in_order(stream, &whole, limits);
        agrees_with_a_json_parser(stream, &whole, limits);
    }
}

fn pieces(mut stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = usize::from(*stream.first()?) % MAX_PIECE + 1;
        let (piece, rest) = stream.split_at(len.min(stream.len()));
        stream = rest;
        Some(piece)
    })
}

type Decoded = Vec<Result<String, Malformed>>;

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Decoded {
    let mut decoder = Decoder::new(limits);
    let mut out: Decoded = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(text)) => out.push(Ok(text.to_owned())),
                Ok(None) => break,
                Err(error) => out.push(Err(error)),
            }
        }
    }
    out
}

/// Checks that messages are pieces of the stream, in its order and within the limits, and that
/// nothing follows a fatal error.
fn is_in_order(mut rest: &[u8], decoded: &Decoded, limits: Limits) {
    for (at, item) in decoded.iter().enumerate() {
        match item {
            Ok(text) => {
                assert!(
                    text.starts_with('{')
                        && text.ends_with('}')
                        && text.len() <= limits.max_message
                );
                let found = rest.windows(text.len()).position(|window| window == text.as_bytes());
                rest = &rest[found.expect("a message is a piece of the stream") + text.len()..];
            }
            Err(error) => {
                assert!(matches!(error.retcode, Retcode::Malformed | Retcode::TooLarge));
                assert!(!error.fatal || at + 1 == decoded.len(), "something came after {error:?}");
                super::fits_a_log_line(&error.to_string());
            }
        }
    }
}

/// Checks that the decoder finds the same objects as a JSON parser, as long as that finds one after
/// another, and skips objects beyond a limit.
fn agrees_with_a_json_parser(stream: &[u8], decoded: &Decoded, limits: Limits) {
    let mut decoded = decoded.iter();
    for value in serde_json::Deserializer::from_slice(stream).into_iter::<&RawValue>() {
        let Ok(text) = value.map(RawValue::get) else { return };
        if !text.starts_with('{') {
            assert!(
                decoded.next().is_none_or(|item| item.as_ref().is_err_and(|error| error.fatal))
            );
            return;
        }
        match decoded.next().expect("an object gives a message or an error") {
            Ok(found) => assert_eq!(found, text),
            Err(error) => {
                assert_eq!(error.retcode, Retcode::TooLarge, "{text:?}: {error}");
                assert!(
                    text.len() > limits.max_message || depth(text) > limits.max_depth,
                    "{text:?}: {error}"
                );
                if error.fatal {
                    return;
                }
            }
        }
    }
}

/// Returns how deep a JSON text nests.
fn depth(text: &str) -> u32 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}
