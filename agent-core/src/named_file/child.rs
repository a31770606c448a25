//! Starts the process that reads one file, and is that process's program.
//!
//! The process replies with one byte and then the content, a system error's number in four bytes,
//! or a reason. An empty or invalid reply means that the process was killed.

use super::Error;
use super::content::{self, Writers};
use std::io::{self, PipeReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

/// The agent's hidden first argument; then come the path, the largest size, and the name
/// of the [`Writers`].
pub(crate) const READER_FLAG: &str = "--read-file";

const CONTENT: u8 = b'C';
const SYSTEM: u8 = b'S';
const REFUSED: u8 = b'R';

/// Starts a reader, and returns it with the pipe that its answer comes through.
pub(super) fn spawn(path: &Path, max: u64, writers: Writers) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    #[expect(clippy::disallowed_methods, reason = "the agent itself, not a command it was sent")]
    let mut command = Command::new("/proc/self/exe");
    command.arg(READER_FLAG).arg(path).arg(max.to_string()).arg(writers.name());
    // Dropping the command closes this process's copy of the writing end.
    let child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).spawn()?;
    Ok((child, reader))
}

/// Runs the reader. The agent's main calls it when its first argument is [`READER_FLAG`].
pub(crate) fn reader_main() -> ExitCode {
    let mut words = std::env::args_os().skip(2);
    let (path, max) = (words.next(), words.next());
    let max = max.and_then(|max| max.to_str()?.parse().ok());
    let (Some(path), Some(max)) = (path, max) else { return ExitCode::from(2) };
    let writers = words.next().and_then(|word| Writers::of_name(word.to_str()?));
    let Some(writers) = writers else { return ExitCode::from(2) };
    let mut answer = Vec::new();
    match content::read(Path::new(&path), max, writers) {
        Ok(bytes) => {
            answer.push(CONTENT);
            answer.extend(bytes);
        }
        Err(Error::System(error)) if error.raw_os_error().is_some() => {
            answer.push(SYSTEM);
            answer.extend(error.raw_os_error().unwrap_or_default().to_le_bytes());
        }
        Err(error) => {
            answer.push(REFUSED);
            answer.extend(error.to_string().into_bytes());
        }
    }
    match io::stdout().write_all(&answer).and_then(|()| io::stdout().flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Reads a reader's whole answer.
pub(super) fn answer(mut answer: Vec<u8>) -> Result<Vec<u8>, Error> {
    match answer.first() {
        Some(&CONTENT) => {
            answer.remove(0);
            Ok(answer)
        }
        Some(&SYSTEM) if answer.len() == 5 => {
            let number = [answer[1], answer[2], answer[3], answer[4]];
            Err(Error::System(io::Error::from_raw_os_error(i32::from_le_bytes(number))))
        }
        Some(&REFUSED) => Err(Error::Refused(String::from_utf8_lossy(&answer[1..]).into_owned())),
        _ => Err(Error::Refused("its reader was killed".to_owned())),
    }
}
