//! The base of the end-to-end tests and benches: the real binaries, generated certificates, and a
//! server that can misbehave. It asserts nothing about the product; the tests do.

mod agent;
mod binaries;
mod clock;
mod killer;
mod local;
mod server;
mod synced;

pub use agent::{Agent, AgentConfig};
pub use binaries::{add_c_plugin, binary, install_plugin, install_plugins, plugin_dir};
pub use clock::Clock;
pub use killer::Killer;
pub use local::Local;
pub use server::{Channel, Server, connected};
pub use synced::Synced;
pub use test_support::{
    DEADLINE, DeadShare, HangingMount, Identity, NetworkPair, Pki, Process, Scratch, alive,
    eventually, eventually_some, eventually_within, in_mount_namespace, is_inside, needs_root,
    processes_with, run, wait_some, wait_some_within, wait_until,
};
