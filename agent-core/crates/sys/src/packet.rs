//! Packets with descriptors between two processes of this host (unix(7), `SOCK_SEQPACKET`).
//!
//! One packet is one message, complete or absent, with its descriptors: there is no framing, and a
//! descriptor cannot end up with the wrong message. The agent, the zygote and keepers use it.

#![expect(unsafe_code, reason = "received descriptors become owned")]

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    self, AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
};

/// The most descriptors one packet carries.
pub const MAX_FDS: usize = 32;

/// Creates two connected sockets, both close-on-exec and blocking.
///
/// # Errors
/// No descriptor left.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    Ok(socket::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?)
}

/// Sends one packet. Raises no SIGPIPE.
///
/// # Errors
/// EPIPE: the other end is gone. EMSGSIZE: larger than the socket's buffer. EAGAIN on a
/// non-blocking socket.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    if fds.len() > MAX_FDS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut raw = [-1; MAX_FDS];
    for (slot, fd) in raw.iter_mut().zip(fds) {
        *slot = fd.as_raw_fd();
    }
    let rights = [ControlMessage::ScmRights(raw.get(..fds.len()).unwrap_or_default())];
    let control = if fds.is_empty() { &[][..] } else { &rights[..] };
    let iov = [IoSlice::new(bytes)];
    socket::sendmsg::<()>(socket.as_fd().as_raw_fd(), &iov, control, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Receives one packet: its length and its descriptors, which are close-on-exec. A length of 0
/// means that the other side is gone.
///
/// # Errors
/// EMSGSIZE when the packet does not fit the buffer, EAGAIN on a non-blocking socket, `InvalidData`
/// when this process has no room for the descriptors.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    receive_with(socket, buffer, MsgFlags::empty())
}

/// Receives as [`receive`] does if there is something to receive, and never blocks.
///
/// # Errors
/// Those of [`receive`].
pub fn receive_at_hand(
    socket: impl AsFd,
    buffer: &mut [u8],
) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
    match receive_with(socket, buffer, MsgFlags::MSG_DONTWAIT) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        received => received.map(Some),
    }
}

fn receive_with(
    socket: impl AsFd,
    buffer: &mut [u8],
    flags: MsgFlags,
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut control = nix::cmsg_space!([RawFd; MAX_FDS]);
    let mut iov = [IoSliceMut::new(buffer)];
    let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
    let message =
        socket::recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut iov, Some(&mut control[..]), flags)?;
    let mut fds = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            // SAFETY: the kernel has just put these descriptors into our table for this message
            // alone, so nothing else owns them; each is taken once.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    if message.flags.contains(MsgFlags::MSG_TRUNC) {
        return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
    }
    if message.flags.contains(MsgFlags::MSG_CTRUNC) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "descriptors were lost: this process has too many open files",
        ));
    }
    Ok((message.bytes, fds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd;

    #[test]
    fn a_packet_arrives_whole_with_its_descriptors_and_then_the_end() {
        let (here, there) = pair().unwrap();
        let (reader, writer) = unistd::pipe().unwrap();
        send(&here, b"one", &[writer.as_fd()]).unwrap();
        send(&here, b"second", &[]).unwrap();
        drop((here, writer));
        let mut buffer = [0; 16];
        let (length, fds) = receive(&there, &mut buffer).unwrap();
        assert_eq!((&buffer[..length], fds.len()), (&b"one"[..], 1));
        unistd::write(&fds[0], b"x").unwrap();
        assert_eq!(unistd::read(&reader, &mut [0; 4]).unwrap(), 1);
        assert_eq!(receive(&there, &mut buffer).unwrap().0, 6);
        assert_eq!(receive(&there, &mut buffer).unwrap().0, 0);
        assert_eq!(receive_at_hand(&there, &mut buffer).unwrap().unwrap().0, 0);
    }

    #[test]
    fn a_packet_too_large_for_the_buffer_is_an_error_not_a_part() {
        let (here, there) = pair().unwrap();
        assert!(receive_at_hand(&there, &mut [0; 16]).unwrap().is_none());
        send(&here, &[7; 32], &[]).unwrap();
        assert_eq!(receive(&there, &mut [0; 16]).unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    }
}
