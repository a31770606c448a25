//! Reads a password from the terminal without showing it.
//!
//! The terminal is read byte by byte and delivers no signals meanwhile, so that Ctrl-C ends the
//! question here, after the echo is back; a signal would leave the shell without echo.

use crate::error::Error;
use nix::sys::termios::{self, LocalFlags, SetArg, SpecialCharacterIndices, Termios};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};

/// The longest password, in bytes.
pub(crate) const MAX_PASSWORD: usize = 1024;

/// Asks for a password on the controlling terminal.
///
/// # Errors
/// [`Error::Usage`] without a terminal; [`Error::Failed`] if the question is aborted.
pub(crate) fn password(prompt: &str) -> Result<String, Error> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(|_| {
        Error::usage(
            "there is no terminal to ask for the password on: use --password-file FILE, or \
             --password-stdin",
        )
    })?;
    let quiet = Quiet::new(terminal)?;
    let _ = (&quiet.terminal).write_all(prompt.as_bytes());
    let typed = typed(&quiet.terminal);
    let _ = (&quiet.terminal).write_all(b"\r\n");
    drop(quiet);
    let typed = typed?.ok_or_else(|| Error::failed("aborted at the question for the password"))?;
    String::from_utf8(typed).map_err(|_| Error::usage("the password is not UTF-8 text"))
}

/// Reads to the end of the line; `None` if the person aborts.
fn typed(mut terminal: &File) -> Result<Option<Vec<u8>>, Error> {
    let mut typed = Vec::new();
    let mut byte = [0];
    loop {
        let read = terminal.read(&mut byte);
        match read.map_err(|error| Error::unavailable_by("cannot read the terminal", error))? {
            0 => return Ok(None),
            _ => match byte[0] {
                b'\r' | b'\n' => return Ok(Some(typed)),
                // Ctrl-C, Ctrl-D, Ctrl-\
                3 | 4 | 28 => return Ok(None),
                // Backspace, also over a character of several bytes.
                8 | 127 => while typed.pop().is_some_and(|last| last & 0xc0 == 0x80) {},
                // Ctrl-U
                21 => typed.clear(),
                other if typed.len() < MAX_PASSWORD => typed.push(other),
                _ => {}
            },
        }
    }
}

/// A terminal without echo. Dropping it brings the echo back.
struct Quiet {
    terminal: File,
    before: Termios,
}

impl Quiet {
    fn new(terminal: File) -> Result<Self, Error> {
        let failed =
            |error: nix::Error| Error::unavailable_by("cannot silence the terminal", error);
        let before = termios::tcgetattr(&terminal).map_err(failed)?;
        let mut silent = before.clone();
        silent
            .local_flags
            .remove(LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::ICANON | LocalFlags::ISIG);
        silent.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        silent.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        // Flushes: words typed before the prompt are no password.
        termios::tcsetattr(&terminal, SetArg::TCSAFLUSH, &silent).map_err(failed)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}
