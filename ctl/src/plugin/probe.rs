//! Runs a plugin in a process of its own, which the plugin may crash, hang or fill.
//!
//! Both ends are this binary: the worker harness that the agent uses starts it again. The order and
//! the report are one frame each. `check`, `list` and a local `getinfo.all` use it.

use super::strays::{Strays, children_of};
use plugin_api::host::worker::{self, Frames, Load, Prepared};
use plugin_api::host::{HostError, LoadedProvider};
use plugin_api::{Context, Meta, ProviderError};
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, ExitCode, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The only argument of the child.
const WORD: &str = "plugin-probe";

/// The agent's limits for starting a process and loading a plugin, and for one call.
pub(crate) const LOAD: Duration = Duration::from_secs(2);
pub(crate) const CALL: Duration = Duration::from_secs(5);

/// Processes of [`run_all`] that run at once.
const AT_ONCE: usize = 8;

/// The longest report, in bytes: a reply of 4 MiB with every byte escaped.
const MAX_REPORT: usize = 32 << 20;
/// The most of a plugin's own output that is kept, in bytes.
const MAX_OUTPUT: usize = 64 << 10;
/// The wait for the end of that output once the process is gone. A process that the plugin left
/// behind may hold it open for ever.
const OUTPUT_ENDS: Duration = Duration::from_millis(200);
/// Calls before memory is first measured; one-time allocations are over by then.
const WARM_UP: u32 = 200;
/// The longest wait for the threads of a call to leave the process.
const THREADS_LEAVE: Duration = Duration::from_secs(1);

/// The order for one child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) plugin: Load,
    pub(crate) calls: Option<Calls>,
}

/// Identical calls.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Calls {
    pub(crate) args: String,
    pub(crate) max_reply: usize,
    /// The number of calls after the first, as far as [`Calls::at_most`] allows.
    pub(crate) more: u32,
    pub(crate) at_most: Duration,
    /// The bytes by which memory may grow meanwhile.
    pub(crate) growth: i64,
}

/// The child's report.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The plugin was not loaded.
    Refused(String),
    /// The plugin was loaded.
    Loaded { meta: Box<Meta>, load: Duration, called: Option<Called> },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Called {
    pub(crate) answer: Answer,
    /// The duration of the first call.
    pub(super) took: Duration,
    pub(super) threads_before: u64,
    pub(super) threads_after: u64,
    /// Processes that the call started and left, ended or not.
    pub(super) children: usize,
    /// The change over the calls that followed, except the first [`WARM_UP`] of them.
    pub(super) drift: Option<Drift>,
}

/// The growth of memory over many calls.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Drift {
    pub(super) calls: u32,
    /// The bytes that the process's private memory grew by.
    pub(super) grown: i64,
    pub(super) took: Duration,
    /// The same over ten times as many further calls, if the growth exceeded [`Calls::growth`]: a
    /// heap with a garbage collector grows for a while, then stops.
    pub(super) later: Option<(u32, i64)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Reply(String),
    Failed {
        code: String,
        message: String,
    },
    /// The plugin violated the interface.
    Broken(String),
}

/// The outcome of a child.
#[derive(Debug)]
pub(crate) enum Outcome {
    Report(Report),
    /// The child ended without a report, in this way.
    Died(String),
    /// The child took too long and was killed.
    Hung,
}

/// A child's outcome, and what else the plugin did.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    /// The plugin's output.
    pub(super) printed: Vec<u8>,
    /// Processes that outlived the child, where this process adopts them. They are killed.
    pub(super) strays: usize,
}

/// Runs a child for each order, some at once, each for at most `bound`. Returns the outcomes in the
/// same order.
pub(crate) fn run_all(orders: &[&Order], bound: Duration) -> Vec<io::Result<Outcome>> {
    let mut outcomes = Vec::with_capacity(orders.len());
    for some in orders.chunks(AT_ONCE) {
        thread::scope(|scope| {
            // A child dies with the thread that started it (prctl(2), PR_SET_PDEATHSIG), so each
            // has one that waits for its end.
            let running: Vec<_> = some
                .iter()
                .map(|order| scope.spawn(|| run(order, bound, &Strays::default())))
                .collect();
            outcomes.extend(running.into_iter().map(|child| match child.join() {
                Ok(ran) => ran.map(|ran| ran.outcome),
                Err(_) => Err(io::Error::other("its thread panicked")),
            }));
        });
    }
    outcomes
}

