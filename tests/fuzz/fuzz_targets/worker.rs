//! What the daemon and a plugin worker say to each other, read by either end.
#![no_main]

use frame::{Answer, Blocking, Call, Channel, Job};
use std::io::Write as _;
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
            let worker = said(bytes);
            worker.set_nonblocking(true).expect("a socket");
            let worker = tokio::net::UnixStream::from_std(worker).expect("a socket");
            if let Ok(answer) = Channel::new(worker).receive().await {
                assert_eq!(format!("{:?}", again(&answer).await), format!("{answer:?}"));
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

/// An answer through the worker's writer and the daemon's reader.
async fn again(answer: &Answer) -> Answer {
    let (here, there) = UnixStream::pair().expect("a pair of sockets");
    here.set_nonblocking(true).expect("a socket");
    Blocking::new(there).send(answer).expect("here is still open");
    let mut channel = Channel::new(tokio::net::UnixStream::from_std(here).expect("a socket"));
    channel.receive().await.expect("an answer of ours is an answer")
}
