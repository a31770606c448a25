//! Prints JSON on standard output, and errors on standard error, one line each.
//!
//! A closed pipe (`| head`) is not an error.

use crate::error::Error;
use crate::terminal;
use serde::Deserialize;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd as _;

/// A plugin's whole reply to `-h`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usage {
    usage: String,
}

/// Prints bytes unchanged.
///
/// # Errors
/// If they cannot be written, except to a closed pipe.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Error> {
    parts(&[bytes])
}

/// Prints a part of a longer output. Returns `false` if the pipe is closed.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn piece(bytes: &[u8]) -> Result<bool, Error> {
    match write(&[bytes]) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::Output(error)),
    }
}

fn parts(parts: &[&[u8]]) -> Result<(), Error> {
    match write(parts) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Output(error)),
        _ => Ok(()),
    }
}

fn write(parts: &[&[u8]]) -> io::Result<()> {
    // Unbuffered: the buffer of `Stdout` searches every byte for line ends.
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    parts.iter().try_for_each(|part| out.write_all(part))
}

/// Prints a JSON document: unchanged into a pipe or file, formatted on a terminal, where a plugin's
/// help prints as text.
///
/// # Errors
/// If it cannot be written, except to a closed pipe.
pub(crate) fn json(text: &str) -> Result<(), Error> {
    if io::stdout().is_terminal()
        && let Some(laid_out) = for_people(text)
    {
        return parts(&[laid_out.as_bytes(), b"\n"]);
    }
    parts(&[text.trim().as_bytes(), b"\n"])
}

/// Prints a line on standard error, and ignores a failure to do so.
pub(crate) fn error(message: &impl Display) {
    let line = format!("BasicAgentCtl: {}\n", terminal::safe(&message.to_string()));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Prints lines on standard error unchanged. The caller has escaped them for a terminal.
pub(crate) fn error_lines(lines: &str) {
    let _ = io::stderr().write_all(lines.as_bytes());
}

/// Returns JSON on one line: unchanged for a pipe or file, harmless for a terminal.
pub(crate) fn shown_json(text: &str) -> String {
    if io::stdout().is_terminal() { terminal::json(text.trim()) } else { text.trim().to_owned() }
}

/// Formats JSON for a terminal, which it cannot steer; `None` if the text is not JSON.
pub(crate) fn for_people(text: &str) -> Option<String> {
    if let Ok(Usage { usage }) = serde_json::from_str(text) {
        // Escaped, because control sequences would drive the terminal.
        return Some(usage.lines().map(terminal::safe).collect::<Vec<_>>().join("\n"));
    }
    let mut laid_out = Vec::with_capacity(text.len() * 2);
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_transcode::transcode(&mut reader, &mut serde_json::Serializer::pretty(&mut laid_out))
        .ok()?;
    reader.end().ok()?;
    String::from_utf8(laid_out).ok().map(|text| terminal::json(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatted_json_keeps_order_and_numbers() {
        let laid_out = for_people(r#"{"b":1,"a":[18446744073709551615,{}]}"#).unwrap();
        assert_eq!(
            laid_out,
            "{\n  \"b\": 1,\n  \"a\": [\n    18446744073709551615,\n    {}\n  ]\n}"
        );
        assert_eq!(for_people(r#"{"usage":"a\n\u001bb"}"#).unwrap(), "a\n\\u{1b}b");
        assert_eq!(for_people("{} x"), None);
    }
}
