//! `getinfo.sockets`: who listens here and, where asked for, who is connected.
//!
//! Everything comes from sock_diag(7), /proc/net and, for the processes, from /proc/PID/fd; nothing is run. No root
//! is needed, but
//! without it only the agent's own processes are known as holders of sockets. It is that of the network namespace the
//! agent runs in.

mod diag;
mod holder;
mod inet;
mod selection;
mod unix;

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

/// What is read of one table: some 200,000 connections.
const MAX_TABLE_BYTES: usize = 32 << 20;
/// The most connections that sock_diag is listened to.
const MAX_READ: usize = 200_000;
/// The most that one answer lists.
const MAX_SOCKETS: usize = 10_000;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Sockets that the arguments choose.
    matched: usize,
    /// Those, as the kernel orders them: TCP, UDP, unix; 10,000 at the most.
    sockets: Vec<Socket>,
}

/// One socket.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Socket {
    /// `tcp`, `udp` or `unix`.
    protocol: &'static str,
    /// `inet`, `inet6` or `unix`.
    family: &'static str,
    /// The address it listens on or is bound to; `0.0.0.0` and `::` are all addresses. Null for unix ones.
    local_address: Option<String>,
    /// The port of it.
    local_port: Option<u16>,
    /// The other end's address; null where there is none.
    remote_address: Option<String>,
    /// The other end's port.
    remote_port: Option<u16>,
    /// `listen`, `established`, `time_wait`, … as the kernel names them, or `unconnected` (UDP, unix).
    state: &'static str,
    /// The owner's name; null where unknown, and for unix ones.
    user: Option<String>,
    /// The owner's id; null for unix ones.
    uid: Option<u32>,
    /// The socket's number, as in /proc/PID/fd; null where no process has it open any more.
    inode: Option<u64>,
    /// Bytes that wait to be read by the program; of a listening TCP socket, connections that wait to be accepted.
    receive_queue_bytes: Option<u64>,
    /// Bytes that the other end has not acknowledged.
    send_queue_bytes: Option<u64>,
    /// The first process that has it open; null without root, but for the agent's own.
    pid: Option<u32>,
    /// That process's name.
    process: Option<String>,
    /// `stream`, `dgram` or `seqpacket` of a unix one.
    unix_type: Option<&'static str>,
    /// The name of a unix one: a path, or `@` and an abstract name; null without one.
    path: Option<String>,
}

impl Provider for Sockets {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.sockets",
            env!("CARGO_PKG_VERSION"),
            "listening sockets, connections and who holds them",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "who listens on TCP and UDP ports")
        .example("-a -p tcp", "all TCP connections")
        .example("-l 22", "who listens on port 22")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        Reply::json(&Answer::collect(&OPTIONS.parse(args)?))
    }
}

impl Answer {
    fn collect(selection: &Selection) -> Self {
        let mut answer = Self { matched: 0, sockets: Vec::new() };
        let mut netlink = Netlink::open(SockProtocol::NetlinkSockDiag).ok();
        for (name, protocol, family) in [
            ("tcp", Protocol::Tcp, "inet"),
            ("tcp6", Protocol::Tcp, "inet6"),
            ("udp", Protocol::Udp, "inet"),
            ("udp6", Protocol::Udp, "inet6"),
            ("unix", Protocol::Unix, "unix"),
        ] {
            if !selection.wants(protocol) {
                continue;
            }
            let mut add = |socket: Option<Socket>| {
                answer.matched += usize::from(socket.is_some());
                answer.sockets.extend(socket.filter(|_| answer.sockets.len() < MAX_SOCKETS));
            };
            if protocol == Protocol::Tcp {
                let states = if selection.all { u32::MAX } else { 1 << inet::LISTEN };
                let number = if family == "inet" { 2 } else { 10 };
                let rows = netlink.as_mut().map(|netlink| diag::tcp(netlink, number, states, MAX_READ));
                if let Some(Ok(rows)) = rows {
                    rows.iter().for_each(|row| add(of_inet(row, protocol, family, selection)));
                    continue;
                }
                // A kernel without sock_diag, or a filter of system calls: the table then.
            }
            // Missing where the kernel was built without.
            let table = Path::new("/proc/net").join(name);
            for line in file::beginning(&table, MAX_TABLE_BYTES).unwrap_or_default().lines() {
                if protocol == Protocol::Unix {
                    add(of_unix(line, selection));
                } else if let Some(row) = Row::parse(line) {
                    add(of_inet(&row, protocol, family, selection));
                }
            }
        }
        answer.name_users();
        answer.name_holders();
        answer
    }

    /// Each owner is looked up once.
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

fn of_inet(row: &Row, protocol: Protocol, family: &'static str, selection: &Selection) -> Option<Socket> {
    let is_udp = protocol == Protocol::Udp;
    if !(selection.all || row.listens(is_udp)) || selection.port.is_some_and(|port| port != row.local.1) {
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

fn of_unix(line: &str, selection: &Selection) -> Option<Socket> {
    let row = unix::Row::parse(line)?;
    if selection.port.is_some() || !(selection.all || row.listens) {
        return None;
    }
    Some(Socket {
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
    })
}

export_provider!(Sockets);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<super::Answer>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/schema.json"
        ));
    }
}
