//! The flags of `token`.

use super::hosts::{Yes, label};
use super::number::{duration, whole};
use crate::print::Output;
use clap::{Args, Subcommand};
use fleet::IpNetwork;

/// The longest life of a join token: 30 days.
const MAX_LIFE: u64 = 30 * 24 * 60 * 60;

/// The most hosts that a join token admits.
const MAX_USES: u64 = 10_000;

/// The subcommands of `token`.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a join token and print the line that joins a host
    Create(TokenCreate),
    /// List the join tokens
    List(Output),
    /// Show a join token
    Show(TokenShow),
    /// Revoke a join token: it admits nobody from now on
    Revoke(TokenRevoke),
}

/// The flags of `token create`.
#[derive(Debug, Args)]
pub(crate) struct TokenCreate {
    /// How long it admits hosts: 30m, 24h, 7d; at most 30d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = duration::<1, MAX_LIFE>)]
    pub(crate) expires: Option<u64>,

    /// The most hosts that it admits, at most 10000 [default: 1]
    #[arg(long, value_name = "N", value_parser = whole::<1, MAX_USES>)]
    pub(crate) uses: Option<u64>,

    /// A label that each admitted host gets; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub(crate) label: Vec<(String, String)>,

    /// A network that hosts may join from, such as 10.0.0.0/8; repeatable [default: any]
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub(crate) network: Vec<String>,

    /// An operator must approve each host before it gets requests
    #[arg(long)]
    pub(crate) approval: bool,

    /// Enrollments a second from one address, for hosts behind one NAT address
    #[arg(long, value_name = "N", value_parser = whole::<1, { u32::MAX as u64 }>)]
    pub(crate) per_address_rate: Option<u64>,

    /// What the token is for
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `token show`.
#[derive(Debug, Args)]
pub(crate) struct TokenShow {
    /// The token's id
    #[arg(value_name = "TOKEN")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `token revoke`.
#[derive(Debug, Args)]
pub(crate) struct TokenRevoke {
    /// The token's id
    #[arg(value_name = "TOKEN")]
    pub(crate) id: String,
    /// Ban the hosts that it admitted, too
    #[arg(long)]
    pub(crate) with_hosts: bool,
    #[command(flatten)]
    pub(crate) yes: Yes,
}

/// Parses a network, so that a mistake is reported before anything is sent.
fn network(text: &str) -> Result<String, String> {
    text.parse::<IpNetwork>().map(|network| network.to_string()).map_err(|why| why.to_string())
}
