//! Output of a command on another node, as it arrives: over the bus, which may lose some.
//!
//! A message is a line of JSON, which says how much output came before it, and then frames, a line
//! each. What the bus has lost, the receiver finds by that, and tells its client.

use super::clerk::Asker;
use super::{Answer, Post, Reply, Ticket};
use crate::agents::reply::NoReply;
use crate::agents::session::{AgentRequest, Session};
use crate::agents::stream::{StreamInput, output_bytes};
use crate::bus::{Heard, Listener, MAX_MESSAGE, Topic};
use agent_wire::json::parse_object;
use serde::{Deserialize, Serialize};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Bytes of frames in one message: beside the first line, and with room for one more frame.
const PIECE: usize = MAX_MESSAGE / 2;

/// How long frames that were sent before the reply may come after it.
const LATE: Duration = Duration::from_secs(1);

/// The first line of a message.
#[derive(Serialize, Deserialize)]
struct Head {
    /// Bytes of output before this message.
    before: u64,
}

/// Asks a host's agent for another node, and sends its output as it arrives.
pub(super) async fn forward(
    post: Arc<Post>,
    session: Option<Arc<Session>>,
    asker: Asker,
    request: AgentRequest,
    wait: Duration,
) {
    let until = Instant::now() + wait;
    let mut output = match session.map(|session| session.stream(request)) {
        None => return asker.tell(&post, Err(NoReply::Disconnected)),
        Some(Err(why)) => return asker.tell(&post, Err(why)),
        Some(Ok(output)) => output,
    };
    let (mut sender, mut reply) = (Sender::new(&post, asker), None);
    let ended = loop {
        match timeout_at(until, poll_fn(|cx| output.poll_lines(cx))).await {
            Ok(Some(Ok(lines))) => {
                for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                    reply = sender.take(line);
                }
                sender.flush();
            }
            Ok(Some(Err(why))) => break Err(why),
            Ok(None) => break reply.ok_or(NoReply::Disconnected),
            Err(_) => break Err(NoReply::TimedOut),
        }
    };
    let output = sender.before;
    asker.tell(&post, ended.map(|text| Reply { text, output }));
}

/// Puts frames together to messages.
struct Sender<'a> {
    post: &'a Post,
    topic: Topic,
    frames: Vec<u8>,
    /// Bytes of output in the messages that were sent.
    before: u64,
    /// Bytes of output in `frames`.
    bytes: u64,
}

impl<'a> Sender<'a> {
    fn new(post: &'a Post, asker: Asker) -> Self {
        let topic = Topic::Output(asker.ticket);
        Self { post, topic, frames: Vec::new(), before: 0, bytes: 0 }
    }

    /// Takes a line; returns it if it is the reply.
    fn take(&mut self, line: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(line);
        let map = parse_object(&text).ok()?;
        if map.get("resp").and_then(|resp| resp.as_str()) != Some("output") {
            return Some(text.into_owned());
        }
        if self.frames.len() + line.len() > PIECE {
            self.flush();
        }
        let lost = map.get("dropped").and_then(|lost| lost.as_u64());
        self.bytes += lost.unwrap_or_else(|| output_bytes(&map));
        self.frames.extend_from_slice(line);
        self.frames.push(b'\n');
        None
    }

    /// Sends what there is.
    fn flush(&mut self) {
        if self.frames.is_empty() {
            return;
        }
        let head = serde_json::to_vec(&Head { before: self.before });
        let mut message = head.expect("a number goes to memory");
        message.push(b'\n');
        message.append(&mut self.frames);
        self.post.bus.send(&self.topic, message);
        self.before += std::mem::take(&mut self.bytes);
    }
}

/// Receives the output of a request, and its reply.
pub(super) async fn receive(
    mut ticket: Ticket,
    mut pieces: Box<dyn Listener>,
    input: StreamInput,
    id: String,
    wait: Duration,
) {
    let (mut seen, until) = (0, Instant::now() + wait);
    let answer = loop {
        tokio::select! {
            heard = pieces.hear() => match heard {
                Heard::Message(message) => take(&message, &input, &id, &mut seen),
                Heard::Missed => {}
                // The controller stops.
                Heard::Closed => return input.fail(NoReply::Stopping),
            },
            answer = timeout_at(until, &mut ticket.answer) => break answer,
        }
    };
    let Ok(answer) = answer else { return input.fail(NoReply::TimedOut) };
    ticket.waits_there = false;
    match answer {
        Ok(Answer::Reply(Reply { text, output })) => {
            let rest = async {
                while seen < output {
                    match pieces.hear().await {
                        Heard::Message(message) => take(&message, &input, &id, &mut seen),
                        Heard::Missed => {}
                        Heard::Closed => return,
                    }
                }
            };
            // What is not here by then, the bus has lost.
            let _ = timeout(LATE, rest).await;
            if seen < output {
                input.lost(output - seen);
            }
            input.reply(&id, &text);
        }
        Ok(Answer::NoReply(why)) => input.fail(why),
        Ok(Answer::Gone | Answer::Answers(_)) => {
            input.fail(NoReply::Invalid("another node answered another question".into()));
        }
        Err(_) => input.fail(NoReply::Stopping),
    }
}

/// Takes the frames of a message; `seen` counts the output.
fn take(message: &[u8], input: &StreamInput, id: &str, seen: &mut u64) {
    let mut lines = message.split(|byte| *byte == b'\n');
    let head = lines.next().and_then(|head| serde_json::from_slice::<Head>(head).ok());
    // Anybody may send anything on the bus.
    let Some(Head { before }) = head.filter(|head| head.before >= *seen) else { return };
    if before > *seen {
        input.lost(before - *seen);
        *seen = before;
    }
    for line in lines.filter(|line| !line.is_empty()) {
        let Ok(text) = std::str::from_utf8(line) else { continue };
        let Ok(map) = parse_object(text) else { continue };
        let lost = map.get("dropped").and_then(|lost| lost.as_u64());
        let bytes = lost.unwrap_or_else(|| output_bytes(&map));
        *seen += bytes;
        input.frame(id, text, bytes);
    }
}
