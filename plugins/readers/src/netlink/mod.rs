//! Dumps of the kernel's tables by netlink(7): routes, interfaces, addresses, sockets.
//!
//! A dump is repeated if the table changed while the kernel wrote it, replies to an earlier request
//! are ignored, and the number of items, the bytes and the time are bounded.

mod message;
#[cfg(any(test, feature = "testing"))]
pub mod scripted;
mod socket;

pub use message::attributes;
pub use socket::{Dump, Limits, Netlink, Request};

#[cfg(test)]
mod tests;
