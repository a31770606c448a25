//! Descriptors on tokio's event loop.
//!
//! Tokio requires of its caller that a watched descriptor stays open and the same; the types named
//! here guarantee that, so the rest of the agent needs no `unsafe` for it.

#![expect(unsafe_code, reason = "AsyncFd's promise about the descriptor is made here")]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::pidfd::PidFd;

/// A type that owns one descriptor from its creation to its drop.
///
/// # Safety
/// `as_raw_fd` gives the same open descriptor as long as the value lives, and nothing else closes
/// it.
pub unsafe trait Owner: AsRawFd {}

// SAFETY: an OwnedFd owns its descriptor and closes it when dropped, not before.
unsafe impl Owner for OwnedFd {}
// SAFETY: a File is an OwnedFd inside and gives no way to change it.
unsafe impl Owner for File {}
// SAFETY: the same.
unsafe impl Owner for PidFd {}

/// Registers a descriptor with tokio. Call it within a runtime.
///
/// # Errors
/// epoll_ctl(2): this kind of descriptor cannot be waited for, or there is no memory.
pub fn watch<T: Owner>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: the descriptor has to stay the same and open while it is registered. That is what an
    // Owner promises, and the AsyncFd keeps it until it has taken the registration back.
    Ok(unsafe { AsyncFd::register_with_interest(owner, interest) }?)
}
