//! Logs a plugin's output, line by line: bounded, and with control characters escaped, so that
//! a plugin can neither fill the log nor forge a line in it.

use std::io::{self, PipeReader};

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

/// Bytes of one worker's output that are logged; the rest is read and discarded.
const MAX_LOGGED: usize = 64 << 10;
/// Bytes of one line; the rest of a longer line starts a new one.
const MAX_LINE: usize = 1024;

/// Logs `output` until its last writer is gone.
pub(super) async fn log_lines(method: String, output: PipeReader) -> io::Result<()> {
    let mut output = pipe::Receiver::from_owned_fd(output.into())?;
    let mut pending = Vec::new();
    let mut left = MAX_LOGGED;
    let mut piece = [0; MAX_LINE];
    loop {
        let read = output.read(&mut piece).await?;
        if left > 0 {
            pending.extend_from_slice(&piece[..read.min(left)]);
            left -= read.min(left);
            log_whole_lines(&method, &mut pending, read == 0);
            if left == 0 {
                log_whole_lines(&method, &mut pending, true);
                log::warn!("{method}: printed more than {MAX_LOGGED} bytes; the rest is discarded");
            }
        }
        if read == 0 {
            return Ok(());
        }
    }
}

fn log_whole_lines(method: &str, pending: &mut Vec<u8>, all: bool) {
    loop {
        let end = pending.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
        let whole = pending.len().min(MAX_LINE);
        let Some(end) = end
            .filter(|end| *end <= MAX_LINE)
            .or((all && whole > 0 || whole == MAX_LINE).then_some(whole))
        else {
            return;
        };
        let line: Vec<u8> = pending.drain(..end).collect();
        let line = line.trim_ascii_end();
        if !line.is_empty() {
            log::info!("{method} printed: {}", line.escape_ascii());
        }
    }
}
