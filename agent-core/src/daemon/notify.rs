//! Tells systemd that the start is done (sd_notify(3)), so that `systemctl start` fails where it is
//! not.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends READY=1 to the manager's socket, where there is one.
pub(super) fn ready() {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else {
        return;
    };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let send = |address| {
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not stop the agent.
        socket.set_nonblocking(true)?;
        socket.send_to_addr(b"READY=1", &address)
    };
    if let Err(error) = address.and_then(send) {
        log::warn!("cannot tell the service manager that the start is done: {error}");
    }
}
