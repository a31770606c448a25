//! The controller's end of one channel, blocking and without a runtime, so that it costs as little as it can beside what
//! it measures. The agent and the floor get the same.

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const ACCEPT: &[u8] = b"{\"method\":\"accept\"}\n";

/// A peer that says nothing for so long will not.
const SILENCE: Duration = Duration::from_secs(30);

/// An open channel of lines.
pub(crate) struct Line {
    stream: StreamOwned<ServerConnection, TcpStream>,
    buffer: Box<[u8]>,
    /// The last single answer.
    last: Vec<u8>,
    /// Of many, one of which more is to come.
    partial: Vec<u8>,
}

impl Line {
    /// The next peer: plain exchange, TLS, `init` inside it.
    pub(crate) fn accept(listener: &TcpListener, tls: &Arc<ServerConfig>) -> Self {
        let (mut socket, _) = listener.accept().expect("a peer comes");
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

    /// What has come, at least a byte.
    fn read(&mut self) -> usize {
        let count = self.stream.read(&mut self.buffer).expect("an answer");
        assert!(count > 0, "the peer has closed");
        count
    }

    /// The next answer; no other is on its way.
    pub(crate) fn answer(&mut self) -> &[u8] {
        self.last.clear();
        while self.last.last() != Some(&b'\n') {
            let count = self.read();
            self.last.extend_from_slice(&self.buffer[..count]);
        }
        &self.last
    }

    /// One request, one answer.
    pub(crate) fn ask(&mut self, request: &[u8]) -> &[u8] {
        self.send(request);
        self.answer()
    }

    /// How many answers end in what has come.
    pub(crate) fn count_answers(&mut self) -> usize {
        let count = self.read();
        self.buffer[..count].iter().filter(|byte| **byte == b'\n').count()
    }

    /// Every whole answer of what has come.
    pub(crate) fn answers(&mut self) -> Vec<Vec<u8>> {
        let count = self.read();
        self.partial.extend_from_slice(&self.buffer[..count]);
        let whole = self.partial.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let rest = self.partial.split_off(whole);
        let whole = std::mem::replace(&mut self.partial, rest);
        whole.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    /// From here on no answer is under way.
    pub(crate) fn settled(&mut self) {
        assert!(self.partial.is_empty(), "an answer too many");
    }
}
