//! This machine's agent, asked at its local socket: a line there, a line back.

use crate::error::Error;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Where an agent listens that is configured as it comes.
pub(crate) const DEFAULT: &str = "/run/basicagent/agent.sock";

/// How long an agent may take for an answer.
const WAIT: Duration = Duration::from_secs(60);

/// Bytes of an answer: the most that an agent may send, and a little more.
const MAX_ANSWER: u64 = 65 << 20;

/// The answer to a request, as JSON text.
///
/// # Errors
/// [`Error::NotAsked`] with what to do, [`Error::Unanswered`] when the connection ends before the answer.
pub(crate) fn ask(path: &Path, request: &str) -> Result<String, Error> {
    let stream = UnixStream::connect(path).map_err(|error| out_of_reach(path, &error))?;
    let lost = |error: io::Error| Error::Unanswered(format!("the agent at {}: {error}", path.display()));
    stream.set_read_timeout(Some(WAIT)).map_err(lost)?;
    stream.set_write_timeout(Some(WAIT)).map_err(lost)?;
    // An agent that refuses us may have closed already: the answer, or that there is none, says more.
    let sent = (&stream).write_all(format!("{request}\n").as_bytes());
    let mut answer = String::new();
    match BufReader::new(&stream).take(MAX_ANSWER).read_line(&mut answer) {
        Ok(_) if answer.ends_with('\n') => Ok(answer),
        Ok(0) => Err(unanswered(path)),
        Ok(_) => Err(lost(ErrorKind::UnexpectedEof.into())),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(unanswered(path)),
        // What a read says that has waited for too long (socket(7), SO_RCVTIMEO).
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Error::Unanswered(format!(
            "the agent at {} gave no answer within {} s",
            path.display(),
            WAIT.as_secs()
        ))),
        Err(error) => Err(lost(sent.err().unwrap_or(error))),
    }
}

fn unanswered(path: &Path) -> Error {
    Error::Unanswered(format!(
        "the agent at {} gave no answer: it answers root and its own user, and nobody while it ends",
        path.display()
    ))
}

fn out_of_reach(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    Error::NotAsked(match error.kind() {
        ErrorKind::NotFound => format!(
            "no agent listens at {path}: start it (systemctl start basicagent), or name the agent.sock of its run_dir with --socket"
        ),
        ErrorKind::ConnectionRefused => {
            format!("the agent that listened at {path} is gone: start it (systemctl start basicagent)")
        }
        ErrorKind::PermissionDenied => format!("{path}: only root may ask the agent: use sudo"),
        _ => format!("{path}: {error}"),
    })
}
