//! Prints the cost of a task. Run it alone, with `--release -- --ignored --nocapture figures`.

use crate::host::{Host, Task, hosts};
use crate::support::{eventually, run, spec};
use agent_core::exec::{CommandEnd, ExecSettings, Spec};
use agent_sys::readiness;
use agent_sys::spool::Stream;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::Interest;

const ROUNDS: usize = 200;
const IDLE: usize = 40;

#[tokio::test]
#[ignore = "not a test: prints figures"]
async fn figures() {
    for host in hosts(&ExecSettings { shell: "/bin/bash".into(), ..ExecSettings::default() }) {
        println!("{:?}", host.trees);
        host.run(spec("true")).await;
        run(&host.executor, spec("true")).await.unwrap();
        one_after_the_other(&host).await;
        side_by_side(&host).await;
        memory(&host).await;
        flood(&host).await;
        host.executor.shutdown().await;
    }
}

/// Interleaves the measurements, so that noise of the machine affects all of them alike.
async fn one_after_the_other(host: &Host) {
    let mut times: [Vec<Duration>; 6] = Default::default();
    let sector = File::options().write(true).open(host.files.path().join("slots")).unwrap();
    for _ in 0..ROUNDS {
        let [call, begins, echo, silent, command, sync] = &mut times;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let start = Instant::now();
        let task = host.begin(spec("echo $EPOCHREALTIME")).await;
        call.push(start.elapsed());
        ended(&task).await;
        echo.push(start.elapsed());
        let printed: f64 = task.stdout().trim().parse().unwrap();
        begins.push(Duration::from_secs_f64(printed) - wall);

        let start = Instant::now();
        ended(&host.begin(spec("true")).await).await;
        silent.push(start.elapsed());

        let start = Instant::now();
        run(&host.executor, spec("true")).await.unwrap();
        command.push(start.elapsed());

        let start = Instant::now();
        sector.write_all_at(&[0; 512], 255 * 512).unwrap();
        sector.sync_data().unwrap();
        sync.push(start.elapsed());
    }
    let names = [
        "supervise() returns",
        "bash runs and prints the time",
        "a task of echo is over",
        "a task of true is over",
        "for comparison: a command of true",
        "for comparison: one fdatasync of a sector",
    ];
    for (name, times) in names.iter().zip(&mut times) {
        println!("  {name:40} p50 {:?}", median(times));
    }
}

async fn ended(task: &Task<'_>) {
    let supervisor = task.pidfd().as_fd().try_clone_to_owned().unwrap();
    let supervisor = readiness::watch(supervisor, Interest::READABLE).unwrap();
    let _ = supervisor.readable().await.unwrap();
    task.reaped().await;
}

async fn side_by_side(host: &Host) {
    for cmd in ["true", "echo x"] {
        let start = Instant::now();
        let mut tasks = Vec::new();
        for _ in 0..ROUNDS {
            tasks.push(host.begin(spec(cmd)).await);
        }
        for task in &tasks {
            assert_eq!(task.record().await.end.unwrap(), CommandEnd::Exited(0));
        }
        println!(
            "  {ROUNDS} x {cmd}: {:.0} a second",
            ROUNDS as f64 / start.elapsed().as_secs_f64()
        );
    }
}

async fn memory(host: &Host) {
    let mut tasks = Vec::new();
    for _ in 0..IDLE {
        tasks.push(host.begin(spec("echo x; exec sleep 1000")).await);
    }
    let (mut pss, mut private) = (0, 0);
    for task in &tasks {
        eventually("it has printed something", || host.files.totals(task.n).stdout.total > 0).await;
        let pid = task.begun().await.pid;
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
        let field = |name: &str| -> u64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        pss += field("Pss:");
        private += field("Private_Dirty:");
    }
    println!(
        "  {IDLE} idle: PSS {} KiB each, private {} KiB",
        pss / IDLE as u64,
        private / IDLE as u64
    );
    for task in &tasks {
        task.cancel();
    }
    for task in &tasks {
        task.record().await;
    }
}

async fn flood(host: &Host) {
    let flood = Spec { timeout: None, ..spec("head -c 2000000000 /dev/zero") };
    let (record, task) = host.run(flood).await;
    assert_eq!(record.totals.stdout.total, 2_000_000_000);
    assert_eq!(task.stored(Stream::Stdout).bytes.len() as u64, task.max);
    println!("  2 GB of output: {:?}", record.wall);
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
