//! The zygote: the process that spawns commands. Its own entry, and the agent's side of it.

pub(crate) mod entry;
pub(crate) mod spawner;
