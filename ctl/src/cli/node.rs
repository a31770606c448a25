//! The flags of `node`.

use super::hosts::Yes;
use super::number::whole;
use crate::print::Output;
use clap::{Args, Subcommand};

/// The subcommands of `node`.
#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// List the processes of the controller
    List(Output),
    /// Send the hosts of a node to the others; it stays drained, also when it is started again
    Drain(NodeName),
    /// Let a node take hosts again
    Resume(NodeName),
    /// Forget a node that has ended and will not come back
    Remove(NodeRemove),
}

/// A node.
#[derive(Debug, Args)]
pub(crate) struct NodeName {
    /// The node's number, as `node list` shows it
    #[arg(value_name = "NUMBER", value_parser = whole::<1, { i32::MAX as u64 }>)]
    pub(crate) node: u64,
}

/// The flags of `node remove`.
#[derive(Debug, Args)]
pub(crate) struct NodeRemove {
    #[command(flatten)]
    pub(crate) name: NodeName,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

impl NodeName {
    /// Returns the number.
    pub(crate) fn number(&self) -> i32 {
        i32::try_from(self.node).unwrap_or(i32::MAX)
    }
}
