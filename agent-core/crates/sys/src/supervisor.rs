//! The supervisor: one small process above one task, which outlives the agent.
//!
//! Cloned by the zygote, in a session of its own. It owns all that the task needs until its end:
//! the pipes, the bounded output files, the time-out, the ending of the tree, and the record in the
//! task's slot. It takes one order, SIGTERM: cancel. It says nothing to anybody; the agent, this
//! one or a later one, learns of it by the slot, whose lock it holds as long as it lives.
//!
//! It is a subreaper: all that its command leaves orphaned becomes its child. So nothing is left of
//! the tree once there is no child left, in a cgroup or without. A command that ends by itself
//! leaves its background children alone.

#![expect(unsafe_code, reason = "it clones the command and exits without unwinding into the zygote")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::timerfd::{self, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{self, Gid, Uid};

use crate::child::{self, Failure, Side, Stage};
use crate::launch::{OwnedSupervision, Received};
use crate::pidfd::{self, Ended, How, PidFd};
use crate::slot::{Begun, Claim, End, Record, Totals, Usage};
use crate::spool::{Spool, Stream};
use crate::{cgroup, descendants};

/// The name of a supervisor, as ps(1) shows it.
pub const NAME: &std::ffi::CStr = c"basicagent-task";
/// Bytes read at once. A supervisor's memory is mostly this.
const READ: usize = 16 * 1024;
/// How long output of background children that still hold the pipe is waited for, after the
/// command's end.
const DRAIN: Duration = Duration::from_millis(200);
/// How long a killed tree may take to be gone, before the record is written without that.
const KILLED: Duration = Duration::from_secs(5);
/// Reads of a pipe that is still held after [`KILLED`], at most: it could go on for ever.
const LAST_READS: usize = 128;

/// Finds a supervisor again by what its slot says of it; `None` when it is gone. SIGTERM by this
/// descriptor cancels the task.
///
/// # Errors
/// No descriptor left.
pub fn find(begun: &Begun) -> io::Result<Option<PidFd>> {
    let process = match PidFd::open(begun.pid) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EINVAL)) => return Ok(None),
        opened => opened?,
    };
    // Looked at after it was opened: the start time then vouches for the descriptor.
    Ok((descendants::started(begun.pid) == Some(begun.start)).then_some(process))
}

/// Runs the task to its record; never comes back.
///
/// Called in a fresh child of the zygote, which has one thread.
pub(crate) fn supervise(launch: Received, task: OwnedSupervision) -> ! {
    let code = match run(launch, task) {
        Ok(()) => 0,
        Err(_) => 1,
    };
    // SAFETY: _exit(2) takes a number and ends the process; nothing of the zygote's is run.
    unsafe { libc::_exit(code) }
}

fn run(launch: Received, task: OwnedSupervision) -> io::Result<()> {
    let clock = Clock::start()?;
    settle()?;
    let pid = unistd::getpid().as_raw();
    let start = descendants::started(pid).ok_or(io::ErrorKind::NotFound)?;
    // Before the command: what could not be recorded is not begun.
    task.claim.begin(&Begun { pid, start, wall_ms: clock.wall_ms })?;

    let OwnedSupervision { claim, dir, leaf, timeout, grace, max_output, separate_stderr } = task;
    let mut output = Output::new(&claim, dir.as_fd(), max_output);
    let tree = Tree { leaf: leaf.as_ref() };
    let followed = start_command(launch, tree.leaf, &mut output, separate_stderr, timeout)
        .map(|(command, wake)| watch(&command, &mut output, &wake, &tree, grace));
    let (end, ended, survivors) = match followed {
        Ok(Ok(last)) => last,
        Ok(Err(error)) => {
            // The kernel has no memory to wait with: nothing is left running without us.
            tree.kill();
            return Err(error);
        }
        Err((stage, errno)) => (End::NotStarted { stage, errno }, None, false),
    };

    // The order: the output's bytes, the names of its files, and only then the record that vouches
    // for both. Whoever reads the record after a power cut finds what it speaks of.
    output.sync();
    let usage =
        ended.map(|ended| Usage { user: ended.user, system: ended.system, max_rss_kib: ended.max_rss_kib });
    let (wall, ended_ms) = clock.stop()?;
    let totals = output.totals();
    claim.end(&Record { end, started_ms: clock.wall_ms, ended_ms, wall, usage, survivors, totals })?;
    // After the record: a supervisor that is killed before it leaves the leaf to be found by it.
    if let Some(leaf) = leaf {
        cgroup::leave(leaf);
    }
    Ok(())
}

