//! The ending of a command's process tree: one state machine for commands and for tasks.
//!
//! A driver reports what happened and carries out the [`Step`] it gets back; time comes in as
//! [`Event::TimeUp`], when the wait of the last step has passed. The machine does no I/O and reads
//! no clock. There are two drivers: the agent drives it for commands, on its event loop; a
//! [supervisor](crate::supervisor) drives it for a task, from poll(2). The bounds here hold for
//! both; only the grace between SIGTERM and SIGKILL is a setting.

use std::time::Duration;

use crate::end::StopReason;

#[cfg(test)]
mod tests;

/// How long output is read after the end, while background children still hold the pipes.
pub const DRAIN: Duration = Duration::from_millis(200);
/// A killed tree that still has a process is killed again after this time: a process that was
/// orphaned just during a search can escape that search.
pub const KILL_AGAIN: Duration = Duration::from_millis(100);
/// The kills after which nobody waits for the tree any longer.
pub const MAX_KILLS: u32 = 50;
/// The longest time that a killed tree is waited for.
pub const KILL_BOUND: Duration = KILL_AGAIN.saturating_mul(MAX_KILLS);

/// An event on the way to the end of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The command itself ended; background children may live on. A driver whose output goes to a
    /// reader reports this once the reader has the command's output.
    CommandEnded,
    /// Somebody cancelled the command.
    Cancelled,
    /// The wait of the last step has passed; before the first step: the command's time-out.
    TimeUp,
    /// The tree could not be sent SIGTERM.
    TerminateFailed,
    /// No process of the tree is left.
    TreeGone,
    /// Both output streams reached their end.
    OutputEnded,
}

/// The next action of the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Do nothing: the last wait continues.
    Wait,
    /// Send SIGTERM to the whole tree, then wait at most so long.
    Terminate {
        /// The grace.
        within: Duration,
    },
    /// Kill the whole tree, then wait at most so long.
    Kill {
        /// [`KILL_AGAIN`].
        within: Duration,
    },
    /// Read output, at most so long.
    Drain {
        /// [`DRAIN`].
        within: Duration,
    },
    /// Stop: report how the command ended.
    Finish,
}

/// How far the ending of one tree has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    grace: Duration,
    phase: Phase,
    stopped: Option<StopReason>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// The tree was sent SIGTERM.
    Terminating,
    /// The tree was killed so many times.
    Killing(u32),
    /// Nothing is left to wait for but output.
    Draining,
    Finished,
}

impl Ending {
    /// Creates the machine of a command that begins to run. `grace` passes between SIGTERM and
    /// SIGKILL.
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        Self { grace, phase: Phase::Running, stopped: None }
    }

    /// Returns why the tree is or was ended by force; `None` while the command runs, and when it
    /// ended by itself.
    #[must_use]
    pub fn stopped(&self) -> Option<StopReason> {
        self.stopped
    }

    /// Takes one event. An event that means nothing in the present phase changes nothing.
    pub fn on(&mut self, event: Event) -> Step {
        match (self.phase, event) {
            (Phase::Running, Event::CommandEnded) => self.drain(),
            (Phase::Running, Event::TimeUp) => self.terminate(StopReason::TimedOut),
            (Phase::Running, Event::Cancelled) => self.terminate(StopReason::Cancelled),
            (Phase::Terminating, Event::TimeUp | Event::TerminateFailed) => self.kill(1),
            (Phase::Killing(MAX_KILLS), Event::TimeUp) => self.drain(),
            (Phase::Killing(times), Event::TimeUp) => self.kill(times + 1),
            (Phase::Terminating | Phase::Killing(_), Event::TreeGone) => self.drain(),
            (Phase::Draining, Event::OutputEnded | Event::TimeUp) => {
                self.phase = Phase::Finished;
                Step::Finish
            }
            (Phase::Running, Event::TerminateFailed | Event::TreeGone | Event::OutputEnded)
            | (Phase::Terminating, Event::CommandEnded | Event::Cancelled | Event::OutputEnded)
            | (
                Phase::Killing(_),
                Event::CommandEnded
                | Event::Cancelled
                | Event::TerminateFailed
                | Event::OutputEnded,
            )
            | (
                Phase::Draining,
                Event::CommandEnded | Event::Cancelled | Event::TerminateFailed | Event::TreeGone,
            )
            | (Phase::Finished, _) => Step::Wait,
        }
    }

    fn terminate(&mut self, reason: StopReason) -> Step {
        self.stopped = Some(reason);
        self.phase = Phase::Terminating;
        Step::Terminate { within: self.grace }
    }

    fn kill(&mut self, times: u32) -> Step {
        self.phase = Phase::Killing(times);
        Step::Kill { within: KILL_AGAIN }
    }

    fn drain(&mut self) -> Step {
        self.phase = Phase::Draining;
        Step::Drain { within: DRAIN }
    }
}
