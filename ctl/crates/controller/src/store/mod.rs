//! The results that agents have delivered, on disk: a result is acknowledged once it is here, and not before.

mod arrival;
mod sqlite;
mod watch;

pub(crate) use arrival::Arrival;
pub(crate) use sqlite::{Store, Stored, Unreadable};
