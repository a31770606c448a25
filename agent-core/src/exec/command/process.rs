//! The process of a running command, and its tree.
//!
//! Waits for its end, and ends everything it started, whether a cgroup or a keeper holds the tree.

use std::io;
use std::os::fd::OwnedFd;

use agent_sys::end::ProcessEnd;
use agent_sys::keeper;
use agent_sys::packet;
use agent_sys::pidfd::PidFd;
use agent_sys::readiness;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::exec::cgroups::leaves::CommandLeaf;

/// The thing that holds the tree.
#[derive(Debug)]
pub(crate) enum Tree {
    Cgroup(CommandLeaf),
    /// The socket to the keeper. When it is dropped, a keeper whose command runs kills the tree.
    Keeper(AsyncFd<OwnedFd>),
}

/// A child of ours: the command itself, or its keeper. Dropping this before the command's end kills
/// the tree.
#[derive(Debug)]
pub(crate) struct Process {
    tree: Tree,
    child: AsyncFd<PidFd>,
    child_ended: Option<ProcessEnd>,
    command_ended: Option<ProcessEnd>,
}

impl Process {
    pub(crate) fn new(child: PidFd, tree: Tree) -> io::Result<Self> {
        let child = readiness::watch(child, Interest::READABLE)?;
        Ok(Self { tree, child, child_ended: None, command_ended: None })
    }

    /// Waits for the end of the command itself; background children may live on.
    pub(crate) async fn ended(&mut self) -> io::Result<ProcessEnd> {
        if let Some(ended) = self.command_ended {
            return Ok(ended);
        }
        let ended = match &self.tree {
            Tree::Cgroup(_) => self.child_ended().await?,
            Tree::Keeper(socket) => match report(socket).await {
                Some(ended) => ended,
                // The keeper was killed: its own end is all that is known.
                None => self.child_ended().await?,
            },
        };
        self.command_ended = Some(ended);
        Ok(ended)
    }

    /// Sends SIGTERM to the whole tree.
    pub(crate) fn terminate(&self) -> io::Result<()> {
        match &self.tree {
            Tree::Cgroup(leaf) => leaf.terminate(),
            Tree::Keeper(socket) => order(socket, keeper::TERMINATE),
        }
    }

    /// Kills the whole tree.
    pub(crate) fn kill(&self) -> io::Result<()> {
        match &self.tree {
            Tree::Cgroup(leaf) => leaf.kill(),
            Tree::Keeper(socket) => order(socket, keeper::KILL),
        }
    }

    /// After [`Process::terminate`] or [`Process::kill`]: waits until no process of the tree is
    /// left.
    pub(crate) async fn gone(&mut self) -> io::Result<()> {
        if let Tree::Cgroup(leaf) = &self.tree {
            leaf.empty().await?;
        }
        self.ended().await?;
        self.child_ended().await?;
        Ok(())
    }

    /// After a normal end: reaps our child.
    pub(crate) async fn release(mut self) -> io::Result<()> {
        self.child_ended().await.map(drop)
    }

    async fn child_ended(&mut self) -> io::Result<ProcessEnd> {
        loop {
            if let Some(ended) = self.child_ended {
                return Ok(ended);
            }
            let mut guard = self.child.readable().await?;
            match self.child.get_ref().reap()? {
                Some(ended) => self.child_ended = Some(ended),
                None => guard.clear_ready(),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.command_ended.is_none() {
            // Only when the runtime ends during a command. A keeper does this by itself.
            let _ = self.kill();
        }
    }
}

fn order(socket: &AsyncFd<OwnedFd>, order: &[u8]) -> io::Result<()> {
    packet::send(socket.get_ref(), order, &[])
}

/// Receives the keeper's report on its command; `None` when there will be none.
async fn report(socket: &AsyncFd<OwnedFd>) -> Option<ProcessEnd> {
    let mut bytes = [0; ProcessEnd::LEN];
    let receive = |socket: &OwnedFd| packet::receive(socket, &mut bytes);
    let (length, _) = socket.async_io(Interest::READABLE, receive).await.ok()?;
    ProcessEnd::from_bytes(bytes.get(..length)?)
}
