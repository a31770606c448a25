//! System-wide limits and their use: files below /proc/sys, which proc(5) or the kernel's
//! Documentation/admin-guide/sysctl explains.

use std::path::Path;

use readers::file;
use serde::Serialize;

/// The `system` object of the answer. A value that the kernel does not have is null.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct System {
    /// Open files of all processes (fs/file-nr).
    pub(crate) open_files: Option<u64>,
    /// The limit on open files (fs/file-max).
    pub(crate) open_files_max: Option<u64>,
    /// The highest `nofile` limit that a process can have (fs/nr_open).
    pub(crate) process_open_files_max: Option<u64>,
    /// Inodes in memory (fs/inode-nr).
    pub(crate) inodes: Option<u64>,
    /// Inodes in memory that are unused (fs/inode-nr).
    pub(crate) inodes_free: Option<u64>,
    /// Threads of all processes (/proc/loadavg).
    pub(crate) threads: Option<u64>,
    /// The limit on threads (kernel/threads-max).
    pub(crate) threads_max: Option<u64>,
    /// The bound of process and thread ids, which are lower than this (kernel/pid_max).
    pub(crate) pid_max: Option<u64>,
    /// Bits of entropy available (kernel/random/entropy_avail); always the pool's size since Linux
    /// 5.18.
    pub(crate) entropy_bits: Option<u64>,
    /// The size of the entropy pool (kernel/random/poolsize).
    pub(crate) entropy_pool_bits: Option<u64>,
    /// The limit on memory maps of a process (vm/max_map_count).
    pub(crate) process_maps_max: Option<u64>,
    /// Asynchronous I/O requests reserved by io_setup(2) (fs/aio-nr).
    pub(crate) aio_requests: Option<u64>,
    /// The limit on reserved asynchronous I/O requests (fs/aio-max-nr).
    pub(crate) aio_requests_max: Option<u64>,
    /// The limit on inotify(7) instances of a user (fs/inotify/max_user_instances).
    pub(crate) user_inotify_instances_max: Option<u64>,
    /// The limit on inotify(7) watches of a user (fs/inotify/max_user_watches).
    pub(crate) user_inotify_watches_max: Option<u64>,
    /// The limit on epoll(7) watches of a user (fs/epoll/max_user_watches).
    pub(crate) user_epoll_watches_max: Option<u64>,
    /// The limit on bytes in a pipe of an ordinary user (fs/pipe-max-size).
    pub(crate) pipe_size_max_bytes: Option<u64>,
    /// Pseudo-terminals in use (kernel/pty/nr).
    pub(crate) ptys: Option<u64>,
    /// The limit on pseudo-terminals (kernel/pty/max).
    pub(crate) ptys_max: Option<u64>,
    /// Connections that netfilter tracks now (net/netfilter/nf_conntrack_count).
    pub(crate) conntrack: Option<u64>,
    /// The limit on tracked connections (net/netfilter/nf_conntrack_max).
    pub(crate) conntrack_max: Option<u64>,
    /// The limit on connections waiting to be accepted on one socket (net/core/somaxconn).
    pub(crate) listen_backlog_max: Option<u64>,
    /// The limit on bytes of one System V shared memory segment (kernel/shmmax).
    pub(crate) shared_segment_max_bytes: Option<u64>,
    /// The limit on System V semaphores: the second number of kernel/sem.
    pub(crate) semaphores_max: Option<u64>,
}

/// Reads the limits of the system whose root folder is `root`.
pub(crate) fn read(root: &Path) -> System {
    let sys = root.join("proc/sys");
    let number = |path: &str| file::number(&sys.join(path));
    let at = |path: &str, index: usize| {
        file::line(&sys.join(path))?.split_ascii_whitespace().nth(index)?.parse::<u64>().ok()
    };
    let threads = || {
        file::line(&root.join("proc/loadavg"))?.split_once('/')?.1.split(' ').next()?.parse().ok()
    };
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
