//! Starts tasks: commands under a supervisor process of their own, which outlive the agent.
//!
//! [`crate::task`] prepares one (so that the journal can note its cgroup), starts it, and follows
//! it by its slot. Tasks do not count against the bounds of commands, and shutdown does not end
//! them.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agent_sys::ending::KILL_BOUND;
use agent_sys::pidfd::PidFd;
use agent_sys::slot::{Claim, Leftovers};
use agent_sys::spool::StoredOutput;
use agent_sys::{Files, Holder, StartFailure, Supervision, cgroup};
use nix::sys::statfs;
use nix::unistd::Uid;
use tokio::task;

use super::cgroups::controllers::Limited;
use super::cgroups::leaves::{self, TaskLeaf};
use super::command::account::Account;
use super::command::capture::{self, Captured};
use super::command::program::{self, Program};
use super::command::spec::Spec;
use super::command::start;
use super::executor::Executor;
use crate::config::ExecSettings;
use crate::exec::StartError;

/// A task that is ready to start.
#[derive(Debug)]
pub struct Prepared {
    account: Arc<Account>,
    settings: Arc<ExecSettings>,
    leaf: Option<TaskLeaf>,
    limited: Limited,
}

/// The cgroups that a started task uses. Dropped, they stay as they are, since the task may outlive
/// the agent.
#[derive(Debug, Default)]
pub struct Lodging {
    leaf: Option<TaskLeaf>,
    limited: bool,
}

impl Lodging {
    /// Gives them back when the task is over, with the processes left of the task; `None`: some of
    /// them were killed, or may have been.
    pub fn give_back(self, left: Option<Leftovers>) {
        if let Some(leaf) = self.leaf {
            leaf.give_back(left.filter(|_| !self.limited));
        }
    }
}

impl Prepared {
    /// Returns the cgroup that the task will be in, for [`kill_leaf`] should its supervisor be
    /// killed; `None` without cgroups.
    #[must_use]
    pub fn leaf(&self) -> Option<PathBuf> {
        self.leaf.as_ref().map(TaskLeaf::path)
    }

    /// Returns how many bytes of each output stream will be stored, which readers need to know.
    #[must_use]
    pub fn max_output(&self, spec: &Spec) -> u64 {
        spec.max_output.unwrap_or(self.settings.max_output) as u64
    }
}

impl Executor {
    /// Checks in advance whether a command could run here: its fields, its user and group, its
    /// limits.
    ///
    /// # Errors
    /// [`StartError::InvalidCommand`], [`StartError::NoSuchUser`], [`StartError::NoSuchGroup`],
    /// [`StartError::NotStarted`] when NSS does not answer.
    pub async fn check(&self, spec: &Spec) -> Result<(), StartError> {
        spec.check()?;
        self.host().account(&self.settings(), spec).await?;
        self.host().controllers.limit(&format!("check.{}", self.next_id()), &spec.limits).map(drop)
    }

    /// Prepares task `n`: resolves its account and makes its cgroup. Dropping the result undoes
    /// this.
    ///
    /// # Errors
    /// Those of [`Executor::check`], and [`StartError::ShuttingDown`].
    pub async fn prepare(&self, spec: &Spec, n: u64) -> Result<Prepared, StartError> {
        if self.is_shut_down() {
            return Err(StartError::ShuttingDown);
        }
        spec.check()?;
        let settings = self.settings();
        let account = self.host().account(&settings, spec).await?;
        let name = format!("{}{n}", leaves::TASK_PREFIX);
        let limited = self.host().controllers.limit(&name, &spec.limits)?;
        let leaf = match &self.host().leaves {
            None => None,
            Some(leaves) if limited.needs_leaf() => {
                let leaf = leaves.make_for_task(n).and_then(|leaf| {
                    limited.write(&leaf.path())?;
                    Ok(leaf)
                });
                Some(leaf.map_err(|error| StartError::step("limits", error))?)
            }
            Some(leaves) => {
                let taken = leaves.take_for_task(n);
                leaves.report(taken.as_ref().map(drop));
                taken.ok()
            }
        };
        Ok(Prepared { account, settings, leaf, limited })
    }

    /// Starts the task's supervisor, which starts the command, and passes the slot on to it. It is
    /// our child: reap it by the descriptor, and then give the lodging back. The task's fate is in
    /// the slot, and only there. `dir` is the directory for its output files; the command does not
    /// start before `not_before`, in milliseconds since 1970 and soon, or 0.
    ///
    /// # Errors
    /// [`StartError::NotStarted`], [`StartError::ShuttingDown`]. After an error the
    /// command may have begun nevertheless: when the zygote died meanwhile, only the slot tells. It
    /// is held as long as that is undecided.
    pub async fn supervise(
        &self,
        prepared: Prepared,
        spec: &Spec,
        claim: Claim,
        dir: BorrowedFd<'_>,
        not_before: u64,
    ) -> Result<(PidFd, Lodging), StartError> {
        let max_output = prepared.max_output(spec);
        let Prepared { account, settings, mut leaf, limited } = prepared;
        let identity = Uid::effective().is_root().then_some(&account.identity);
        let program = Program::of(&account, &settings, spec)?;
        let stdin = program::stdin(spec)?;
        let argv = program.argv();
        let launch = program.launch(self.next_id(), identity, &argv);
        let task = Supervision {
            claim: &claim,
            dir,
            leaf: leaf.as_mut().map(TaskLeaf::lend),
            leaf_required: limited.needs_leaf(),
            timeout: spec.timeout,
            grace: settings.grace,
            not_before,
            max_output,
            separate_stderr: spec.separate_stderr,
        };
        let joins = limited.joins();
        let stdin = stdin.as_ref().map(AsFd::as_fd);
        let files = Files { stdin, stdout: None, stderr: None, joins: &joins };
        let spawned = self.host().spawner.spawn(&launch, files, Holder::Supervisor(task)).await;
        drop(joins);
        let lodging = Lodging { leaf, limited: limited.needs_leaf() };
        match spawned {
            Ok(supervisor) => {
                limited.keep();
                Ok((supervisor, lodging))
            }
            Err(error) => {
                lodging.give_back(None);
                Err(error)
            }
        }
    }

