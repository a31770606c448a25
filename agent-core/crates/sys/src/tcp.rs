//! What the kernel knows about a TCP connection's other end.

#![expect(unsafe_code, reason = "nix wraps neither SIOCOUTQ nor TCP_INFO")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// Returns how many written bytes the other end has not acknowledged, sent or not (SIOCOUTQ,
/// tcp(7)).
///
/// # Errors
/// The descriptor is not a TCP socket.
pub fn unacknowledged(socket: &impl AsFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQ (whose number is TIOCOUTQ's) writes one int through its pointer, which is to
    // a live local.
    let done = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// Returns how long ago the other end last acknowledged something, a probe included (TCP_INFO).
///
/// # Errors
/// The descriptor is not a TCP socket.
pub fn silent_for(socket: &impl AsFd) -> io::Result<Duration> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut size = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).unwrap_or(0);
    // SAFETY: getsockopt(2) writes at most `size` bytes, the size of the value behind the pointer,
    // and the number that it wrote into `size`; both are live locals.
    let done = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    if done != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a tcp_info is plain numbers, for which all zero bytes are a value; it began so.
    let info = unsafe { info.assume_init() };
    Ok(Duration::from_millis(info.tcpi_last_ack_recv.into()))
}
