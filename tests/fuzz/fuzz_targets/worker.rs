//! What the daemon and a plugin worker say to each other, read by either end.
#![no_main]

use frame::{Answer, Blocking, Call, Channel, Job};
use serde_json::value::RawValue;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use tokio::runtime::Runtime;

#[path = "../../../agent-core/src/plugin/frame.rs"]
#[expect(dead_code, reason = "only the reading ends are of interest")]
mod frame;

thread_local! {
    static RUNTIME: Runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut daemon = Blocking::new(said(bytes));
    let _ = daemon.receive::<Job>();
    while let Ok(Some(_)) = daemon.receive::<Call>() {}

    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let mut worker = Channel::new(said(bytes)).expect("a socket");
            while let Ok(answer) = worker.receive().await {
                let again = through(|worker| worker.send(&answer)).await;
                assert_eq!(format!("{:?}", again.expect("an answer reads back")), format!("{answer:?}"));
            }
            if let Ok(reply) = std::str::from_utf8(bytes) {
                a_reply_is_taken_as_it_is_or_not_at_all(reply).await;
            }
        });
    });
});

/// A stream on which these bytes wait, and then its end.
fn said(bytes: &[u8]) -> UnixStream {
    let (mut here, there) = UnixStream::pair().expect("a pair of sockets");
    // An input is far smaller than a socket's buffer: this does not wait.
    here.write_all(bytes).expect("there is still open");
    there
}

/// What the daemon reads when a worker sends one answer.
async fn through(send: impl FnOnce(&mut Blocking) -> io::Result<()>) -> io::Result<Answer> {
    let (here, there) = UnixStream::pair()?;
    send(&mut Blocking::new(there))?;
    Channel::new(here)?.receive().await
}

/// A worker sends a plugin's reply unread: nothing in it may pass for another answer.
async fn a_reply_is_taken_as_it_is_or_not_at_all(reply: &str) {
    let wanted = serde_json::from_str::<Box<RawValue>>(reply).ok();
    let taken = match through(|worker| worker.send_reply(reply)).await {
        Ok(Answer::Ok(value)) => Some(value),
        Ok(other) => panic!("{reply:?} passed for {other:?}"),
        Err(_) => None,
    };
    assert_eq!(taken.as_ref().map(|value| value.get()), wanted.as_ref().map(|value| value.get()));
}
