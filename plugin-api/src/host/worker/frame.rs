//! Frames: JSON texts, each after its length in four little-endian bytes. Both ends are the same
//! binary, so frames have no version.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes of the length before each text.
pub const PREFIX: usize = 4;

/// One end of the channel between a host and its worker, read and written by blocking calls.
#[derive(Debug)]
pub struct Frames {
    stream: BufReader<Bounded>,
    /// Bytes of the longest text.
    max: usize,
}

impl Frames {
    /// Takes one end of a pair of stream sockets. A longer text than `max` bytes is an error in
    /// either direction.
    pub fn new(stream: UnixStream, max: usize) -> Self {
        Self { stream: BufReader::new(Bounded { stream, deadline: None }), max }
    }

    /// Makes every later read fail with [`io::ErrorKind::TimedOut`] once `deadline` has passed.
    pub fn read_until(&mut self, deadline: Instant) {
        self.stream.get_mut().deadline = Some(deadline);
    }

    /// Returns the next frame; `None` when the other end has closed the channel.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::InvalidData`] for a frame that is too long, or is not
    /// a `T`; [`io::ErrorKind::UnexpectedEof`] for a frame that is cut short.
    pub fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        if self.stream.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut prefix = [0; PREFIX];
        self.stream.read_exact(&mut prefix)?;
        let mut text = Vec::new();
        let length = length(prefix, self.max)?;
        // Memory grows with the bytes that arrive, not with the length that was announced.
        (&mut self.stream).take(length as u64).read_to_end(&mut text)?;
        if text.len() < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Sends one message.
    ///
    /// # Errors
    /// Those of the socket; [`io::ErrorKind::InvalidData`] for a message that is too long.
    pub fn send<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        let frame = encode(message, self.max)?;
        self.send_frame(&frame)
    }

    /// Sends bytes that [`encode`] or [`finish`] made.
    ///
    /// # Errors
    /// Those of the socket.
    pub fn send_frame(&mut self, frame: &[u8]) -> io::Result<()> {
        self.stream.get_mut().stream.write_all(frame)
    }
}

/// A stream whose reads may have a deadline.
#[derive(Debug)]
struct Bounded {
    stream: UnixStream,
    deadline: Option<Instant>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        match self.stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::ErrorKind::TimedOut.into())
            }
            read => read,
        }
    }
}

/// Returns the length that a frame's first bytes announce.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] when it exceeds `max`.
pub fn length(prefix: [u8; PREFIX], max: usize) -> io::Result<usize> {
    let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
    if length > max { Err(too_long(length)) } else { Ok(length) }
}

/// Returns a message as a frame of at most `max` bytes of text.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] for a message that is too long or cannot be JSON.
pub fn encode<T: Serialize>(message: &T, max: usize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; PREFIX];
    serde_json::to_writer(&mut frame, message)?;
    finish(frame, max)
}

/// Writes the length into the first [`PREFIX`] bytes of `frame`, which were left for it.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] for a text longer than `max`.
pub fn finish(mut frame: Vec<u8>, max: usize) -> io::Result<Vec<u8>> {
    let length = frame.len().saturating_sub(PREFIX);
    let prefix = u32::try_from(length).ok().filter(|_| length <= max);
    let prefix = prefix.ok_or_else(|| too_long(length))?.to_le_bytes();
    frame.splice(..PREFIX, prefix);
    Ok(frame)
}

fn too_long(length: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {length} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn pair(max: usize) -> (Frames, Frames) {
        let (here, there) = UnixStream::pair().unwrap();
        (Frames::new(here, max), Frames::new(there, max))
    }

    #[test]
    fn frames_arrive_whole_until_the_other_end_closes() {
        let (mut here, mut there) = pair(16);
        here.send(&[1, 2]).unwrap();
        here.send(&"two").unwrap();
        assert_eq!(there.receive::<Vec<u8>>().unwrap(), Some(vec![1, 2]));
        assert_eq!(there.receive::<String>().unwrap().as_deref(), Some("two"));
        assert_eq!(here.send(&"x".repeat(20)).unwrap_err().kind(), io::ErrorKind::InvalidData);
        drop(here);
        assert_eq!(there.receive::<String>().unwrap(), None);
    }

    #[test]
    fn bad_frames_are_errors() {
        for (bytes, kind) in [
            (&[17, 0, 0, 0][..], io::ErrorKind::InvalidData),
            (&[255, 255, 255, 255], io::ErrorKind::InvalidData),
            (&[2, 0, 0, 0, b'x', b'y'], io::ErrorKind::InvalidData),
            (&[9, 0, 0, 0, b'1'], io::ErrorKind::UnexpectedEof),
            (&[9, 0], io::ErrorKind::UnexpectedEof),
        ] {
            let (mut here, mut there) = pair(16);
            here.send_frame(bytes).unwrap();
            drop(here);
            assert_eq!(there.receive::<u32>().unwrap_err().kind(), kind, "{bytes:?}");
        }
    }

    #[test]
    fn a_read_ends_at_its_deadline() {
        let (mut here, mut there) = pair(16);
        there.read_until(Instant::now() + Duration::from_millis(20));
        here.send_frame(&[9, 0, 0, 0, b'1']).unwrap();
        assert_eq!(there.receive::<u32>().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
