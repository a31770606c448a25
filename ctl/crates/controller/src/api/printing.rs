//! The output of a running task, asked of its agent part by part.
//!
//! A task's supervisor writes the output to files, which outlive the agent, so nobody sends it by
//! itself. The agent is asked for whole parts until one is empty, then with a wait, which ends when
//! there is more. An agent that answers such a request early, with nothing, does not wait (it is
//! older, or has too many requests that do): it is asked again after a pause that grows.

use super::problem::ApiError;
use super::service::Api;
use crate::agents::{AgentRequest, Reach};
use agent_wire::message::line;
use agent_wire::reply::TaskOutput;
use controller_api::{LAST_EVENT_ID, OutputPart, OutputStream};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

/// How long an agent is asked to wait for output.
const WAIT: Duration = Duration::from_secs(20);

/// Bytes of output that a wait may end with: so few that nothing is reserved for them meanwhile. The
/// rest is asked for at once.
const WAIT_BYTES: u64 = 16 << 10;

/// The first pause after an agent that had nothing and did not wait; it doubles up to [`MAX_PAUSE`].
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause before the agent is asked again.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// How long an agent may take to answer, besides the wait that it is asked for.
const ANSWER: Duration = Duration::from_secs(10);

/// Bytes that a whole part and the event made of it may take: base64 in JSON, twice.
const ANSWER_BYTES: usize = 1 << 20;

/// How much of each stream the client knows, in bytes. It is an event's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    stdout: u64,
    stderr: u64,
}

impl Known {
    /// Reads an event's id.
    ///
    /// # Errors
    /// When the text is not such an id.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let read = |text: &str| text.parse().ok();
        let known = text.trim().split_once('.').and_then(|(stdout, stderr)| {
            Some(Self { stdout: read(stdout)?, stderr: read(stderr)? })
        });
        known.ok_or_else(|| {
            ApiError::InvalidRequest(format!("{LAST_EVENT_ID} must be the id of an event"))
        })
    }

    const fn of(&mut self, stream: OutputStream) -> &mut u64 {
        match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        }
    }
}

/// An agent's answer that is waited for.
type Asked = Pin<Box<dyn Future<Output = Option<TaskOutput>> + Send>>;

/// The output of one task, for one client.
pub(super) struct Printing {
    task: String,
    known: Known,
    /// Standard output, and standard error where it is apart.
    streams: Vec<Stream>,
    /// When the agent is asked again, after a pause.
    again: Option<Instant>,
    pause: Duration,
}

/// One stream of the task.
struct Stream {
    name: OutputStream,
    /// Whether its last part was empty: the agent is asked to wait for the next one.
    waits: bool,
    /// When it was asked.
    since: Instant,
    asked: Option<Asked>,
}

impl Printing {
    /// Begins behind the bytes that the client has.
    pub(super) fn new(task: String, separate: bool, known: Known) -> Self {
        let mut streams = vec![Stream::new(OutputStream::Stdout)];
        if separate {
            streams.push(Stream::new(OutputStream::Stderr));
        }
        Self { task, known, streams, again: None, pause: PAUSE }
    }

    /// Returns the next part, and the id of its event. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the controller has no memory for an answer.
    pub(super) async fn next(
        &mut self,
        api: &Api,
        host: &str,
    ) -> Result<(OutputPart, String), ApiError> {
        loop {
            if let Some(again) = self.again {
                sleep_until(again).await;
                self.again = None;
            }
            let Some(reach) = api.registry.reach(host) else {
                // Nothing else says that it is back.
                self.rest(MAX_PAUSE);
                continue;
            };
            for stream in self.streams.iter_mut().filter(|stream| stream.asked.is_none()) {
                let known = *self.known.of(stream.name);
                stream.ask(api, &reach, &self.task, known).await?;
            }
            drop(reach);
            let (place, answer) = self.answer().await;
            if let Some(found) = self.take(place, answer) {
                return Ok(found);
            }
        }
    }

