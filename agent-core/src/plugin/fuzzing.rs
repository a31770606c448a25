//! The channel between the daemon and a worker: either end reads or rejects any bytes.

use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;

use plugin_api::host::worker::Frames;
use serde_json::value::RawValue;
use tokio::runtime::{Builder, Runtime};

use super::channel::Channel;
use super::message::{Answer, Call, Load, MAX_FRAME, reply_frame};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
}

/// Checks a stream as a worker reads it, as the daemon reads it, and as a plugin's reply.
pub fn worker(bytes: &[u8]) {
    let mut worker = Frames::new(stream_of(bytes), MAX_FRAME);
    let _ = worker.receive::<Load>();
    while let Ok(Some(_)) = worker.receive::<Call>() {}

    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let mut daemon = Channel::new(stream_of(bytes)).expect("a socket");
            while let Ok(answer) = daemon.receive().await {
                let again = received(|worker| worker.send(&answer)).await;
                assert_eq!(
                    format!("{:?}", again.expect("an answer reads back")),
                    format!("{answer:?}")
                );
            }
            if let Ok(reply) = std::str::from_utf8(bytes) {
                a_reply_arrives_unchanged_or_not_at_all(reply).await;
            }
        });
    });
}

/// Returns a stream that holds these bytes and then ends.
fn stream_of(bytes: &[u8]) -> UnixStream {
    let (mut here, there) = UnixStream::pair().expect("a pair of sockets");
    // An input is far smaller than a socket's buffer, so this does not wait.
    here.write_all(bytes).expect("the other end is open");
    there
}

/// Returns the message that the daemon reads when a worker sends one frame.
async fn received(send: impl FnOnce(&mut Frames) -> io::Result<()>) -> io::Result<Answer> {
    let (here, there) = UnixStream::pair()?;
    send(&mut Frames::new(there, MAX_FRAME))?;
    Channel::new(here)?.receive().await
}

/// Checks that a plugin's reply, which a worker sends unread, passes for no other answer.
async fn a_reply_arrives_unchanged_or_not_at_all(reply: &str) {
    let sent = serde_json::from_str::<Box<RawValue>>(reply).ok();
    let arrived = match received(|worker| worker.send_frame(&reply_frame(reply)?)).await {
        Ok(Answer::Ok(value)) => Some(value),
        Ok(other) => panic!("{reply:?} passed for {other:?}"),
        Err(_) => None,
    };
    assert_eq!(arrived.as_ref().map(|value| value.get()), sent.as_ref().map(|value| value.get()));
}
