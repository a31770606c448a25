//! The start of a command: from its account to its running process.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use agent_sys::{Files, Holder, Identity, Launch, Stage, StartFailure, packet, readiness};
use nix::fcntl::{self, FcntlArg, OFlag};
use nix::unistd::{self, Gid, Uid};
use tokio::io::Interest;
use tokio::sync::mpsc;

use super::account::Account;
use super::host::Host;
use super::process::{Process, Tree};
use super::program::{self, Program};
use super::sink::OutputPiece;
use super::spec::Spec;
use super::streams::{Streams, Writers};
use crate::config::ExecSettings;
use crate::exec::cgroups::controllers::Limited;
use crate::exec::cgroups::leaves::CommandLeaf;
use crate::exec::zygote::spawner::{self, stage_name};
use crate::exec::{FailedStep, StartError};

/// A command that was started.
pub(super) struct Started {
    pub(super) process: Process,
    pub(super) streams: Streams,
    /// Keeps its limits as long as it lives.
    pub(super) limited: Limited,
}

/// Starts command `id` as this account.
pub(super) async fn start(
    host: &Host,
    settings: &ExecSettings,
    spec: &Spec,
    reader: Option<&mpsc::Sender<OutputPiece>>,
    id: u64,
    account: &Account,
) -> Result<Started, StartError> {
    let failed = |stage| move |error: io::Error| StartError::step(stage, error);
    let identity = Uid::effective().is_root().then_some(&account.identity);
    let max = spec.max_output.unwrap_or(settings.max_output);
    let (streams, writers) =
        Streams::open(spec.separate_stderr, max, reader).map_err(failed("pipes"))?;
    let stdin = program::stdin(spec)?;
    if let Some(identity) = identity {
        give(identity, &writers, stdin.as_ref()).map_err(failed("pipes"))?;
    }

    let program = Program::of(account, settings, spec)?;
    let argv = program.argv();
    let launch = program.launch(id, identity, &argv);
    let mut limited = host.controllers.limit(&id.to_string(), &spec.limits)?;
    let limits_leaf = host.controllers.leaf(&mut limited)?;
    let must_use_leaf = limits_leaf.is_some();
    let leaf = limits_leaf.or_else(|| take_leaf(host));
    let joins = limited.joins();
    let stdin = stdin.as_ref().map(AsFd::as_fd);
    let files = spawner::files(stdin, &writers.stdout, writers.stderr.as_ref(), &joins);
    let in_leaf = match leaf {
        Some(leaf) => spawn_in_leaf(host, &launch, files, leaf, must_use_leaf).await?,
        None => None,
    };
    let process = match in_leaf {
        Some(process) => process,
        None => spawn_under_keeper(host, &launch, files).await?,
    };
    drop(joins);
    Ok(Started { process, streams, limited })
}

/// Takes an empty leaf; `None`: a keeper holds the command's tree instead.
fn take_leaf(host: &Host) -> Option<CommandLeaf> {
    let leaves = host.leaves.as_ref()?;
    let taken = leaves.take_for_command();
    leaves.report(taken.as_ref().map(drop));
    taken.ok()?
}

/// Starts the command in a leaf. Returns `None` when the kernel puts no process into the leaf, so
/// that nothing has begun, and the command may run elsewhere.
async fn spawn_in_leaf(
    host: &Host,
    launch: &Launch<'_>,
    files: Files<'_>,
    leaf: CommandLeaf,
    is_required: bool,
) -> Result<Option<Process>, StartError> {
    match host.spawner.spawn(launch, files, Holder::Cgroup(leaf.dir())).await {
        Ok(child) => {
            let process = Process::new(child, Tree::Cgroup(leaf));
            process.map(Some).map_err(|error| StartError::step("wait", error))
        }
        Err(error) => {
            // Whether it began is unknown when the zygote died meanwhile; and a leaf that took no
            // process is not tried again.
            let _ = leaf.kill();
            if is_required || !spawner::has_not_begun(&error) {
                return Err(error);
            }
            Ok(None)
        }
    }
}

/// Starts the command under a keeper process.
async fn spawn_under_keeper(
    host: &Host,
    launch: &Launch<'_>,
    files: Files<'_>,
) -> Result<Process, StartError> {
    let failed = |error: io::Error| StartError::step("socket", error);
    let (ours, theirs) = packet::pair().map_err(failed)?;
    fcntl::fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map_err(|error| failed(error.into()))?;
    let socket = readiness::watch(ours, Interest::READABLE).map_err(failed)?;
    let child = host.spawner.spawn(launch, files, Holder::Keeper(theirs.as_fd())).await?;
    Process::new(child, Tree::Keeper(socket)).map_err(|error| StartError::step("wait", error))
}

/// Lets the user open its own output and input by name, as `> /dev/stderr` does.
fn give(identity: &Identity, writers: &Writers, stdin: Option<&OwnedFd>) -> io::Result<()> {
    if identity.uid == 0 {
        return Ok(());
    }
    for fd in [Some(&writers.stdout), writers.stderr.as_ref(), stdin].into_iter().flatten() {
        let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
        unistd::fchown(fd, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// Returns the error for a failure between clone and exec, with the path it concerns.
pub(crate) fn explain(failure: StartFailure, settings: &ExecSettings, spec: &Spec) -> StartError {
    let path = match failure.stage {
        Stage::Exec => Some(settings.shell.clone()),
        Stage::Directory => spec.cwd.clone(),
        Stage::Clone
        | Stage::Session
        | Stage::Files
        | Stage::Groups
        | Stage::Group
        | Stage::User
        | Stage::Limits => None,
    };
    let source = io::Error::from_raw_os_error(failure.errno);
    StartError::NotStarted(FailedStep { stage: stage_name(failure.stage), path, source })
}
