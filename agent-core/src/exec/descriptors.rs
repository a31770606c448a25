//! The limit of open files (RLIMIT_NOFILE, getrlimit(2)), and the commands and tasks that it
//! allows.
//!
//! The agent raises its own soft limit. Where the hard limit is low, fewer commands and tasks run
//! at once than the settings allow, and the others wait: a command that was admitted does not fail
//! for a descriptor.

use std::io;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::resource::{self, Resource};

use super::StartError;

/// The soft limit that this process was started with.
static INHERITED: OnceLock<u64> = OnceLock::new();

/// The lowest limit with which the agent starts.
const MINIMUM: u64 = 64;
/// The soft limit that the agent sets for itself, if the hard limit allows it: enough for the
/// largest bounds that the settings can have.
const ENOUGH: u64 = 65_536;
/// The descriptors of the agent without commands and tasks: 28 when idle, the others for the
/// channel, local connections, plugin workers and files that are read.
const REST: u64 = 40;
/// The descriptors of one command while it starts: two pipes, the process, its input, a leaf.
const EACH_COMMAND: u64 = 8;
/// The descriptors of one task: the process, a leaf, its slot while it starts.
const EACH_TASK: u64 = 4;
/// The descriptors of one leaf.
const EACH_LEAF: u64 = 2;

/// The limit of open files of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descriptors {
    /// The soft limit that this process was started with; commands get it.
    pub(crate) inherited: u64,
    limit: u64,
}

impl Descriptors {
    /// Raises the soft limit; done at the start, and again without effect.
    ///
    /// # Errors
    /// The hard limit is below [`MINIMUM`]; the message has the cure.
    pub(crate) fn raise() -> io::Result<Self> {
        let (soft, hard) = resource::getrlimit(Resource::RLIMIT_NOFILE)?;
        let inherited = *INHERITED.get_or_init(|| soft);
        if hard < MINIMUM {
            return Err(io::Error::other(format!(
                "only {hard} files can be open at once (RLIMIT_NOFILE), and the agent needs at least \
                 {MINIMUM}: raise LimitNOFILE= of the unit, or ulimit -n"
            )));
        }
        let limit = soft.max(ENOUGH.min(hard));
        resource::setrlimit(Resource::RLIMIT_NOFILE, limit, hard)?;
        Ok(Self { inherited, limit })
    }

    /// Returns how many commands can run at once, at most as many as `wanted`.
    pub(crate) fn commands(self, wanted: usize) -> usize {
        at_most(self.spare() * 3 / 8 / EACH_COMMAND, wanted)
    }

    /// Returns how many tasks can run at once.
    pub(crate) fn tasks(self) -> u32 {
        u32::try_from(self.spare() * 3 / 8 / EACH_TASK).unwrap_or(u32::MAX).max(1)
    }

    /// Returns how many unused leaves of one kind can be kept open, at most as many as `wanted`.
    pub(crate) fn idle_leaves(self, wanted: usize) -> usize {
        at_most(self.spare() / 8 / EACH_LEAF, wanted)
    }

    /// Logs when the limit allows fewer commands than the settings.
    pub(crate) fn report(self, max_running: usize) {
        let allowed = self.commands(max_running);
        if allowed < max_running {
            log::warn!(
                "only {} files can be open at once (RLIMIT_NOFILE): at most {allowed} commands and {} \
                 tasks run at once, and exec.max_running is {max_running}; raise LimitNOFILE= of the \
                 unit, or ulimit -n",
                self.limit,
                self.tasks()
            );
        }
    }

    fn spare(self) -> u64 {
        self.limit.saturating_sub(REST)
    }
}

fn at_most(allowed: u64, wanted: usize) -> usize {
    usize::try_from(allowed).unwrap_or(usize::MAX).max(1).min(wanted)
}

impl StartError {
    /// Returns whether the process or the host had no descriptor left: a later attempt may succeed.
    pub(crate) fn is_out_of_descriptors(&self) -> bool {
        let Self::NotStarted(step) = self else { return false };
        let errno = step.source.raw_os_error().map(Errno::from_raw);
        matches!(errno, Some(Errno::EMFILE | Errno::ENFILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_limit_is_the_bounds_fit_into_it_and_are_never_zero() {
        for limit in [64, 100, 256, 1024, 4096, 65_536, 1 << 20] {
            let descriptors = Descriptors { inherited: 1024, limit };
            let commands = descriptors.commands(4096) as u64;
            let tasks = u64::from(descriptors.tasks().min(4096));
            let leaves = (descriptors.idle_leaves(1024) + descriptors.idle_leaves(128)) as u64;
            assert!(commands > 0 && tasks > 0 && leaves > 0);
            let needed = REST + commands * EACH_COMMAND + tasks * EACH_TASK + leaves * EACH_LEAF;
            assert!(needed <= limit, "{needed} of {limit}");
        }
        let plenty = Descriptors { inherited: 1024, limit: ENOUGH };
        assert_eq!((plenty.commands(64), plenty.idle_leaves(1024)), (64, 1024));
    }
}