/// Makes this copy of the zygote a process of its own.
fn settle() -> io::Result<()> {
    prctl::set_name(NAME)?;
    unistd::setsid()?;
    prctl::set_child_subreaper(true)?;
    // 0 and 1 are /dev/null already; 2 is the agent's, whose reader may wait for its end.
    unistd::dup2_stderr(io::stdin())?;
    Ok(())
}

/// When the task began, by both clocks.
struct Clock {
    wall_ms: u64,
    since_boot: Duration,
}

impl Clock {
    fn start() -> io::Result<Self> {
        Ok(Self { wall_ms: wall_ms(), since_boot: since_boot()? })
    }

    /// How long it took, by a clock that nobody sets, and when it ended.
    fn stop(&self) -> io::Result<(Duration, u64)> {
        Ok((since_boot()?.saturating_sub(self.since_boot), wall_ms()))
    }
}

fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn since_boot() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_BOOTTIME)?.into())
}

/// The pipes and files of both streams.
struct Output<'a> {
    claim: &'a Claim,
    dir: BorrowedFd<'a>,
    /// `None` once at its end.
    pipes: [Option<OwnedFd>; 2],
    spools: [Spool; 2],
    buffer: Vec<u8>,
}

impl<'a> Output<'a> {
    fn new(claim: &'a Claim, dir: BorrowedFd<'a>, max: u64) -> Self {
        let spool = |stream: Stream| Spool::new(stream.file_name(claim.n()), max);
        let spools = [spool(Stream::Stdout), spool(Stream::Stderr)];
        Self { claim, dir, pipes: [None, None], spools, buffer: Vec::new() }
    }

    /// A new pipe for a stream; the command's end of it.
    fn open(&mut self, index: usize) -> io::Result<OwnedFd> {
        let (reader, writer) = unistd::pipe2(OFlag::O_CLOEXEC)?;
        // Ours only: the command's end blocks, as programs expect.
        fcntl::fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        if let Some(pipe) = self.pipes.get_mut(index) {
            *pipe = Some(reader);
        }
        Ok(writer)
    }

    fn at_end(&self) -> bool {
        self.pipes.iter().all(Option::is_none)
    }

    /// Takes one piece of a pipe; true when there may be more at once.
    fn take(&mut self, index: usize) -> bool {
        let totals = self.totals();
        let (Some(pipe), Some(spool)) = (self.pipes.get_mut(index), self.spools.get_mut(index)) else {
            return false;
        };
        let Some(reader) = pipe else { return false };
        // Not before the first output: most of what waits says nothing.
        self.buffer.resize(READ, 0);
        match unistd::read(reader, &mut self.buffer) {
            Ok(length @ 1..) => {
                let piece = self.buffer.get(..length).unwrap_or_default();
                spool.push(self.dir, piece, |extent| {
                    let mut totals = totals;
                    *(if index == 0 { &mut totals.stdout } else { &mut totals.stderr }) = extent;
                    // A reader that learns too late that bytes are overwritten would get others: no
                    // way out but to tell it at the next chance.
                    let _ = self.claim.count(&totals);
                });
                // What could not be counted now is counted with the next piece, or in the record.
                let _ = self.claim.count(&self.totals());
                true
            }
            Err(Errno::EINTR) => true,
            Err(Errno::EAGAIN) => false,
            Ok(_) | Err(_) => {
                *pipe = None;
                false
            }
        }
    }

    /// Takes what is left when nobody is waited for any more.
    fn take_rest(&mut self) {
        for index in 0..self.pipes.len() {
            for _ in 0..LAST_READS {
                if !self.take(index) {
                    break;
                }
            }
        }
    }

    fn totals(&self) -> Totals {
        let [stdout, stderr] = &self.spools;
        Totals { stdout: stdout.extent(), stderr: stderr.extent() }
    }

