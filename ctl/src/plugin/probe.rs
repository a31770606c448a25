//! Runs a plugin in a process of its own, which the plugin may crash, hang or fill.
//!
//! Both ends are this binary. The task arrives on the child's standard input, a socket, and the report
//! goes back over it; a pipe collects what the plugin prints.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, dup2_stdin};
use plugin_api::host::{self, HostError, LoadedProvider};
use plugin_api::{Context, Meta, MethodName, ProviderError};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::net::Shutdown;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The hidden subcommand that makes this program the child.
pub(crate) const WORD: &str = "plugin-probe";

/// The longest report, in bytes: a reply of 4 MiB with every byte escaped.
const MAX_REPORT: u64 = 32 << 20;
/// The most of a plugin's own output that is kept, in bytes.
const MAX_NOISE: usize = 64 << 10;
/// Calls before memory is first measured; one-time allocations are over by then.
const WARM_UP: u32 = 200;

/// The order for one child.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) path: PathBuf,
    pub(super) method: String,
    pub(super) keep_root: bool,
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
    /// The same over ten times as many further calls, if the growth exceeded [`Calls::growth`]: a heap
    /// with a garbage collector grows for a while, then stops.
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

/// Runs a child for at most `bound`. Returns the outcome and what the plugin printed.
///
/// # Errors
/// If no process can be started.
pub(super) fn run(order: &Order, bound: Duration) -> io::Result<(Outcome, Vec<u8>)> {
    let deadline = Instant::now() + bound;
    let (mut here, there) = UnixStream::pair()?;
    let (mut noise, writer) = io::pipe()?;
    #[expect(clippy::disallowed_methods, reason = "runs this program itself")]
    let mut child = Command::new("/proc/self/exe")
        .arg(WORD)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(there)))
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // A group of its own, so that the plugin's children end with it.
        .process_group(0)
        .spawn()?;
    let noise = thread::spawn(move || {
        let (mut kept, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = noise.read(&mut piece) {
            let room = MAX_NOISE - kept.len();
            kept.extend_from_slice(piece.get(..read.min(room)).unwrap_or_default());
        }
        kept
    });
    let text = exchange(&mut here, order, deadline);
    // Not reaped yet, so the group id is still valid.
    let status = match &text {
        Ok(text) if text.is_empty() => wait_until(&mut child, deadline)?,
        _ => None,
    };
    end(&mut child);
    let reaped = child.wait()?;
    let noise = noise.join().unwrap_or_default();
    let outcome = match text {
        Ok(text) if text.is_empty() => status.map_or(Outcome::Hung, |_| Outcome::Died(ended(reaped))),
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(report) => Outcome::Report(report),
            // An incomplete report, or output of the plugin.
            Err(_) => Outcome::Died(ended(reaped)),
        },
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Outcome::Hung
        }
        Err(error) => return Err(error),
    };
    Ok((outcome, noise))
}

fn exchange(channel: &mut UnixStream, order: &Order, deadline: Instant) -> io::Result<Vec<u8>> {
    channel.write_all(&serde_json::to_vec(order)?)?;
    channel.shutdown(Shutdown::Write)?;
    let mut text = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        channel.set_read_timeout(Some(left))?;
        let read = match channel.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            read => read?,
        };
        text.extend_from_slice(piece.get(..read).unwrap_or_default());
        if read == 0 || text.len() as u64 > MAX_REPORT {
            return Ok(text);
        }
    }
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

fn end(child: &mut Child) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // ESRCH: already gone.
        let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = child.kill();
}

fn ended(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => match Signal::try_from(signal) {
            Ok(name) => format!("killed by signal {signal} ({name})"),
            Err(_) => format!("killed by signal {signal}"),
        },
        (None, code) => format!("the plugin ended its process with status {}", code.unwrap_or_default()),
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
    // Moved away from descriptor 0, which the plugin may read.
    let mut channel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    dup2_stdin(File::open("/dev/null")?)?;
    let mut text = Vec::new();
    channel.read_to_end(&mut text)?;
    let report = report(&serde_json::from_slice(&text)?);
    channel.write_all(&serde_json::to_vec(&report)?)
}

fn report(order: &Order) -> Report {
    let start = Instant::now();
    let provider = match load(order) {
        Ok(provider) => provider,
        Err(why) => return Report::Refused(why),
    };
    let load = start.elapsed();
    let called = order.calls.as_ref().map(|calls| call(&provider, calls));
    Report::Loaded { meta: Box::new(provider.describe().clone()), load, called }
}

fn load(order: &Order) -> Result<LoadedProvider, String> {
    let method = MethodName::parse(&order.method).map_err(|why| why.to_string())?;
    let checked = host::check(&order.path).map_err(|why| why.to_string())?;
    host::confine(order.keep_root).map_err(|why| format!("cannot confine the process: {why}"))?;
    host::load(checked, &method).map_err(|why| why.to_string())
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
    let threads_after = of_status("Threads:").unwrap_or(0);
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

fn failed(why: &ProviderError) -> Answer {
    Answer::Failed { code: why.code().to_owned(), message: why.message().to_owned() }
}

/// Returns a number from this process's /proc/self/status, see proc_pid_status(5).
fn of_status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
