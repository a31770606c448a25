//! What bounds the whole system, and how much of it is used: files below /proc/sys, each explained in proc(5) or the
//! kernel's Documentation/admin-guide/sysctl.

use std::path::Path;

use readers::file;
use serde::Serialize;

/// The `system` object of the answer. What a kernel does not have is null.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct System {
    /// Files open in all processes (fs/file-nr).
    pub(crate) open_files: Option<u64>,
    /// How many may be open in all (fs/file-max).
    pub(crate) open_files_max: Option<u64>,
    /// The highest `nofile` limit that a process may be given (fs/nr_open).
    pub(crate) process_open_files_max: Option<u64>,
    /// Inodes in memory (fs/inode-nr).
    pub(crate) inodes: Option<u64>,
    /// Those of them that nothing uses.
    pub(crate) inodes_free: Option<u64>,
    /// Threads of all processes (/proc/loadavg).
    pub(crate) threads: Option<u64>,
    /// How many threads there may be (kernel/threads-max).
    pub(crate) threads_max: Option<u64>,
    /// Ids of processes and threads are below this (kernel/pid_max).
    pub(crate) pid_max: Option<u64>,
    /// Bits of entropy the kernel has (kernel/random/entropy_avail); since Linux 5.18 always the pool's size.
    pub(crate) entropy_bits: Option<u64>,
    /// The size of its pool (kernel/random/poolsize).
    pub(crate) entropy_pool_bits: Option<u64>,
    /// Maps that a process may have (vm/max_map_count).
    pub(crate) process_maps_max: Option<u64>,
    /// Asynchronous requests that may be pending, as io_setup(2) has promised them (fs/aio-nr).
    pub(crate) aio_requests: Option<u64>,
    /// How many may be promised (fs/aio-max-nr).
    pub(crate) aio_requests_max: Option<u64>,
    /// inotify(7) instances that a user may have (fs/inotify/max_user_instances).
    pub(crate) user_inotify_instances_max: Option<u64>,
    /// inotify(7) watches that a user may have (fs/inotify/max_user_watches).
    pub(crate) user_inotify_watches_max: Option<u64>,
    /// epoll(7) watches that a user may have (fs/epoll/max_user_watches).
    pub(crate) user_epoll_watches_max: Option<u64>,
    /// Bytes that a pipe of an ordinary user may hold (fs/pipe-max-size).
    pub(crate) pipe_size_max_bytes: Option<u64>,
    /// Pseudo-terminals in use (kernel/pty/nr).
    pub(crate) ptys: Option<u64>,
    /// How many there may be (kernel/pty/max).
    pub(crate) ptys_max: Option<u64>,
    /// Connections that netfilter tracks (net/netfilter/nf_conntrack_count).
    pub(crate) conntrack: Option<u64>,
    /// How many it may track (net/netfilter/nf_conntrack_max).
    pub(crate) conntrack_max: Option<u64>,
    /// Connections that may wait to be accepted on one socket (net/core/somaxconn).
    pub(crate) listen_backlog_max: Option<u64>,
    /// Bytes of one segment of System V shared memory (kernel/shmmax).
    pub(crate) shared_segment_max_bytes: Option<u64>,
    /// System V semaphores in all: the second number of kernel/sem.
    pub(crate) semaphores_max: Option<u64>,
}

/// On the system whose root folder is `root`.
pub(crate) fn read(root: &Path) -> System {
    let sys = root.join("proc/sys");
    let number = |path: &str| file::number(&sys.join(path));
    let at = |path: &str, index: usize| {
        file::line(&sys.join(path))?.split_ascii_whitespace().nth(index)?.parse::<u64>().ok()
    };
    let threads =
        || file::line(&root.join("proc/loadavg"))?.split_once('/')?.1.split(' ').next()?.parse().ok();
    System {
        open_files: at("fs/file-nr", 0),
        open_files_max: number("fs/file-max"),
        process_open_files_max: number("fs/nr_open"),
        inodes: at("fs/inode-nr", 0),
        inodes_free: at("fs/inode-nr", 1),
        threads: threads(),
        threads_max: number("kernel/threads-max"),
        pid_max: number("kernel/pid_max"),
        entropy_bits: number("kernel/random/entropy_avail"),
        entropy_pool_bits: number("kernel/random/poolsize"),
        process_maps_max: number("vm/max_map_count"),
        aio_requests: number("fs/aio-nr"),
        aio_requests_max: number("fs/aio-max-nr"),
        user_inotify_instances_max: number("fs/inotify/max_user_instances"),
        user_inotify_watches_max: number("fs/inotify/max_user_watches"),
        user_epoll_watches_max: number("fs/epoll/max_user_watches"),
        pipe_size_max_bytes: number("fs/pipe-max-size"),
        ptys: number("kernel/pty/nr"),
        ptys_max: number("kernel/pty/max"),
        conntrack: number("net/netfilter/nf_conntrack_count"),
        conntrack_max: number("net/netfilter/nf_conntrack_max"),
        listen_backlog_max: number("net/core/somaxconn"),
        shared_segment_max_bytes: number("kernel/shmmax"),
        semaphores_max: at("kernel/sem", 1),
    }
}
