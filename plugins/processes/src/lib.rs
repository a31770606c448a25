//! `getinfo.processes`: the running processes with their owners, start times and resource usage.
//!
//! Reads /proc/PID (proc(5)); runs no program, and requires root only for `exe` of other users'
//! processes. Counts all processes by their stat files; reads the other files only for the
//! processes in the reply.

mod exe;
mod files;
mod selection;
mod stat;

use std::fs;
use std::path::Path;

use agent_sys::accounts::user_by_uid;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use readers::utc::iso_utc;
use serde::Serialize;

use files::{Cmdline, Files, Ids};
use selection::{OPTIONS, Order, Selection};
use stat::{Stat, state_name};

struct Processes;

/// The most processes in one reply; the others are only counted.
const MAX_LISTED: usize = 10_000;
/// The flag of a kernel thread (PF_KTHREAD in the kernel's include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;
/// The major numbers of pseudo-terminals (the kernel's Documentation/admin-guide/devices.txt).
const PTY_MAJORS: std::ops::RangeInclusive<u32> = 136..=143;

/// The reply. Its field names are stable: fields may be added, but never change.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// The number of processes visible to the plugin's user (`hidepid=` of /proc hides other
    /// users').
    total: usize,
    /// The number of threads of all processes.
    threads: u64,
    /// The number of processes in each state.
    states: States,
    /// The number of processes that the arguments select, before `-t` limits them.
    matched: usize,
    /// The selected processes, sorted by pid or according to `-s`; at most 10,000.
    processes: Vec<Process>,
}

/// The number of processes in each state (proc_pid_stat(5)).
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct States {
    /// R: running, or ready to run.
    running: usize,
    /// S: waiting; signals wake the process.
    sleeping: usize,
    /// D: waiting without reacting to signals, mostly for a disk.
    disk_sleep: usize,
    /// T: stopped by a signal.
    stopped: usize,
    /// t: stopped by a debugger.
    traced: usize,
    /// Z: zombie: not yet reaped by its parent.
    zombie: usize,
    /// I: an idle kernel thread.
    idle: usize,
    /// Any other state.
    other: usize,
}

/// One process.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Process {
    /// The process id.
    pid: u32,
    /// The parent's process id; 0 for process 1, and if the parent is in another PID namespace.
    ppid: u32,
    /// The process group's id.
    process_group: u32,
    /// The session's id.
    session: u32,
    /// The kernel's name for the process: the first 15 bytes of the program's name, or a name that
    /// the process has set.
    name: String,
    /// The arguments, at most 4,096 bytes; empty for kernel threads and zombies.
    cmdline: Vec<String>,
    /// Whether `cmdline` was truncated.
    cmdline_truncated: bool,
    /// The program's file; null for other users' processes without root, and if there is none.
    exe: Option<String>,
    /// Whether that file has been deleted or replaced since the start.
    exe_deleted: bool,
    /// `running`, `sleeping`, `disk_sleep`, `stopped`, `traced`, `zombie`, `dead`, `idle`, `parked`
    /// or `other`.
    state: &'static str,
    /// Whether the process is a kernel thread.
    kernel_thread: bool,
    /// The effective user's name; null if the uid has no name.
    user: Option<String>,
    /// The effective user's id.
    uid: Option<u32>,
    /// The effective group's id.
    gid: Option<u32>,
    /// The number of threads.
    threads: u64,
    /// The start time, in UTC, ISO 8601, accurate to about a second.
    started: Option<String>,
    /// The start time in seconds since 1970.
    started_epoch: Option<u64>,
    /// Processor time in user mode, including all threads.
    cpu_user_seconds: f64,
    /// Processor time in the kernel, including all threads.
    cpu_system_seconds: f64,
    /// Memory in RAM; the kernel's count can be off by some pages.
    rss_bytes: u64,
    /// The size of the address space.
    virtual_bytes: u64,
    /// The nice value, from -20 (most favored) to 19.
    nice: i64,
    /// The control group in the unified hierarchy, or in systemd's, or in the first hierarchy
    /// listed; null for kernel threads.
    cgroup: Option<String>,
    /// The terminal below /dev, such as `pts/0`; null without one.
    tty: Option<String>,
}