    fn sync(&mut self) {
        let mut made = false;
        for spool in &mut self.spools {
            made |= spool.sync();
        }
        if made {
            // A directory that cannot be synced loses a file's name in a power cut, and the reader
            // of the record then finds no file: nothing more can be done about it from here.
            let _ = unistd::fsync(self.dir);
        }
    }
}

/// A command that was cloned.
struct Command {
    pid: i32,
    /// Where it says why it could not be started, if so.
    failure: OwnedFd,
}

/// Clones the command, its time-out begun. Takes the launch, since its ends of the pipes must be nobody's but the
/// command's.
fn start_command(
    mut launch: Received,
    leaf: Option<&OwnedFd>,
    output: &mut Output<'_>,
    separate_stderr: bool,
    timeout: Option<Duration>,
) -> Result<(Command, Wake), (Stage, i32)> {
    let failed = |stage| move |error: io::Error| (stage, error.raw_os_error().unwrap_or(libc::EIO));
    // All that can fail comes before the clone.
    let wake = Wake::open().map_err(failed(Stage::Session))?;
    if let Some(timeout) = timeout {
        wake.after(timeout).map_err(failed(Stage::Session))?;
    }
    let stdout = output.open(0).map_err(failed(Stage::Files))?;
    let stderr = separate_stderr.then(|| output.open(1)).transpose().map_err(failed(Stage::Files))?;
    if let Some(identity) = launch.identity.as_ref().filter(|identity| identity.uid != 0) {
        // Lets the user open its own output and input by name, as `> /dev/stderr` does.
        for fd in [Some(&stdout), stderr.as_ref(), launch.files.stdin.as_ref()].into_iter().flatten() {
            let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
            unistd::fchown(fd, Some(uid), Some(gid)).map_err(|errno| (Stage::Files, errno as i32))?;
        }
    }
    launch.files.stdout = Some(stdout);
    launch.files.stderr = stderr;
    // Killed with us: without a supervisor nobody would end it in time, or record its end.
    launch.dies_with = Some(unistd::getpid().as_raw());
    let (failure, failures) =
        unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(|errno| (Stage::Files, errno as i32))?;
    let (argv, envp) = launch.pointers();
    // SAFETY: a supervisor is the copy of the zygote's only thread and starts no other.
    let mut side = unsafe { child::clone(false, leaf) };
    if side.is_err() && leaf.is_some() {
        // The leaf was removed under us: by an agent that found it empty after its own crash, say.
        // SAFETY: the same.
        side = unsafe { child::clone(false, None) };
    }
    match side.map_err(failed(Stage::Clone))? {
        Side::Child => child::exec(&launch, &argv, &envp, failures.as_raw_fd()),
        Side::Parent { pid, .. } => Ok((Command { pid, failure }, wake)),
    }
}

/// How far the task has come.
#[derive(Clone, Copy)]
enum Phase {
    Running,
    /// The command has ended by itself; the rest of its output comes.
    Draining(Ended),
    /// The tree is asked to end, for this reason.
    Terminating(End),
    /// The tree is killed, for this reason.
    Killing(End),
}

/// How it ended, what the command used, and whether anything of a killed tree is left.
type Last = (End, Option<Ended>, bool);

/// Follows the command to its end.
fn watch(
    command: &Command,
    output: &mut Output<'_>,
    wake: &Wake,
    tree: &Tree<'_>,
    grace: Duration,
) -> io::Result<Last> {
    let mut phase = Phase::Running;
    let mut ended = None;
    loop {
        let Woken { due, cancelled } = wake.wait(output)?;
        // The dead first: a deadline that crosses the command's own end must not reach the rest.
        let none_left = reap(command.pid, &mut ended)?;
        phase = match (phase, ended) {
            (Phase::Running, Some(ended)) => {
                wake.after(DRAIN)?;
                Phase::Draining(ended)
            }
            (Phase::Running, None) if cancelled || due => {
                tree.terminate();
                wake.after(grace)?;
                Phase::Terminating(if cancelled { End::Cancelled } else { End::TimedOut })
            }
            (Phase::Draining(ended), _) if due => return Ok((own_end(command, ended), Some(ended), false)),
            (Phase::Terminating(why) | Phase::Killing(why), _) if none_left => {
                output.take_rest();
                return Ok((why, ended, false));
            }
            (Phase::Terminating(why), _) if due => {
                tree.kill();
                wake.after(KILLED)?;
                Phase::Killing(why)
            }
            (Phase::Killing(why), _) if due => {
                output.take_rest();
                return Ok((why, ended, true));
            }
            (Phase::Killing(why), _) => {
                tree.kill_again();
                Phase::Killing(why)
            }
            (same, _) => same,
        };
        if let Phase::Draining(ended) = phase
            && output.at_end()
        {
            return Ok((own_end(command, ended), Some(ended), false));
        }
    }
}

