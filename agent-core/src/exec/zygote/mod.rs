//! The zygote, the process that spawns commands: its own entry, and the agent's side of it.

pub(crate) mod entry;
mod failures;
mod line;
pub(crate) mod spawner;
