//! `getinfo.sockets`: listening sockets and, on request, connections, with the processes that hold
//! them.
//!
//! Everything comes from sock_diag(7), /proc/net and, for the processes, /proc/PID/fd, in the
//! agent's network namespace; nothing is run. No list is split at bytes that a user can write. Root
//! is not required, but without it only the agent's own processes can be identified.

mod diag;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod holder;
mod inet;
mod selection;
mod unix;

use std::io;
use std::net::IpAddr;
use std::path::Path;

use agent_sys::accounts::user_by_uid;
use nix::sys::socket::SockProtocol;
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::file;
use readers::netlink::Netlink;
use serde::Serialize;

use inet::Row;
use selection::{OPTIONS, Protocol, Selection};

struct Sockets;

/// The most bytes that are read of one table: some 200,000 connections.
const MAX_TABLE_BYTES: usize = 32 << 20;
/// The most connections that are read by sock_diag.
const MAX_READ: usize = 200_000;
/// The most sockets in one answer.
const MAX_SOCKETS: usize = 10_000;

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The number of sockets that the arguments select.
    matched: usize,
    /// The selected sockets in the kernel's order: TCP, UDP, unix; at most 10,000.
    sockets: Vec<Socket>,
}

/// One socket.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Socket {
    /// The protocol: `tcp`, `udp` or `unix`.
    protocol: &'static str,
    /// The family: `inet`, `inet6` or `unix`.
    family: &'static str,
    /// The local address; `0.0.0.0` and `::` mean all addresses. Null for unix sockets.
    local_address: Option<String>,
    /// The local port.
    local_port: Option<u16>,
    /// The remote address; null if not connected.
    remote_address: Option<String>,
    /// The remote port.
    remote_port: Option<u16>,
    /// The state in the kernel's words: `listen`, `established`, `time_wait`, …; `unconnected` for
    /// UDP and unix sockets.
    state: &'static str,
    /// The owner's user name; null if unknown, and for unix sockets.
    user: Option<String>,
    /// The owner's uid; null for unix sockets.
    uid: Option<u32>,
    /// The socket's inode number, as in /proc/PID/fd; null if no process has it open any more.
    inode: Option<u64>,
    /// Bytes not yet read by the process; for a listening TCP socket, connections waiting to be
    /// accepted.
    receive_queue_bytes: Option<u64>,
    /// Bytes that the peer has not acknowledged.
    send_queue_bytes: Option<u64>,
    /// The id of the first process that has it open; null without root, except for the agent's own
    /// processes.
    pid: Option<u32>,
    /// The name of that process.
    process: Option<String>,
    /// The type of a unix socket: `stream`, `dgram` or `seqpacket`.
    unix_type: Option<&'static str>,
    /// The name of a unix socket: a path, or `@` and an abstract name; null without one. Control
    /// characters, a backslash, bytes that aren't UTF-8 and the `@` that a path begins with are
    /// written `\x0a`.
    path: Option<String>,
}

impl Provider for Sockets {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.sockets",
            env!("CARGO_PKG_VERSION"),
            "listening sockets, connections and the processes that hold them",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "listening TCP and UDP sockets")
        .example("-a -p tcp", "all TCP connections")
        .example("-l 22", "sockets that listen on port 22")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        Reply::json(&Answer::collect(&OPTIONS.parse(args)?)?)
    }
}

impl Answer {
    fn collect(selection: &Selection) -> Result<Self, ProviderError> {
        let mut answer = Self { matched: 0, sockets: Vec::new() };
        let mut netlink = Netlink::open(SockProtocol::NetlinkSockDiag);
        for (name, protocol, family) in [
            ("tcp", Protocol::Tcp, "inet"),
            ("tcp6", Protocol::Tcp, "inet6"),
            ("udp", Protocol::Udp, "inet"),
            ("udp6", Protocol::Udp, "inet6"),
        ] {
            if !selection.wants(protocol) {
                continue;
            }
            let mut add = |row: &Row| answer.add(of_inet(row, protocol, family, selection));
            if protocol == Protocol::Tcp {
                let number = if family == "inet" { 2 } else { 10 };
                let rows = netlink
                    .as_mut()
                    .map(|netlink| diag::tcp(netlink, number, selection.states(), MAX_READ));
                if let Ok(Ok(rows)) = rows {
                    rows.iter().for_each(add);
                    continue;
                }
                // Without sock_diag, or under a filter of system calls, the table below is read.
            }
            // The file is missing if the kernel was built without the protocol.
            let table = Path::new("/proc/net").join(name);
            let text = file::beginning(&table, MAX_TABLE_BYTES).unwrap_or_default();
            text.lines().filter_map(Row::parse).for_each(|row| add(&row));
        }
        if selection.wants(Protocol::Unix) {
            let rows = netlink
                .and_then(|mut netlink| unix::read(&mut netlink, selection.states(), MAX_READ))
                .map_err(|error| no_unix(&error))?;
            // Unix sockets have no port.
            rows.into_iter()
                .filter(|_| selection.port.is_none())
                .for_each(|row| answer.add(Some(of_unix(row))));
        }
        answer.name_users();
        answer.name_holders();
        Ok(answer)
    }

