//! What the daemon and a worker say to each other: JSON texts, each after its length in four
//! little-endian bytes. Both ends are the same binary, so there are no versions.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use agent_sys::readiness::watch;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, send, shutdown};
use plugin_api::ProviderError;
use plugin_api::host::Trust;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The longest `args` of a call, in bytes.
pub(super) const MAX_ARGS: usize = 64 << 10;
/// The longest reply of a plugin, in bytes.
pub(super) const MAX_REPLY: usize = 4 << 20;
/// The longest text in a frame: a reply and what is around it; `args` with each byte escaped.
const MAX_FRAME: usize = MAX_REPLY + (64 << 10);
/// A buffer that has grown beyond this is not kept for the next frame.
const KEPT_BUFFER: usize = 16 << 10;
/// Room made for each read: a small answer comes in one.
const READ_BYTES: usize = 4 << 10;
/// The length before each text.
const PREFIX: usize = 4;

/// The first frame to a worker: what to load.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) method: String,
    pub(super) path: PathBuf,
    /// What is asked of the file beside its owner.
    pub(super) trust: Trust,
    /// Whether root is kept; else it is dropped before anything is loaded.
    pub(super) keep_root: bool,
}

/// The frames that follow: one call each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) args: String,
    pub(super) caller_uid: u32,
    pub(super) deadline_ms: u64,
}

/// What comes back, once for the job and once for each call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Answer {
    /// The plugin's description, then its replies.
    Ok(Box<RawValue>),
    /// The file can't be loaded.
    Refused(String),
    /// The plugin's own error.
    Failed(ProviderError),
    /// The plugin broke the interface.
    Broken(String),
}

/// What stands around the value of [`Answer::Ok`].
const OK: (&str, &str) = ("{\"ok\":", "}");

/// The worker's end.
pub(super) struct Blocking(BufReader<UnixStream>);

impl Blocking {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self(BufReader::new(stream))
    }

    /// The next frame; none when the daemon is gone or wants no more.
    pub(super) fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        if self.0.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut prefix = [0; PREFIX];
        self.0.read_exact(&mut prefix)?;
        let mut text = vec![0; checked_len(prefix)?];
        self.0.read_exact(&mut text)?;
        Ok(Some(serde_json::from_slice(&text)?))
    }

    pub(super) fn send(&mut self, answer: &Answer) -> io::Result<()> {
        self.0.get_mut().write_all(&encode(answer)?)
    }

    /// Sends a plugin's reply as [`Answer::Ok`], whatever it holds: the daemon believes no worker and parses all of it, so
    /// parsing it here as well would only cost.
    pub(super) fn send_reply(&mut self, reply: &str) -> io::Result<()> {
        let mut frame = Vec::with_capacity(PREFIX + OK.0.len() + reply.len() + OK.1.len());
        frame.extend_from_slice(&[0; PREFIX]);
        for part in [OK.0, reply, OK.1] {
            frame.extend_from_slice(part.as_bytes());
        }
        self.0.get_mut().write_all(&prefixed(frame)?)
    }
}

/// The daemon's end. Only arriving bytes wake the daemon: tokio's own stream would also wake it each time the worker has
/// read, at each call once for nothing.
#[derive(Debug)]
pub(super) struct Channel {
    stream: AsyncFd<OwnedFd>,
    /// The same socket, watched for room; made when there was none for the first time.
    room: Option<AsyncFd<OwnedFd>>,
    buffer: Vec<u8>,
}

