//! Runs a plugin in a process of its own, which the plugin may crash, hang or fill.
//!
//! Both ends are this binary: the worker harness that the agent uses starts it again. The order and
//! the report are one frame each.

use plugin_api::host::worker::{self, Frames, Load, Prepared};
use plugin_api::host::{HostError, LoadedProvider};
use plugin_api::{Context, Meta, ProviderError};
use serde::{Deserialize, Serialize};
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, ExitCode, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

/// The hidden subcommand that makes this program the child.
pub(crate) const WORD: &str = "plugin-probe";

/// The longest report, in bytes: a reply of 4 MiB with every byte escaped.
const MAX_REPORT: usize = 32 << 20;
/// The most of a plugin's own output that is kept, in bytes.
const MAX_OUTPUT: usize = 64 << 10;
/// Calls before memory is first measured; one-time allocations are over by then.
const WARM_UP: u32 = 200;
/// The longest wait for the threads of a call to leave the process.
const THREADS_LEAVE: Duration = Duration::from_secs(1);

/// The order for one child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) plugin: Load,
    pub(super) calls: Option<Calls>,
}

/// Identical calls.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Calls {
    pub(super) args: String,
    pub(super) max_reply: usize,
    /// The number of calls after the first, as far as [`Calls::at_most`] allows.
    pub(super) more: u32,
    pub(super) at_most: Duration,
    /// The bytes by which memory may grow meanwhile.
    pub(super) growth: i64,
}

/// The child's report.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// The plugin was not loaded.
    Refused(String),
    /// The plugin was loaded.
    Loaded { meta: Box<Meta>, load: Duration, called: Option<Called> },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Called {
    pub(super) answer: Answer,
    /// The duration of the first call.
    pub(super) took: Duration,
    pub(super) threads_before: u64,
    pub(super) threads_after: u64,
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
pub(super) enum Answer {
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
pub(super) enum Outcome {
    Report(Report),
    /// The child ended without a report, in this way.
    Died(String),
    /// The child took too long and was killed.
    Hung,
}

/// Runs a child for at most `bound`. Returns the outcome and the plugin's output.
///
/// # Errors
/// If no process can be started.
pub(super) fn run(order: &Order, bound: Duration) -> io::Result<(Outcome, Vec<u8>)> {
    let deadline = Instant::now() + bound;
    let Prepared { mut command, channel, mut output } =
        worker::prepare(Path::new("/proc/self/exe"), [WORD])?;
    let mut child = command.spawn()?;
    drop(command);
    let output = thread::spawn(move || {
        let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = output.read(&mut piece) {
            let room = MAX_OUTPUT - kept.len();
            kept.extend_from_slice(piece.get(..read.min(room)).unwrap_or_default());
        }
        kept
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
    let output = output.join().unwrap_or_default();
    let outcome = match (report, status) {
        (Ok(Some(report)), _) => Outcome::Report(report),
        // No report, or an incomplete one.
        (_, Some(_)) => Outcome::Died(worker::how_ended(reaped)),
        (_, None) => Outcome::Hung,
    };
    Ok((outcome, output))
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
    Called { answer, took, threads_before, threads_after, drift }
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
