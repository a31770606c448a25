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

/// The time of one measurement, and the number of rounds. Figures of one round share a phase of the
/// machine; where others use it too, a single round says little.
const TIME: Duration = Duration::from_secs(2);
const ROUNDS: usize = 7;

/// Handshakes, and the time of the server's processors that they took.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: f64,
    per_core: f64,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    bootstrap: Bootstrap,
    resumes: bool,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.resumes { "resumed, " } else { "full, " })?;
        f.write_str(match self.bootstrap {
            Bootstrap::Tls => "TLS first",
            Bootstrap::Plain => "plain bootstrap",
        })
    }
}

/// Measures the kinds whose names contain `wanted`.
pub(crate) fn run(wanted: &str) {
    let kinds = [false, true].into_iter().flat_map(|resumes| {
        [Bootstrap::Tls, Bootstrap::Plain].map(|bootstrap| Kind { bootstrap, resumes })
    });
    for kind in kinds.filter(|kind| kind.to_string().contains(wanted)) {
        compare(kind);
    }
}

/// Measures the controller beside the bare acceptor, which does the same exchanges.
fn compare(kind: Kind) {
    let controller = Controller::start(&["--handshake-rate", "1000000"]);
    let bare = Bare::start(&controller.dir);
    let mut ratios = Vec::new();
    println!("{kind}: per second of the server's processor time (and per second in all)");
    for round in 1..=ROUNDS {
        let floor = measure(&controller, bare.address, kind, &|| bare.processor_time());
        let found = measure(&controller, controller.agents, kind, &|| controller.processor_time());
        let ratio = found.per_core / floor.per_core;
        println!(
            "  round {round}: controller {:.0} ({:.0}), bare {:.0} ({:.0}): {ratio:.2} x",
            found.per_core, found.per_second, floor.per_core, floor.per_second
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[ROUNDS - 1]);
    println!("{kind}: {:.2} x (median; {least:.2} to {most:.2})", ratios[ROUNDS / 2]);
}

fn measure(
    controller: &Controller,
    server: SocketAddr,
    kind: Kind,
    processor_time: &dyn Fn() -> Duration,
) -> Rate {
    // New members have no tickets.
    let members = members(&controller.dir, server, AGENTS, kind.resumes);
    let bootstrap = kind.bootstrap;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let wanted = if kind.resumes { HandshakeKind::Resumed } else { HandshakeKind::Full };
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
