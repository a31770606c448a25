//! The cost of a command, compared with tokio's own `Command`, interleaved in one run:
//! `cargo test --release -p agent-core --test exec_bench -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::future;
use std::process::Stdio;
use std::time::{Duration, Instant};

use agent_core::exec::{CommandEnd, ExecSettings, Executor, Platform, Spec, Trees};
use tokio::process::Command;

const ROUNDS: usize = 2_000;
const BLOCK: usize = 50;
const HEAP: usize = 100 << 20;

fn executor(trees: Trees) -> Executor {
    let zygote = env!("CARGO_BIN_EXE_BasicAgent").into();
    Executor::start(ExecSettings::default(), Platform { zygote, trees }).expect("an executor")
}

async fn ours(executor: &Executor, user: Option<&str>) -> Duration {
    let spec = Spec { cmd: "true".into(), user: user.map(Into::into), ..Spec::default() };
    let start = Instant::now();
    let outcome = executor.run(spec, future::pending()).await.expect("it runs");
    assert_eq!(outcome.end, CommandEnd::Exited(0));
    start.elapsed()
}

async fn bare(user: Option<u32>) -> Duration {
    let start = Instant::now();
    let mut command = Command::new("/bin/bash");
    command.args(["-c", "true"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(id) = user {
        command.uid(id).gid(id);
    }
    let output = command.output().await.expect("it runs");
    assert!(output.status.success());
    start.elapsed()
}

struct Sample(Vec<Duration>);

impl Sample {
    /// Returns the quantile in milliseconds, given in thousandths.
    fn at(&self, thousandths: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let index = sorted.len() * thousandths / 1000;
        sorted[index.min(sorted.len() - 1)].as_secs_f64() * 1e3
    }
}

fn compare(name: &str, ours: &Sample, other: &Sample) {
    println!(
        "{name:32} p50 {:.3} / {:.3} ms = {:.3}x   p99 {:.3} / {:.3} ms = {:.3}x",
        ours.at(500),
        other.at(500),
        ours.at(500) / other.at(500),
        ours.at(990),
        other.at(990),
        ours.at(990) / other.at(990),
    );
}

async fn sequential(
    executor: &Executor,
    name: &str,
    user: Option<&str>,
    id: Option<u32>,
) -> Sample {
    let (mut a, mut b) = (Sample(Vec::new()), Sample(Vec::new()));
    for round in 0..ROUNDS / BLOCK {
        for half in 0..2 {
            for _ in 0..BLOCK {
                if (round + half) % 2 == 0 {
                    a.0.push(ours(executor, user).await);
                } else {
                    b.0.push(bare(id).await);
                }
            }
        }
    }
    compare(name, &a, &b);
    a
}

async fn eight_in_flight(
    executor: &Executor,
    name: &str,
    user: Option<&'static str>,
    id: Option<u32>,
) {
    let mut spent = [Duration::ZERO; 2];
    for round in 0..20 {
        for half in 0..2 {
            let which = (round + half) % 2;
            let start = Instant::now();
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let executor = executor.clone();
                    tokio::spawn(async move {
                        for _ in 0..25 {
                            if which == 0 {
                                ours(&executor, user).await;
                            } else {
                                bare(id).await;
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("it ends");
            }
            spent[which] += start.elapsed();
        }
    }
    let rate = |time: Duration| 4000.0 / time.as_secs_f64();
    println!(
        "{name:32} {:.0} / {:.0} per s = {:.3}x",
        rate(spent[0]),
        rate(spent[1]),
        rate(spent[0]) / rate(spent[1])
    );
}

#[tokio::test]
#[ignore = "a measurement, not a test"]
async fn table() {
    for trees in [Trees::Cgroup, Trees::Keeper] {
        let executor = executor(trees);
        for _ in 0..200 {
            ours(&executor, None).await;
            bare(None).await;
        }
        println!("{trees:?}: ours / bare");
        let small = sequential(&executor, "root", None, None).await;
        sequential(&executor, "nobody", Some("nobody"), Some(65_534)).await;
        // posix_spawn cannot change the user: compared with the same program as root.
        sequential(&executor, "nobody / root by posix_spawn", Some("nobody"), None).await;
        eight_in_flight(&executor, "8 in flight, root", None, None).await;
        eight_in_flight(&executor, "8 in flight, nobody", Some("nobody"), Some(65_534)).await;
        let heap = vec![1_u8; HEAP];
        let mut large = Sample(Vec::new());
        for _ in 0..ROUNDS / 2 {
            large.0.push(ours(&executor, None).await);
        }
        compare("100 MB heap / small heap", &large, &small);
        drop(std::hint::black_box(heap));
        executor.shutdown().await;
    }
}
