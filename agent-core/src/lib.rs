//! The host agent: `link → dispatch → {exec, plugin} → reply → link`.
//!
//! The two binaries are a few lines each; everything they do is here. Only `dispatch` replies,
//! only `exec` starts commands, only `plugin` starts workers.

pub mod boot;
mod error;
#[doc(hidden)]
pub mod exec;
mod plugin;

pub use error::Error;
