//! What the end-to-end tests and benches stand on: the real binaries, certificates made on the spot, a server that can be
//! told to misbehave. Nothing here decides what is right; the tests do.

mod agent;
mod binaries;
mod local;
mod namespace;
mod pki;
mod processes;
mod scratch;
mod server;
mod synced;
mod wait;

pub use agent::{Agent, AgentConfig};
pub use binaries::{binary, install_plugins, plugin_dir};
pub use local::Local;
pub use namespace::{NetworkPair, in_mount_namespace, needs_root, run};
pub use pki::{Identity, Pki};
pub use processes::{Process, alive, processes_with};
pub use scratch::Scratch;
pub use server::{Channel, Server, connected};
pub use synced::Synced;
pub use wait::{DEADLINE, eventually, eventually_some, eventually_within};
