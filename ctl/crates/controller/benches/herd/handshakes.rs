//! Handshakes per second of the server's processor time, beside those of the bare acceptor.

use crate::bare::Bare;
use crate::herd::{Bootstrap, Member, Outcome, members};
use crate::support::Controller;
use rustls::HandshakeKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;

/// Agents that connect at once.
const AT_ONCE: usize = 64;

/// Agents in all, each with a certificate of its own.
const AGENTS: usize = 512;

/// The time of one measurement, and the number of rounds: figures of one round share a phase of the
/// machine.
const TIME: Duration = Duration::from_secs(4);
const ROUNDS: usize = 3;

/// A measurement.
#[derive(Clone, Copy)]
struct Rate {
    per_second: f64,
    per_core: f64,
}

pub(crate) fn run() {
    let controller = Controller::start(&["--handshake-rate", "1000000"]);
    let bare = Bare::start(&controller.dir);
    println!("handshakes per second of the server's processor time (and per second in all)");
    for round in 1..=ROUNDS {
        for resumes in [false, true] {
            let which = if resumes { "resumed" } else { "full" };
            let floor = measure(&controller, bare.address, Bootstrap::Tls, resumes, &|| {
                bare.processor_time()
            });
            for bootstrap in [Bootstrap::Tls, Bootstrap::Plain] {
                let found = measure(&controller, controller.agents, bootstrap, resumes, &|| {
                    controller.processor_time()
                });
                println!(
                    "round {round}, {which}, bootstrap {bootstrap:?}: controller {:.0} ({:.0}), bare \
                     {:.0} ({:.0}): {:.2} x",
                    found.per_core,
                    found.per_second,
                    floor.per_core,
                    floor.per_second,
                    found.per_core / floor.per_core
                );
            }
        }
    }
}

fn measure(
    controller: &Controller,
    server: SocketAddr,
    bootstrap: Bootstrap,
    resumes: bool,
    processor_time: &dyn Fn() -> Duration,
) -> Rate {
    // New members have no tickets.
    let members = members(&controller.dir, server, AGENTS, resumes);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let wanted = if resumes { HandshakeKind::Resumed } else { HandshakeKind::Full };
        // Everything that happens once per agent: its first session, its row in the database.
        connect_all(&members, bootstrap).await;
        let (done, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut workers = JoinSet::new();
        let (begun, used) = (Instant::now(), processor_time());
        for worker in 0..AT_ONCE {
            let mine: Vec<_> = members.iter().skip(worker).step_by(AT_ONCE).cloned().collect();
            let (done, over) = (Arc::clone(&done), Arc::clone(&over));
            workers.spawn(async move {
                for member in mine.iter().cycle() {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    assert_eq!(connect(member, bootstrap).await, wanted);
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        tokio::time::sleep(TIME).await;
        let count = done.load(Ordering::Relaxed) as f64;
        let (took, used) = (begun.elapsed(), processor_time() - used);
        over.store(true, Ordering::Relaxed);
        while let Some(worker) = workers.join_next().await {
            worker.unwrap();
        }
        Rate { per_second: count / took.as_secs_f64(), per_core: count / used.as_secs_f64() }
    })
}

async fn connect_all(members: &[Arc<Member>], bootstrap: Bootstrap) {
    for part in members.chunks(AT_ONCE) {
        let mut connecting = JoinSet::new();
        for member in part {
            let member = Arc::clone(member);
            connecting.spawn(async move { connect(&member, bootstrap).await });
        }
        while let Some(connected) = connecting.join_next().await {
            connected.unwrap();
        }
    }
}

/// Connects, and disconnects.
async fn connect(member: &Member, bootstrap: Bootstrap) -> HandshakeKind {
    let Outcome::Open(mut stream, _, kind) = member.try_once(bootstrap).await.unwrap() else {
        panic!("the server is busy")
    };
    let _ = stream.shutdown().await;
    kind
}
