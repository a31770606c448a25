//! Log lines that nobody waits for.
//!
//! The logs of the agent, its launcher and the controller write here. The reader of standard error
//! may stop reading, a disk may be frozen, a share may be dead: then write(2) blocks, and a program
//! that logged from its event loop would stop with it. An [`Outlet`] queues lines and a thread of
//! its own writes them. Lines that find the queue full, and lines that cannot be written, are
//! counted and discarded; the count is a line in their place.

mod descriptor;
mod outlet;
mod severity;

pub use descriptor::Descriptor;
pub use outlet::{MAX_QUEUED, Outlet};
pub use severity::severity;