    fn add(&mut self, socket: Option<Socket>) {
        self.matched += usize::from(socket.is_some());
        self.sockets.extend(socket.filter(|_| self.sockets.len() < MAX_SOCKETS));
    }

    /// Looks each owner up once.
    fn name_users(&mut self) {
        let mut users: Vec<(u32, Option<String>)> = Vec::new();
        for socket in &mut self.sockets {
            let Some(uid) = socket.uid else { continue };
            let known = users.iter().position(|(id, _)| *id == uid).unwrap_or_else(|| {
                let name = user_by_uid(uid, |user| user.name.to_string_lossy().into_owned());
                users.push((uid, name.ok().flatten()));
                users.len() - 1
            });
            socket.user.clone_from(&users[known].1);
        }
    }

    fn name_holders(&mut self) {
        let mut inodes: Vec<u64> = self.sockets.iter().filter_map(|socket| socket.inode).collect();
        if inodes.is_empty() {
            return;
        }
        inodes.sort_unstable();
        let holders = holder::find(&inodes);
        for socket in &mut self.sockets {
            let index = socket.inode.and_then(|inode| inodes.binary_search(&inode).ok());
            if let Some(holder) = index.and_then(|index| holders[index].as_ref()) {
                socket.pid = Some(holder.pid);
                socket.process.clone_from(&holder.name);
            }
        }
    }
}

fn of_inet(
    row: &Row,
    protocol: Protocol,
    family: &'static str,
    selection: &Selection,
) -> Option<Socket> {
    let is_udp = protocol == Protocol::Udp;
    if !(selection.all || row.listens(is_udp))
        || selection.port.is_some_and(|port| port != row.local.1)
    {
        return None;
    }
    let address = |ip: IpAddr| Some(ip.to_string());
    let has_remote = row.remote.1 != 0 || !row.remote.0.is_unspecified();
    Some(Socket {
        protocol: if is_udp { "udp" } else { "tcp" },
        family,
        local_address: address(row.local.0),
        local_port: Some(row.local.1),
        remote_address: if has_remote { address(row.remote.0) } else { None },
        remote_port: Some(row.remote.1).filter(|_| has_remote),
        state: inet::state_name(row.state, is_udp),
        user: None,
        uid: Some(row.uid),
        inode: Some(row.inode).filter(|inode| *inode != 0),
        receive_queue_bytes: Some(row.rx_queue),
        send_queue_bytes: Some(row.tx_queue),
        pid: None,
        process: None,
        unix_type: None,
        path: None,
    })
}

fn of_unix(row: unix::Row) -> Socket {
    Socket {
        protocol: "unix",
        family: "unix",
        local_address: None,
        local_port: None,
        remote_address: None,
        remote_port: None,
        state: row.state,
        user: None,
        uid: None,
        inode: Some(row.inode).filter(|inode| *inode != 0),
        receive_queue_bytes: None,
        send_queue_bytes: None,
        pid: None,
        process: None,
        unix_type: Some(row.kind),
        path: row.path,
    }
}

fn no_unix(error: &io::Error) -> ProviderError {
    let message = format!(
        "cannot list unix sockets: sock_diag(7): {error}; load the kernel module unix_diag, or ask \
         for TCP and UDP only"
    );
    ProviderError::new("no_unix_diag", message)
}

export_provider!(Sockets);

#[cfg(test)]
plugin_api::testing::schema_test!(Answer);