/// Runs a child for at most `bound`.
///
/// # Errors
/// If no process can be started.
pub(super) fn run(order: &Order, bound: Duration, strays: &Strays) -> io::Result<Ran> {
    let deadline = Instant::now() + bound;
    let Prepared { mut command, channel, mut output } =
        worker::prepare(Path::new("/proc/self/exe"), [WORD])?;
    let mut child = command.spawn()?;
    drop(command);
    let (printed, pieces) = mpsc::channel();
    // Ends with the last process that holds the pipe, at the latest with this one.
    thread::spawn(move || {
        let (mut left, mut piece) = (MAX_OUTPUT, [0; 4096]);
        while let Ok(read @ 1..) = output.read(&mut piece) {
            let kept = piece.get(..read.min(left)).unwrap_or_default();
            left -= kept.len();
            if !kept.is_empty() && printed.send(kept.to_vec()).is_err() {
                break;
            }
        }
    });
    let mut frames = Frames::new(channel, MAX_REPORT);
    frames.read_until(deadline);
    let report = frames.send(order).and_then(|()| frames.receive::<Report>());
    // Not reaped yet, so the group id is still valid.
    let status = match &report {
        Ok(Some(_)) => None,
        Err(error) if is_timeout(error) => None,
        Ok(None) | Err(_) => wait_until(&mut child, deadline)?,
    };
    worker::kill_group(child.id());
    let _ = child.kill();
    let reaped = child.wait()?;
    let strays = strays.end();
    let printed = collect(&pieces);
    let outcome = match (report, status) {
        (Ok(Some(report)), _) => Outcome::Report(report),
        // No report, or an incomplete one.
        (_, Some(_)) => Outcome::Died(worker::how_ended(reaped)),
        (_, None) => Outcome::Hung,
    };
    Ok(Ran { outcome, printed, strays })
}

/// Returns the output that arrives until it ends, or has not ended for [`OUTPUT_ENDS`].
fn collect(pieces: &mpsc::Receiver<Vec<u8>>) -> Vec<u8> {
    let deadline = Instant::now() + OUTPUT_ENDS;
    let left = || deadline.saturating_duration_since(Instant::now());
    let mut kept = Vec::new();
    while let Ok(piece) = pieces.recv_timeout(left()) {
        kept.extend(piece);
    }
    kept
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Waits for the end of a process whose socket is closed. It comes at once unless a child of the
/// process still holds the socket.
fn wait_until(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Returns whether this process is the child.
///
/// It asks before the command line is parsed: that frees a part of the heap which is large enough
/// for the leak of many calls, and memory would not grow.
pub(crate) fn is_child() -> bool {
    let mut args = std::env::args_os().skip(1);
    args.next().is_some_and(|word| word == WORD) && args.next().is_none()
}

/// The child's main function.
pub(crate) fn child() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn work() -> io::Result<()> {
    let mut frames = Frames::new(worker::take_channel()?, MAX_REPORT);
    let order = frames.receive()?.ok_or(io::ErrorKind::UnexpectedEof)?;
    frames.send(&report(&order))
}

fn report(order: &Order) -> Report {
    let start = Instant::now();
    let provider = match order.plugin.open() {
        Ok(provider) => provider,
        Err(why) => return Report::Refused(why),
    };
    let load = start.elapsed();
    let called = order.calls.as_ref().map(|calls| call(&provider, calls));
    Report::Loaded { meta: Box::new(provider.describe().clone()), load, called }
}

fn call(provider: &LoadedProvider, calls: &Calls) -> Called {
    let uid = nix::unistd::geteuid().as_raw();
    let context = Context::new(uid, calls.at_most, calls.max_reply);
    let threads_before = of_status("Threads:").unwrap_or(0);
    let start = Instant::now();
    let answer = match provider.call(&calls.args, &context) {
        Ok(reply) => Answer::Reply(reply.into()),
        Err(HostError::Provider(why)) => failed(&why),
        Err(why) => Answer::Broken(why.to_string()),
    };
    let took = start.elapsed();
    let threads_after = threads_left(threads_before);
    let children = children_of(std::process::id()).len();
    let repeat = |most: u32| {
        let mut made = 0;
        while made < most && start.elapsed() < calls.at_most {
            drop(provider.call(&calls.args, &context));
            made += 1;
        }
        made
    };
    let drift = (calls.more > 0).then(|| {
        repeat(WARM_UP);
        let grow = |most: u32| {
            let held = || i64::try_from(of_status("RssAnon:").unwrap_or(0)).unwrap_or(0) * 1024;
            let before = held();
            let made = repeat(most);
            (made, held() - before)
        };
        let began = Instant::now();
        let (made, grown) = grow(calls.more);
        let took = began.elapsed();
        let later = (grown > calls.growth).then(|| grow(calls.more.saturating_mul(10)));
        Drift { calls: made, grown, took, later }
    });
    Called { answer, took, threads_before, threads_after, children, drift }
}

/// Returns the number of threads once the call's own have left, or after [`THREADS_LEAVE`].
///
/// The kernel still counts a thread for a moment after `pthread_join` returned: it clears the
/// thread's id, which wakes the waiter, before it removes the thread from its process (`exit(2)` in
/// the kernel: `mm_release`, then `exit_notify`).
fn threads_left(before: u64) -> u64 {
    let deadline = Instant::now() + THREADS_LEAVE;
    loop {
        let now = of_status("Threads:").unwrap_or(0);
        if now <= before || Instant::now() >= deadline {
            return now;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn failed(why: &ProviderError) -> Answer {
    Answer::Failed { code: why.code().to_owned(), message: why.message().to_owned() }
}

/// Returns a number from this process's /proc/self/status, see proc_pid_status(5).
fn of_status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