impl Provider for Processes {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.processes",
            env!("CARGO_PKG_VERSION"),
            "processes: owner, arguments, state, time, memory",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "all processes, and the number in each state")
        .example("-p 1", "process 1")
        .example("-t 5 -s rss", "the five processes that use most memory")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        Reply::json(&Answer::collect(&OPTIONS.parse(args)?)?)
    }
}

impl Answer {
    fn collect(selection: &Selection) -> Result<Self, ProviderError> {
        let mut files = Files::new();
        let all = read_all(&mut files)?;
        let (total, threads) = (all.len(), all.iter().map(|stat| stat.threads).sum());
        let mut states = States::default();
        all.iter().for_each(|stat| states.count(stat.state));

        let mut chosen = Vec::with_capacity(all.len());
        for stat in all {
            if selection.pid.is_some_and(|pid| pid != stat.pid) || !selection.has_name(&stat.name) {
                continue;
            }
            // Kept for the reply, so that no file is read twice.
            let ids = match selection.uid {
                None => None,
                Some(uid) => match files::ids(stat.pid) {
                    Some(ids) if ids.uid == uid => Some(ids),
                    _ => continue,
                },
            };
            let cmdline = match selection.text {
                None => None,
                Some(_) => match files.cmdline(stat.pid) {
                    cmdline if selection.has_text(&cmdline.words.join(" ")) => Some(cmdline),
                    _ => continue,
                },
            };
            chosen.push((stat, ids, cmdline));
        }
        let matched = chosen.len();
        chosen.sort_unstable_by_key(|(stat, ..)| {
            let most = match selection.order() {
                Order::Cpu => stat.user_ticks.saturating_add(stat.system_ticks),
                Order::Rss => stat.rss_pages,
                Order::Pid => 0,
            };
            (u64::MAX - most, stat.pid)
        });
        chosen.truncate(selection.top.unwrap_or(MAX_LISTED).min(MAX_LISTED));

        let mut host = Host::new(files);
        let processes = chosen
            .into_iter()
            .map(|(stat, ids, cmdline)| host.process(&stat, ids, cmdline))
            .collect();
        Ok(Self { total, threads, states, matched, processes })
    }
}

/// Returns every process; skips a process that ends meanwhile.
fn read_all(files: &mut Files) -> Result<Vec<Stat>, ProviderError> {
    let pids = readers::process::ids(Path::new("/proc"))
        .map_err(|error| ProviderError::new("proc", format!("cannot read /proc: {error}")))?;
    let mut all = Vec::new();
    for pid in pids {
        all.extend(files.read(pid, "stat").and_then(Stat::parse));
    }
    Ok(all)
}

impl States {
    fn count(&mut self, letter: u8) {
        let place = match letter {
            b'R' => &mut self.running,
            b'S' => &mut self.sleeping,
            b'D' => &mut self.disk_sleep,
            b'T' => &mut self.stopped,
            b't' => &mut self.traced,
            b'Z' => &mut self.zombie,
            b'I' => &mut self.idle,
            _ => &mut self.other,
        };
        *place += 1;
    }
}

/// Converts the kernel's numbers into the reply's, and caches the names of users and terminals.
struct Host {
    files: Files,
    /// The boot time of CLOCK_REALTIME in clock ticks, the finest unit of start times.
    boot_ticks: Option<u64>,
    ticks_per_second: u64,
    page_bytes: u64,
    users: Vec<(u32, Option<String>)>,
    terminals: Vec<(u32, Option<String>)>,
}

impl Host {
    fn new(files: Files) -> Self {
        let number = |var, otherwise| {
            sysconf(var)
                .ok()
                .flatten()
                .and_then(|value| u64::try_from(value).ok())
                .unwrap_or(otherwise)
        };
        let ticks_per_second = number(SysconfVar::CLK_TCK, 100).max(1);
        Self {
            files,
            boot_ticks: boot_ticks(ticks_per_second),
            ticks_per_second,
            page_bytes: number(SysconfVar::PAGE_SIZE, 4096),
            users: Vec::new(),
            terminals: Vec::new(),
        }
    }