/// How a command ended by itself, which includes that it never became one.
fn own_end(command: &Command, ended: Ended) -> End {
    match ended.how {
        How::Exited(Failure::STATUS) => {
            let mut report = [0; Failure::LEN];
            let said = unistd::read(&command.failure, &mut report) == Ok(Failure::LEN);
            match Failure::from_bytes(&report).filter(|_| said) {
                Some(Failure { stage, errno, .. }) => End::NotStarted { stage, errno },
                None => End::Exited(Failure::STATUS),
            }
        }
        How::Exited(status) => End::Exited(status),
        How::Signaled { signal, core } => End::Signaled { signal, core },
    }
}

/// Reaps the dead and keeps the command's end; true when there is no child left.
fn reap(command: i32, ended: &mut Option<Ended>) -> io::Result<bool> {
    loop {
        match pidfd::reap_any() {
            Ok(Some((pid, end))) if pid == command => *ended = Some(end),
            Ok(Some(_)) => {}
            Ok(None) => return Ok(false),
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
}

/// Everything the command started.
struct Tree<'a> {
    leaf: Option<&'a OwnedFd>,
}

impl Tree<'_> {
    fn terminate(&self) {
        let asked = self.leaf.is_some_and(|leaf| cgroup::terminate(leaf).is_ok());
        if !asked {
            descendants::terminate_all();
        }
    }

    fn kill(&self) {
        if let Some(leaf) = self.leaf {
            // What this misses, the next line does not.
            let _ = cgroup::kill(leaf);
        }
        // Also with a cgroup: what runs as root can leave it.
        descendants::kill_all();
    }

    /// After a death: what was born meanwhile has come to light as our child.
    fn kill_again(&self) {
        let empty = self.leaf.and_then(|leaf| cgroup::events(leaf).and_then(cgroup::is_empty).ok());
        // A leaf that is killed and not empty yet needs time, not a search of /proc for each death.
        if empty != Some(false) {
            descendants::kill_all();
        }
    }
}

/// What a supervisor waits for beside output.
struct Wake {
    signals: SignalFd,
    timer: TimerFd,
}

struct Woken {
    due: bool,
    cancelled: bool,
}

impl Wake {
    fn open() -> io::Result<Self> {
        // Every signal is blocked since the zygote began; these are read instead.
        let mask: SigSet = [Signal::SIGCHLD, Signal::SIGTERM].into_iter().collect();
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        // Time in suspend counts: a deadline is one of the world's, not of the processor's.
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Self { signals, timer: TimerFd::new(timerfd::ClockId::CLOCK_BOOTTIME, flags)? })
    }

    /// Sets the one alarm there is.
    fn after(&self, time: Duration) -> io::Result<()> {
        // Zero would disarm it.
        let once = Expiration::OneShot(time.max(Duration::from_nanos(1)).into());
        Ok(self.timer.set(once, TimerSetTimeFlags::empty())?)
    }

    /// Waits, and takes one piece of each output that is there: a flood delays no deadline.
    fn wait(&self, output: &mut Output<'_>) -> io::Result<Woken> {
        let mut ready = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.timer.as_fd(), PollFlags::POLLIN),
        ];
        ready.extend(output.pipes.iter().flatten().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        match poll(&mut ready, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        drop(ready);
        for index in 0..output.pipes.len() {
            output.take(index);
        }
        let due = self.timer.wait().is_ok();
        let mut cancelled = false;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            cancelled |= i32::try_from(signal.ssi_signo) == Ok(libc::SIGTERM);
        }
        Ok(Woken { due, cancelled })
    }
}
