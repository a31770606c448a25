//! The tests' support: scratch folders, waiting for a condition, processes seen from outside,
//! certificates made on the spot, namespaces. It asserts nothing about the product; the tests do.

mod command;
mod corpus;
mod dead_share;
mod fuse;
mod namespace;
mod nats;
#[cfg(feature = "pki")]
mod pki;
mod postgres;
mod processes;
mod program;
mod ready;
mod scratch;
mod wait;

pub use command::output;
pub use corpus::check_corpus;
pub use dead_share::DeadShare;
pub use fuse::HangingMount;
pub use namespace::{NetworkPair, in_mount_namespace, is_inside, needs_root, run};
pub use nats::NatsServer;
#[cfg(feature = "pki")]
pub use pki::{Identity, Pki};
pub use postgres::{FAST, PostgresDatabase, PostgresServer};
pub use processes::{Process, alive, process, processes, processes_with};
pub use program::copy_program;
pub use ready::start_until_ready;
pub use scratch::Scratch;
pub use wait::{
    DEADLINE, eventually, eventually_some, eventually_within, wait_some, wait_some_within,
    wait_until,
};
