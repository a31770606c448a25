//! The life of a supervisor, from its own start to its record.

#![expect(unsafe_code, reason = "it exits without unwinding into the zygote")]

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::prctl;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{self, SysconfVar};

use super::command::{self, Place};
use super::output::Output;
use super::tree::Tree;
use super::watch::{self, Watched};
use crate::launch::{OwnedSupervision, Received};
use crate::pidfd::PidFd;
use crate::slot::{Begun, Leftovers, Record};
use crate::{cgroup, descendants, priority};

/// The name of a supervisor, as ps(1) shows it.
pub const NAME: &CStr = c"basicagent-task";

/// The longest wait for the moment at which the task is due: the agent starts us shortly before.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Finds a supervisor again by its slot; returns `None` when it is gone. SIGTERM by this descriptor
/// cancels the task.
///
/// # Errors
/// No descriptor left.
pub fn find(begun: &Begun) -> io::Result<Option<PidFd>> {
    let process = match PidFd::open(begun.pid) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EINVAL)) => {
            return Ok(None);
        }
        opened => opened?,
    };
    // Read after the descriptor was opened, so the start time vouches for it: a process that had
    // this number when the slot was written, and still has it, is the one that wrote the slot.
    Ok(descendants::started(begun.pid)
        .is_some_and(|started| started <= begun.ticks)
        .then_some(process))
}

/// Runs the task to its record; never returns.
///
/// Called in a fresh child of the zygote, which has one thread.
pub(crate) fn supervise(launch: Received, task: OwnedSupervision) -> ! {
    let code = match run(launch, task) {
        Ok(()) => 0,
        Err(_) => 1,
    };
    // SAFETY: _exit(2) takes a number and ends the process; no code of the zygote runs after it.
    unsafe { libc::_exit(code) }
}

fn run(launch: Received, task: OwnedSupervision) -> io::Result<()> {
    let mut clock = Clock::start()?;
    settle()?;
    let pid = unistd::getpid().as_raw();
    // Before the command: a task that cannot be recorded does not begin. The start time is not read
    // from /proc, since every reader there costs our parent a clean-up when we end.
    let begun =
        Begun { pid, ticks: ticks(clock.since_boot)?, wall_ms: clock.wall_ms.max(task.not_before) };
    task.claim.begin(&begun)?;

    let OwnedSupervision { claim, dir, leaf, timeout, grace, separate_stderr, .. } = task;
    let mut output = Output::new(&claim, dir.as_fd(), task.max_output);
    let place = Place { leaf: leaf.as_ref(), required: task.leaf_required };
    let mut comes_first = false;
    let turn = || {
        if let Some(left) = left(task.not_before) {
            comes_first = priority::come_first_if_ordinary();
            thread::sleep(left);
            clock = Clock::start()?;
        }
        Ok(())
    };
    let started = command::start(launch, place, &mut output, separate_stderr, timeout, turn);
    if comes_first {
        priority::step_back();
    }
    let followed = started.map(|(command, wake)| {
        let tree = Tree { leaf: leaf.as_ref().filter(|_| command.in_leaf) };
        watch::follow(&command, &mut output, &wake, &tree, grace).inspect_err(|_| tree.kill())
    });
    let watched = match followed {
        Ok(Ok(watched)) => watched,
        Ok(Err(error)) => {
            // The kernel has no memory to wait with: nothing was left running without us.
            return Err(error);
        }
        Err(failure) => Watched { end: Err(failure), process: None, leftovers: Leftovers::Nothing },
    };

    // In this order: the output's bytes, the names of its files, and only then the record that
    // vouches for both. After a power cut, whatever a record mentions exists.
    output.sync();
    let Watched { end, process, leftovers } = watched;
    let usage = process.map(|process| process.usage);
    let (wall, ended_ms) = clock.stop()?;
    let (started_ms, totals) = (clock.wall_ms, output.totals());
    claim.end(&Record { end, started_ms, ended_ms, wall, usage, leftovers, totals })?;
    // After the record: if we are killed earlier, the agent still finds the leaf.
    if let Some(leaf) = leaf {
        cgroup::leave(leaf);
    }
    Ok(())
}

/// Detaches this copy of the zygote from the zygote and the agent.
fn settle() -> io::Result<()> {
    prctl::set_name(NAME)?;
    unistd::setsid()?;
    prctl::set_child_subreaper(true)?;
    // 0 and 1 are /dev/null already; 2 is the agent's log, whose reader may wait for its end.
    unistd::dup2_stderr(io::stdin())?;
    Ok(())
}

/// Returns the time until a moment in milliseconds since 1970; `None`: it has come. Wait for it by
/// the monotonic clock, since somebody may set the other one.
fn left(moment: u64) -> Option<Duration> {
    let left =
        (UNIX_EPOCH + Duration::from_millis(moment)).duration_since(SystemTime::now()).ok()?;
    Some(left.min(MAX_WAIT)).filter(|left| !left.is_zero())
}

/// The moment at which the task began, by both clocks.
struct Clock {
    wall_ms: u64,
    since_boot: Duration,
}

impl Clock {
    fn start() -> io::Result<Self> {
        Ok(Self { wall_ms: wall_ms(), since_boot: since_boot()? })
    }

    /// Returns how long the task took, by the monotonic clock, and the wall-clock time of its end.
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

/// Converts to clock ticks, as proc(5) counts them.
fn ticks(time: Duration) -> io::Result<u64> {
    let a_second =
        unistd::sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u128::try_from(ticks).ok());
    let ticks = a_second.map(|a_second| time.as_nanos() * a_second / 1_000_000_000);
    ticks
        .and_then(|ticks| u64::try_from(ticks).ok())
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}
