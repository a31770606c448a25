//! The daemon's end of the channel to a worker, on the event loop.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use agent_sys::readiness::watch;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, send, shutdown};
use plugin_api::host::worker::{self, PREFIX};
use serde::Serialize;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::message::{Answer, MAX_FRAME};

/// A buffer that has grown beyond this many bytes is not kept for the next frame.
const KEPT_BUFFER: usize = 16 << 10;
/// Bytes of room for each read: a small answer arrives in one.
const READ_BYTES: usize = 4 << 10;

/// The channel to one worker. Only arriving bytes wake the daemon: tokio's own stream would also
/// wake it each time the worker has read, once per call for nothing.
#[derive(Debug)]
pub(super) struct Channel {
    stream: AsyncFd<OwnedFd>,
    /// The same socket, watched for room to write; created the first time that there is none.
    room: Option<AsyncFd<OwnedFd>>,
    buffer: Vec<u8>,
}

impl Channel {
    /// Takes the daemon's end of a pair of stream sockets.
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: watch(stream.into(), Interest::READABLE)?,
            room: None,
            buffer: Vec::new(),
        })
    }

    pub(super) async fn send<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        let frame = worker::encode(message, MAX_FRAME)?;
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
        // Clears the readiness, so that the next wait is for a new event.
        self.room.insert(room).writable().await?.clear_ready();
        Ok(())
    }

    /// Closes the sending side, which ends the worker. A worker that is gone already is no error.
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
            let read =
                ready.try_io(|stream| Ok(nix::unistd::read(stream, &mut self.buffer[held..])?));
            let count = read.as_ref().map_or(0, |read| *read.as_ref().unwrap_or(&0));
            self.buffer.truncate(held + count);
            match read {
                Ok(Ok(count)) => {
                    // Less than there was room for: the socket is empty, and another read would
                    // only confirm that.
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

    /// Returns the next answer. A worker that is gone is an error of kind `UnexpectedEof`.
    pub(super) async fn receive(&mut self) -> io::Result<Answer> {
        let end = loop {
            if let Some((prefix, text)) = self.buffer.split_first_chunk::<PREFIX>() {
                let len = worker::length(*prefix, MAX_FRAME)?;
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
        // One error kind for every fault: a text that ends early is not the worker's end.
        let answer = serde_json::from_slice(&self.buffer[PREFIX..end]).map_err(|err| {
            io::Error::new(io::ErrorKind::InvalidData, format!("its reply is not JSON: {err}"))
        });
        // A bad answer is taken as well: the next call must not read it again.
        self.buffer.drain(..end);
        self.buffer.shrink_to(KEPT_BUFFER);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Call, reply_frame};
    use super::*;
    use plugin_api::host::worker::Frames;
    use serde_json::value::RawValue;

    #[tokio::test]
    async fn answers_arrive_whole_and_oversized_frames_are_rejected() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut channel = Channel::new(here).unwrap();
        let mut worker = Frames::new(there, MAX_FRAME);
        let call = Call { args: "-U 'a b'".to_owned(), caller_uid: 7, deadline_ms: 9 };
        channel.send(&call).await.unwrap();
        let got: Call = worker.receive().unwrap().unwrap();
        assert_eq!((got.args.as_str(), got.caller_uid, got.deadline_ms), ("-U 'a b'", 7, 9));

        for (reply, fits) in [
            ("{\"a\":1}", true),
            ("1},{\"ok\":2", false),
            ("1,\"ok\":2", false),
            ("", false),
            ("\"", false),
        ] {
            worker.send_frame(&reply_frame(reply).unwrap()).unwrap();
            match channel.receive().await {
                Ok(Answer::Ok(value)) => assert!(fits && value.get() == reply, "{reply}"),
                other => assert!(!fits, "{reply}: {other:?}"),
            }
            assert!(channel.buffer.is_empty(), "{reply}");
        }

        let big = format!("[{}1]", "1,".repeat(200_000));
        let answer = Answer::Ok(RawValue::from_string(big.clone()).unwrap());
        let sender = std::thread::spawn(move || {
            worker.send(&answer).unwrap();
            worker.send(&Answer::Refused("no".to_owned())).unwrap();
            worker.send_frame(&u32::MAX.to_le_bytes()).unwrap();
            worker
        });
        let Answer::Ok(got) = channel.receive().await.unwrap() else { panic!() };
        assert_eq!(got.get(), big);
        let mut worker = sender.join().unwrap();
        assert!(matches!(channel.receive().await, Ok(Answer::Refused(_))));
        assert!(
            matches!(channel.receive().await, Err(error) if error.kind() == io::ErrorKind::InvalidData)
        );
        drop(channel);
        assert!(worker.receive::<Call>().unwrap().is_none());
    }
}