    fn process(&mut self, stat: &Stat, ids: Option<Ids>, cmdline: Option<Cmdline>) -> Process {
        let pid = stat.pid;
        let kernel_thread = stat.flags & KERNEL_THREAD != 0;
        // Kernel threads belong to root: on an idle machine this saves opening half the files.
        let ids = if kernel_thread {
            Some(Ids { uid: 0, gid: 0 })
        } else {
            ids.or_else(|| files::ids(pid))
        };
        let (exe, exe_deleted) = if kernel_thread { None } else { exe::of(pid) }.unzip();
        let cmdline = match cmdline {
            Some(cmdline) => cmdline,
            None if kernel_thread => Cmdline::default(),
            None => self.files.cmdline(pid),
        };
        let started_epoch = self
            .boot_ticks
            .map(|boot| boot.saturating_add(stat.start_ticks) / self.ticks_per_second);
        Process {
            pid,
            ppid: stat.ppid,
            process_group: stat.process_group,
            session: stat.session,
            name: String::from_utf8_lossy(&stat.name).into_owned(),
            cmdline: cmdline.words,
            cmdline_truncated: cmdline.truncated,
            exe,
            exe_deleted: exe_deleted.unwrap_or(false),
            state: state_name(stat.state),
            kernel_thread,
            user: ids.and_then(|ids| self.user(ids.uid)),
            uid: ids.map(|ids| ids.uid),
            gid: ids.map(|ids| ids.gid),
            threads: stat.threads,
            started: started_epoch.and_then(iso_utc),
            started_epoch,
            cpu_user_seconds: self.seconds(stat.user_ticks),
            cpu_system_seconds: self.seconds(stat.system_ticks),
            rss_bytes: stat.rss_pages.saturating_mul(self.page_bytes),
            virtual_bytes: stat.virtual_bytes,
            nice: stat.nice,
            cgroup: if kernel_thread { None } else { self.files.cgroup(pid) },
            tty: self.terminal(stat.tty),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "ticks of 285,000 years are exact")]
    fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / self.ticks_per_second as f64
    }

    fn user(&mut self, uid: u32) -> Option<String> {
        cached(&mut self.users, uid, || {
            user_by_uid(uid, |user| user.name.to_string_lossy().into_owned()).ok().flatten()
        })
    }

    fn terminal(&mut self, device: u32) -> Option<String> {
        if device == 0 { None } else { cached(&mut self.terminals, device, || terminal(device)) }
    }
}

/// Looks up a name once. There are few users and terminals for many processes.
fn cached(
    known: &mut Vec<(u32, Option<String>)>,
    key: u32,
    make: impl FnOnce() -> Option<String>,
) -> Option<String> {
    if let Some((_, name)) = known.iter().find(|(id, _)| *id == key) {
        return name.clone();
    }
    let name = make();
    known.push((key, name.clone()));
    name
}

/// Returns a terminal's name. The device number is encoded as by new_encode_dev in the kernel's
/// kdev_t.h.
fn terminal(device: u32) -> Option<String> {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    if PTY_MAJORS.contains(&major) {
        return Some(format!("pts/{}", (major - PTY_MAJORS.start()) * 256 + minor));
    }
    let link = fs::read_link(format!("/sys/dev/char/{major}:{minor}")).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

/// Returns the boot time in ticks since 1970.
fn boot_ticks(ticks_per_second: u64) -> Option<u64> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).ok()?;
    let since = now - clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
    let (seconds, nanos) =
        (u64::try_from(since.tv_sec()).ok()?, u64::try_from(since.tv_nsec()).ok()?);
    Some(seconds * ticks_per_second + nanos * ticks_per_second / 1_000_000_000)
}

export_provider!(Processes);

#[cfg(test)]
mod tests {
    use super::*;

    plugin_api::testing::schema_test!(Answer);

    #[test]
    fn terminals_are_named_by_their_numbers() {
        assert_eq!(terminal(136 << 8).as_deref(), Some("pts/0"));
        assert_eq!(terminal(136 << 8 | 7).as_deref(), Some("pts/7"));
        assert_eq!(terminal(137 << 8 | 1).as_deref(), Some("pts/257"));
        assert_eq!(terminal(136 << 8 | 1 << 20 | 2).as_deref(), Some("pts/258"));
        assert_eq!(terminal(0xfff << 8), None);
    }
}