    /// Waits for the first answer.
    async fn answer(&mut self) -> (usize, Option<TaskOutput>) {
        std::future::poll_fn(|cx| {
            for (place, stream) in self.streams.iter_mut().enumerate() {
                if let Some(asked) = &mut stream.asked
                    && let Poll::Ready(answer) = asked.as_mut().poll(cx)
                {
                    stream.asked = None;
                    return Poll::Ready((place, answer));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Takes an answer; `None` where there is nothing new in it.
    fn take(&mut self, place: usize, answer: Option<TaskOutput>) -> Option<(OutputPart, String)> {
        let stream = self.streams.get_mut(place)?;
        let known = self.known.of(stream.name);
        match answer {
            Some(part) if part.next > *known => {
                *known = part.next;
                stream.waits = false;
                self.pause = PAUSE;
                let TaskOutput { offset, next, text, base64, .. } = part;
                let part = OutputPart { stream: stream.name, offset, next, text, base64 };
                let id = format!("{}.{}", self.known.stdout, self.known.stderr);
                return Some((part, id));
            }
            Some(part) if !part.ended && !stream.waits => stream.waits = true,
            Some(part) if !part.ended && stream.since.elapsed() >= WAIT => {}
            // The task has ended, or is not there, or the channel is gone, and a change says so; or
            // the agent does not wait.
            Some(_) | None => {
                self.rest(self.pause);
                self.pause = (self.pause * 2).min(MAX_PAUSE);
            }
        }
        None
    }

    fn rest(&mut self, pause: Duration) {
        self.again = Some(Instant::now() + pause);
    }
}

impl Stream {
    fn new(name: OutputStream) -> Self {
        Self { name, waits: false, since: Instant::now(), asked: None }
    }

    /// Asks the agent for the bytes behind the known ones.
    async fn ask(
        &mut self,
        api: &Api,
        reach: &Reach,
        task: &str,
        known: u64,
    ) -> Result<(), ApiError> {
        let share = if self.waits { None } else { Some(api.memory.reserve(ANSWER_BYTES).await?) };
        let id = Uuid::new_v4().to_string();
        let mut fields: Vec<(&str, Value)> = vec![
            ("id", id.as_str().into()),
            ("method", "async.output".into()),
            ("task", task.into()),
            ("offset", known.into()),
            ("stream", self.name.name().into()),
        ];
        let mut within = ANSWER;
        if self.waits {
            fields.push(("wait", WAIT.as_secs().into()));
            fields.push(("limit", WAIT_BYTES.into()));
            within += WAIT;
        }
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
        let mut text = Vec::new();
        line(&fields.collect::<Map<_, _>>(), &mut text);
        let asked = reach.ask(AgentRequest { id, client_chose_id: false, line: text }, within);
        self.since = Instant::now();
        self.asked = Some(Box::pin(async move {
            let reply = asked.ok()?.reply().await.ok()?;
            let part = serde_json::from_str::<Reply>(&reply).ok()?.data;
            drop(share);
            part
        }));
        Ok(())
    }
}

/// An agent's reply.
#[derive(Deserialize)]
struct Reply {
    #[serde(default)]
    data: Option<TaskOutput>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_id_says_how_much_of_each_stream_is_known() {
        let known = Known::parse("17.4").unwrap();
        assert_eq!(known, Known { stdout: 17, stderr: 4 });
        for text in ["", "17", "1.", ".1", "-1.0", "1.2.3", "x.y"] {
            assert!(Known::parse(text).is_err(), "{text}");
        }
    }

    fn part(next: u64, ended: bool) -> Option<TaskOutput> {
        Some(TaskOutput { offset: 0, next, ended, text: Some(String::new()), base64: None })
    }

    #[test]
    fn an_agent_is_asked_to_wait_after_an_empty_part_and_left_alone_if_it_does_not() {
        let mut printing = Printing::new("t".to_owned(), true, Known::default());
        let (found, id) = printing.take(1, part(5, false)).unwrap();
        assert_eq!((found.stream, id.as_str()), (OutputStream::Stderr, "0.5"));
        assert!(printing.take(1, part(5, false)).is_none());
        assert!(printing.streams[1].waits && !printing.streams[0].waits);
        assert!(printing.again.is_none());
        // It waited.
        printing.streams[1].since = Instant::now().checked_sub(WAIT).unwrap();
        assert!(printing.take(1, part(5, false)).is_none() && printing.again.is_none());
        // It did not.
        printing.streams[1].since = Instant::now();
        assert!(printing.take(1, part(5, false)).is_none());
        assert!(printing.again.is_some());
        assert!(printing.take(1, None).is_none() && printing.pause == PAUSE * 4);
        assert!(printing.take(1, part(6, false)).is_some() && printing.pause == PAUSE);
        assert!(!printing.streams[1].waits);
    }
}
