//! One look at a plugin in a process of its own, which the plugin may crash, hang or fill as it likes.
//!
//! Both ends are this binary. The job comes on the child's standard input, a socket, and the report goes back there; what the
//! plugin prints goes into a pipe.

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

/// The word that makes this program the child.
pub(crate) const WORD: &str = "plugin-probe";

/// The longest report, in bytes: a reply of 4 MiB, each byte of it escaped.
const MAX_REPORT: u64 = 32 << 20;
/// The most of what a plugin prints that is kept, in bytes.
const MAX_NOISE: usize = 64 << 10;
/// Calls before memory is looked at for the first time: what is made once has been made then.
const WARM_UP: u32 = 200;

/// What is to be done.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) path: PathBuf,
    pub(super) method: String,
    pub(super) keep_root: bool,
    pub(super) calls: Option<Calls>,
}

/// Calls that are all the same.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Calls {
    pub(super) args: String,
    pub(super) max_reply: usize,
    /// Made after the first, as far as [`Calls::at_most`] allows.
    pub(super) more: u32,
    pub(super) at_most: Duration,
    /// Bytes by which memory may grow meanwhile.
    pub(super) growth: i64,
}

/// What was seen.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Report {
    /// It was not loaded.
    Refused(String),
    /// It was.
    Loaded { meta: Box<Meta>, load: Duration, called: Option<Called> },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Called {
    pub(super) answer: Answer,
    /// The first call.
    pub(super) took: Duration,
    pub(super) threads_before: u64,
    pub(super) threads_after: u64,
    /// Of the calls that followed; their first [`WARM_UP`] are not in it.
    pub(super) drift: Option<Drift>,
}

/// How memory changed over many calls.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Drift {
    pub(super) calls: u32,
    /// Bytes that the process holds more than before; of its own, what it shares left out.
    pub(super) grown: i64,
    pub(super) took: Duration,
    /// The same over ten times as many calls after them, where it was more than [`Calls::growth`]: a heap that is collected
    /// now and then grows for a while, and no further.
    pub(super) later: Option<(u32, i64)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Reply(String),
    Failed {
        code: String,
        message: String,
    },
    /// The plugin broke the interface.
    Broken(String),
}

/// What became of the child.
#[derive(Debug)]
pub(super) enum Outcome {
    Report(Report),
    /// It ended without a report: how.
    Died(String),
    /// It was killed.
    Hung,
}

/// One look, which takes no longer than `bound`; and what the plugin printed meanwhile.
///
/// # Errors
/// No process can be had.
pub(super) fn look(job: &Job, bound: Duration) -> io::Result<(Outcome, Vec<u8>)> {
    let deadline = Instant::now() + bound;
    let (mut here, there) = UnixStream::pair()?;
    let (mut noise, writer) = io::pipe()?;
    #[expect(clippy::disallowed_methods, reason = "this very program, again")]
    let mut child = Command::new("/proc/self/exe")
        .arg(WORD)
        .env_clear()
        .stdin(Stdio::from(OwnedFd::from(there)))
        .stdout(writer.try_clone()?)
        .stderr(writer)
        // What a plugin starts ends with it.
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
    let text = ask(&mut here, job, deadline);
    // Not yet reaped, so the group is still its own.
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
            // It wrote half a report, or something of its own.
            Err(_) => Outcome::Died(ended(reaped)),
        },
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            Outcome::Hung
        }
        Err(error) => return Err(error),
    };
    Ok((outcome, noise))
}

fn ask(channel: &mut UnixStream, job: &Job, deadline: Instant) -> io::Result<Vec<u8>> {
    channel.write_all(&serde_json::to_vec(job)?)?;
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

/// The end of a process whose socket is closed, which comes at once unless a child of its holds on.
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
        // Gone already: ESRCH.
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
    // Away from descriptor 0, where a plugin that reads its input would find it.
    let mut channel = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    dup2_stdin(File::open("/dev/null")?)?;
    let mut text = Vec::new();
    channel.read_to_end(&mut text)?;
    let report = report(&serde_json::from_slice(&text)?);
    channel.write_all(&serde_json::to_vec(&report)?)
}

fn report(job: &Job) -> Report {
    let start = Instant::now();
    let provider = match load(job) {
        Ok(provider) => provider,
        Err(why) => return Report::Refused(why),
    };
    let load = start.elapsed();
    let called = job.calls.as_ref().map(|calls| call(&provider, calls));
    Report::Loaded { meta: Box::new(provider.describe().clone()), load, called }
}

fn load(job: &Job) -> Result<LoadedProvider, String> {
    let method = MethodName::parse(&job.method).map_err(|why| why.to_string())?;
    let checked = host::check(&job.path).map_err(|why| why.to_string())?;
    host::confine(job.keep_root).map_err(|why| format!("the process can't be confined: {why}"))?;
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

/// A number of proc_pid_status(5), of this process.
fn of_status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