impl Channel {
    /// Takes the daemon's end of a pair of stream sockets.
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream: watch(stream.into(), Interest::READABLE)?, room: None, buffer: Vec::new() })
    }

    pub(super) async fn send<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        let frame = encode(message)?;
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            match send(self.stream.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL) {
                Ok(sent) => rest = &rest[sent..],
                Err(Errno::EAGAIN) => self.await_room().await?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    async fn await_room(&mut self) -> io::Result<()> {
        let room = match self.room.take() {
            Some(room) => room,
            None => watch(self.stream.get_ref().try_clone()?, Interest::WRITABLE)?,
        };
        // What was known of it is used up: the next wait is for news.
        self.room.insert(room).writable().await?.clear_ready();
        Ok(())
    }

    /// Tells the worker that nothing more comes. That it is gone already is no error.
    pub(super) fn close(&mut self) {
        let _ = shutdown(self.stream.as_raw_fd(), Shutdown::Write);
    }

    async fn read_more(&mut self) -> io::Result<usize> {
        self.buffer.reserve(READ_BYTES);
        loop {
            let mut ready = self.stream.readable().await?;
            let free = self.buffer.spare_capacity_mut().len().min(KEPT_BUFFER);
            let held = self.buffer.len();
            self.buffer.resize(held + free, 0);
            let read = ready.try_io(|stream| Ok(nix::unistd::read(stream, &mut self.buffer[held..])?));
            let count = read.as_ref().map_or(0, |read| *read.as_ref().unwrap_or(&0));
            self.buffer.truncate(held + count);
            match read {
                Ok(Ok(count)) => {
                    // Less than there was room for: the socket is empty, and asking it again would only say so.
                    if count < free {
                        ready.clear_ready();
                    }
                    return Ok(count);
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }

    /// The next frame. A worker that is gone is an error of kind `UnexpectedEof`.
    pub(super) async fn receive(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some((prefix, text)) = self.buffer.split_first_chunk::<PREFIX>() {
                let len = checked_len(*prefix)?;
                if text.len() >= len {
                    break PREFIX + len;
                }
                let missing = len - text.len();
                self.buffer.reserve(missing);
            }
            if self.read_more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        // Of one kind whatever the fault is: an end within the text is not the worker's end.
        let answer = serde_json::from_slice(&self.buffer[PREFIX..end]).map_err(|err| {
            io::Error::new(io::ErrorKind::InvalidData, format!("its answer is not JSON: {err}"))
        })?;
        self.buffer.drain(..end);
        self.buffer.shrink_to(KEPT_BUFFER);
        Ok(answer)
    }
}

fn checked_len(prefix: [u8; PREFIX]) -> io::Result<usize> {
    let len = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
    if len > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {len} bytes")));
    }
    Ok(len)
}

fn encode<T: Serialize>(message: &T) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; PREFIX];
    serde_json::to_writer(&mut frame, message)?;
    prefixed(frame)
}

/// Puts the length of what follows into the first bytes, which were left for it.
fn prefixed(mut frame: Vec<u8>) -> io::Result<Vec<u8>> {
    let len = frame.len() - PREFIX;
    let prefix = u32::try_from(len).ok().filter(|_| len <= MAX_FRAME);
    let prefix = prefix
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {len} bytes")))?;
    frame[..PREFIX].copy_from_slice(&prefix.to_le_bytes());
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_cross_whole_and_oversized_ones_are_refused() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut channel = Channel::new(here).unwrap();
        let mut worker = Blocking::new(there);
        let call = Call { args: "-U 'a b'".to_owned(), caller_uid: 7, deadline_ms: 9 };
        channel.send(&call).await.unwrap();
        let got: Call = worker.receive().unwrap().unwrap();
        assert_eq!((got.args.as_str(), got.caller_uid, got.deadline_ms), ("-U 'a b'", 7, 9));

        for (reply, fits) in
            [("{\"a\":1}", true), ("1},{\"ok\":2", false), ("1,\"ok\":2", false), ("", false), ("\"", false)]
        {
            worker.send_reply(reply).unwrap();
            match channel.receive().await {
                Ok(Answer::Ok(value)) => assert!(fits && value.get() == reply, "{reply}"),
                other => assert!(!fits, "{reply}: {other:?}"),
            }
            channel.buffer.clear();
        }

        let big = format!("[{}1]", "1,".repeat(200_000));
        let answer = Answer::Ok(RawValue::from_string(big.clone()).unwrap());
        let sender = std::thread::spawn(move || {
            worker.send(&answer).unwrap();
            worker.send(&Answer::Refused("no".to_owned())).unwrap();
            worker.0.get_mut().write_all(&u32::MAX.to_le_bytes()).unwrap();
            worker
        });
        let Answer::Ok(got) = channel.receive().await.unwrap() else { panic!() };
        assert_eq!(got.get(), big);
        let mut worker = sender.join().unwrap();
        assert!(matches!(channel.receive().await, Ok(Answer::Refused(_))));
        assert!(matches!(channel.receive().await, Err(error) if error.kind() == io::ErrorKind::InvalidData));
        drop(channel);
        assert!(worker.receive::<Call>().unwrap().is_none());
    }
}
