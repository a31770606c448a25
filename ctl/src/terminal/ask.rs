//! Questions on the terminal.

use super::{is_interactive, safe};
use crate::error::Error;
use std::io::{self, Write as _};

/// The longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 4096;

/// Asks before something is destroyed, unless `yes`. `question` ends with what would happen:
/// "remove host web-1".
///
/// # Errors
/// [`Error::Failed`] for any answer but yes; [`Error::Usage`] if there is nobody to ask.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    let question = safe(question);
    if !is_interactive() {
        return Err(Error::usage(format!(
            "asked to {question}, and there is no terminal to confirm it: repeat it with --yes"
        )));
    }
    let answer = line(&format!("Really {question}? [y/N] "))?;
    if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
        return Ok(());
    }
    Err(Error::failed("nothing was changed"))
}

/// Prints `prompt` on standard error and reads a line of standard input.
///
/// # Errors
/// [`Error::Unavailable`] if standard input ends or cannot be read.
pub(crate) fn line(prompt: &str) -> Result<String, Error> {
    let _ = io::stderr().write_all(prompt.as_bytes());
    let mut answer = String::new();
    let read =
        io::BufRead::read_line(&mut io::Read::take(io::stdin().lock(), MAX_ANSWER), &mut answer);
    match read {
        Ok(0) => {
            let _ = io::stderr().write_all(b"\n");
            Err(Error::unavailable("standard input ended before the answer"))
        }
        Ok(_) => Ok(answer.trim().to_owned()),
        Err(error) => Err(Error::unavailable_by("cannot read standard input", error)),
    }
}