    /// Returns the error for a task that its slot shows as not started.
    #[must_use]
    pub fn explain(&self, failure: StartFailure, spec: &Spec) -> StartError {
        start::explain(failure, &self.settings(), spec)
    }

    /// Removes the cgroups of finished tasks that stayed for background processes which are gone by
    /// now. `running` returns whether the task of a number has been prepared and is not over.
    pub fn sweep_leaves(&self, running: impl Fn(u64) -> bool) {
        let host = self.host();
        host.leaves.iter().for_each(|leaves| leaves.sweep_tasks());
        for root in host.controllers.roots() {
            for entry in fs::read_dir(root).into_iter().flatten().flatten() {
                if leaves::task_number(&entry.path()).is_some_and(|n| !running(n)) {
                    cgroup::remove(&entry.path());
                }
            }
        }
    }
}

/// Kills everything in the cgroup of a task whose supervisor was killed, and removes the cgroup.
/// Succeeds when it is gone already.
///
/// # Errors
/// `InvalidInput`: the path is not that of a task's cgroup. `TimedOut`: some of its processes do
/// not die.
pub async fn kill_leaf(path: &Path) -> io::Result<()> {
    let path = path.to_owned();
    task::spawn_blocking(move || kill(&path))
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
}

fn kill(path: &Path) -> io::Result<()> {
    let root = path.parent().and_then(|root| root.file_name()).and_then(|name| name.to_str());
    let of_an_agent = root.is_some_and(|name| name.starts_with(cgroup::PREFIX));
    if !path.is_absolute() || !of_an_agent || leaves::task_number(path).is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a task's cgroup"));
    }
    let dir = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    if statfs::fstatfs(&dir)?.filesystem_type() != statfs::CGROUP2_SUPER_MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not on a cgroup v2 file system"));
    }
    cgroup::kill(&dir)?;
    let empty = cgroup::await_empty(&dir, KILL_BOUND)?;
    cgroup::remove(path);
    if empty { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
}

impl From<StoredOutput> for Captured {
    /// Joins head and tail as in a command's output; bytes missing at the end count as dropped.
    fn from(kept: StoredOutput) -> Self {
        let StoredOutput { head: mut bytes, tail, dropped: between, missing } = kept;
        let seam = bytes.len();
        bytes.extend_from_slice(&tail);
        let mut dropped = between + missing;
        if missing > 0 {
            let cut = capture::unfinished(&bytes);
            bytes.truncate(bytes.len() - cut);
            dropped += cut as u64;
        }
        if between > 0 {
            let seam = seam.min(bytes.len());
            dropped += capture::trim_seam(&mut bytes, seam);
        }
        Self { bytes, dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_output_is_joined_without_cutting_a_character_in_two() {
        let kept = |head: &[u8], tail: &[u8], dropped, missing| {
            let kept = StoredOutput { head: head.to_vec(), tail: tail.to_vec(), dropped, missing };
            let Captured { bytes, dropped } = kept.into();
            (bytes, dropped)
        };
        let (a, b) = "ä".as_bytes().split_at(1);
        assert_eq!(kept(a, b, 0, 0), ("ä".into(), 0));
        assert_eq!(kept(a, b, 5, 0), (vec![], 7));
        assert_eq!(kept(b"x", a, 0, 5), (b"x".to_vec(), 6));
        assert_eq!(kept(a, b"", 3, 5), (vec![], 9));
        assert_eq!(kept(b"x", b"y", 3, 5), (b"xy".to_vec(), 8));
    }

    #[tokio::test]
    async fn only_a_tasks_cgroup_is_killed() {
        let foreign = [
            "/",
            "/sys/fs/cgroup",
            "/x/basicagent.1.0/7",
            "/x/other/task.7",
            "basicagent.1.0/task.7",
        ];
        for path in foreign {
            assert!(kill_leaf(Path::new(path)).await.is_err(), "{path}");
        }
        kill_leaf(Path::new("/no/such/basicagent.1.0/task.7")).await.unwrap();
        // Of the right name, but no cgroup.
        let root = std::env::temp_dir().join(format!("basicagent.{}.leaf", std::process::id()));
        let leaf = root.join("task.7");
        fs::create_dir_all(&leaf).unwrap();
        fs::write(leaf.join("cgroup.kill"), "untouched").unwrap();
        assert!(kill_leaf(&leaf).await.is_err());
        assert_eq!(fs::read_to_string(leaf.join("cgroup.kill")).unwrap(), "untouched");
        fs::remove_dir_all(root).unwrap();
    }
}
