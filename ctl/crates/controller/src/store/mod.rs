//! The results that agents have delivered, on disk: a result is acknowledged once it is here, and not before.
//!
//! [`Store`] is what sessions and the API hold. One thread (`writer`) owns the database: it takes all that
//! waits, commits it at once, and only then sends the acknowledgements. What can't be stored is not
//! acknowledged (`backlog`), so the agent keeps it. The API reads by a connection of its own
//! (`reader`) and hears of new results from `watch`. `schema` opens and migrates.

mod arrival;
mod backlog;
mod handle;
mod reader;
mod schema;
mod watch;
mod writer;

pub(crate) use arrival::Arrival;
pub(crate) use handle::Store;
pub(crate) use reader::{Stored, Unreadable};
