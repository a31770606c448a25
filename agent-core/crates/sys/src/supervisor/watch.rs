//! What a supervisor does while its command runs, and when it has to end.

use std::io;
use std::time::Duration;

use nix::unistd;

use super::command::Command;
use super::output::Output;
use super::tree::Tree;
use super::wake::{Wake, Woken};
use crate::child::Failure;
use crate::pidfd::{self, Ended, How};
use crate::slot::{End, Rest};

/// How long output of background children that still hold the pipe is waited for, after the
/// command's end.
const DRAIN: Duration = Duration::from_millis(200);
/// A killed tree that is not gone is killed again this often: what was orphaned just as it was
/// looked for can escape one search.
const KILL_AGAIN: Duration = Duration::from_millis(100);
/// After so many kills the record is written without waiting longer, which is 5 s.
const MAX_KILLS: u32 = 50;

/// How far the task has come.
#[derive(Clone, Copy)]
enum Phase {
    Running,
    /// The command has ended by itself; the rest of its output comes.
    Draining(Ended),
    /// The tree is asked to end, for this reason.
    Terminating(End),
    /// The tree is killed, for this reason, so many times by now.
    Killing(End, u32),
}

/// How it ended, what the command used, and what is left of the tree.
pub(super) type Last = (End, Option<Ended>, Rest);

/// Follows the command to its end.
pub(super) fn follow(
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
        let background = if none_left { Rest::Nothing } else { Rest::Background };
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
            (Phase::Draining(ended), _) if due => {
                return Ok((own_end(command, ended), Some(ended), background));
            }
            (Phase::Terminating(why) | Phase::Killing(why, _), _) if none_left => {
                output.take_rest();
                return Ok((why, ended, Rest::Nothing));
            }
            (Phase::Killing(why, MAX_KILLS), _) if due => {
                output.take_rest();
                return Ok((why, ended, Rest::Survivors));
            }
            (Phase::Terminating(why), _) if due => {
                tree.kill();
                wake.after(KILL_AGAIN)?;
                Phase::Killing(why, 1)
            }
            (Phase::Killing(why, times), _) if due => {
                tree.kill();
                wake.after(KILL_AGAIN)?;
                Phase::Killing(why, times + 1)
            }
            (same, _) => same,
        };
        if let Phase::Draining(ended) = phase
            && output.at_end()
        {
            return Ok((own_end(command, ended), Some(ended), background));
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
