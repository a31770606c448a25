//! Sends requests to this machine's agent over its local socket, one line each way.

use crate::error::Error;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The socket of an agent with the default configuration.
pub(crate) const DEFAULT: &str = "/run/basicagent/agent.sock";

/// How long an agent may take to reply.
const WAIT: Duration = Duration::from_secs(60);

/// The longest reply, in bytes: an agent's longest, and a little more.
const MAX_REPLY: u64 = 65 << 20;

/// Sends a request and returns the reply as JSON text.
///
/// # Errors
/// [`Error::Unavailable`] with advice, or [`Error::NoReply`] if the connection ends before the
/// reply.
pub(crate) fn request(path: &Path, request: &str) -> Result<String, Error> {
    let stream = UnixStream::connect(path).map_err(|error| unreachable(path, error))?;
    let lost =
        |error: io::Error| Error::no_reply_by(format!("the agent at {}", path.display()), error);
    stream.set_read_timeout(Some(WAIT)).map_err(lost)?;
    stream.set_write_timeout(Some(WAIT)).map_err(lost)?;
    // An agent that rejects us may have closed the connection: its reply, or the lack of one, says
    // more.
    let sent = (&stream).write_all(format!("{request}\n").as_bytes());
    let mut reply = String::new();
    match BufReader::new(&stream).take(MAX_REPLY).read_line(&mut reply) {
        Ok(_) if reply.ends_with('\n') => Ok(reply),
        Ok(0) => Err(no_reply(path)),
        Ok(_) => Err(lost(ErrorKind::UnexpectedEof.into())),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(no_reply(path)),
        // The error of a read that timed out (socket(7), SO_RCVTIMEO).
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Error::no_reply(format!(
            "the agent at {} did not reply within {} s",
            path.display(),
            WAIT.as_secs()
        ))),
        Err(error) => Err(lost(sent.err().unwrap_or(error))),
    }
}

fn no_reply(path: &Path) -> Error {
    Error::no_reply(format!(
        "the agent at {} closed the connection: it accepts only root and its own user, and nobody while it stops",
        path.display()
    ))
}

fn unreachable(path: &Path, error: io::Error) -> Error {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => Error::unavailable(format!(
            "no agent at {path}: start it (systemctl start basicagent), or name the agent.sock in its run_dir with --socket"
        )),
        ErrorKind::ConnectionRefused => Error::unavailable(format!(
            "the agent at {path} is not running: start it (systemctl start basicagent)"
        )),
        ErrorKind::PermissionDenied => {
            Error::unavailable_by(format!("{path}: only root may use it (try sudo)"), error)
        }
        _ => Error::unavailable_by(path.to_string(), error),
    }
}
