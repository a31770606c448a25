//! A connection to an agent's local socket.

use crate::{Agent, DEADLINE, eventually_some};
use agent_wire::Decoder;
use serde_json::Value;
use std::path::PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A connection of the user who runs the test.
#[derive(Debug)]
pub struct Local {
    /// The stream, for tests that misbehave.
    pub stream: UnixStream,
    decoder: Decoder,
}

impl Local {
    /// Returns the path of an agent's socket.
    pub fn path(agent: &Agent) -> PathBuf {
        agent.scratch().file("run/agent.sock")
    }

    /// Waits until the agent listens, then connects.
    pub async fn connect(agent: &Agent) -> Self {
        let path = Self::path(agent);
        let connect = || std::os::unix::net::UnixStream::connect(&path).ok();
        let stream = eventually_some("the agent listens locally", connect).await;
        stream.set_nonblocking(true).expect("a socket");
        let stream = UnixStream::from_std(stream).expect("a socket");
        Self { stream, decoder: Decoder::new(crate::server::ANSWER_LIMITS) }
    }

    /// Sends text unchanged.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("write");
    }

    /// Returns the next message, or `None` when the agent has closed the connection.
    pub async fn next(&mut self) -> Option<Value> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            if let Some(text) = self.decoder.next_message().expect("the agent speaks JSON") {
                return Some(serde_json::from_str(text).expect("the agent speaks JSON"));
            }
            let read = timeout(DEADLINE * 2, self.stream.read(&mut buffer)).await;
            match read.expect("a message from the agent") {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.decoder.push(&buffer[..count]),
            }
        }
    }

    /// Sends a request and returns the reply.
    pub async fn ask(&mut self, request: &Value) -> Value {
        self.send_text(&format!("{request}\n")).await;
        let answer = self.next().await.expect("a reply");
        assert_eq!(answer["id"], request["id"], "{answer}");
        answer
    }
}
