//! The controller's end of one channel, blocking and without a runtime, so that it costs as little
//! as possible compared with the measured program. The agent and the floor get the same end.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const ACCEPT: &[u8] = b"{\"method\":\"accept\"}\n";

/// The longest wait for a peer's message.
const SILENCE: Duration = Duration::from_secs(30);

/// An open channel of lines.
pub(crate) struct Line {
    stream: StreamOwned<ServerConnection, TcpStream>,
    buffer: Box<[u8]>,
    /// The last reply that [`Line::answer`] read.
    last: Vec<u8>,
    /// The beginning of a reply whose end has not arrived.
    partial: Vec<u8>,
}

impl Line {
    /// Accepts the next peer: the plain exchange, TLS, and `init` inside it.
    pub(crate) fn accept(listener: &TcpListener, tls: &Arc<ServerConfig>) -> Self {
        let (mut socket, _) = listener.accept().expect("a peer connects");
        socket.set_nodelay(true).expect("a socket");
        socket.set_read_timeout(Some(SILENCE)).expect("a socket");
        let mut byte = [0];
        while byte != *b"\n" {
            socket.read_exact(&mut byte).expect("a plain init");
        }
        socket.write_all(ACCEPT).expect("write");
        let connection = ServerConnection::new(tls.clone()).expect("a configuration");
        let stream = StreamOwned::new(connection, socket);
        let mut line = Self {
            stream,
            buffer: vec![0; 64 << 10].into_boxed_slice(),
            last: Vec::new(),
            partial: Vec::new(),
        };
        line.answer();
        line.send(ACCEPT);
        line
    }

    /// Sends whole lines.
    pub(crate) fn send(&mut self, lines: &[u8]) {
        self.stream.write_all(lines).expect("write");
    }

    /// Reads the bytes that have arrived, at least one, and returns their number.
    fn read(&mut self) -> usize {
        let count = self.stream.read(&mut self.buffer).expect("a reply");
        assert!(count > 0, "the peer has closed");
        count
    }

    /// Returns the next reply; no other may be under way.
    pub(crate) fn answer(&mut self) -> &[u8] {
        self.last.clear();
        while self.last.last() != Some(&b'\n') {
            let count = self.read();
            self.last.extend_from_slice(&self.buffer[..count]);
        }
        &self.last
    }

    /// Sends one request and returns its reply.
    pub(crate) fn ask(&mut self, request: &[u8]) -> &[u8] {
        self.send(request);
        self.answer()
    }

    /// Reads once and returns the number of replies that end in these bytes.
    pub(crate) fn count_answers(&mut self) -> usize {
        let count = self.read();
        self.buffer[..count].iter().filter(|byte| **byte == b'\n').count()
    }

    /// Reads once and returns every complete reply.
    pub(crate) fn answers(&mut self) -> Vec<Vec<u8>> {
        let count = self.read();
        self.partial.extend_from_slice(&self.buffer[..count]);
        let whole = self.partial.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.partial.split_off(whole);
        let whole = std::mem::replace(&mut self.partial, rest);
        whole.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// Checks that no reply is incomplete.
    ///
    /// # Panics
    /// When there is a part of one.
    pub(crate) fn settled(&mut self) {
        assert!(self.partial.is_empty(), "more replies than requests");
    }
}
