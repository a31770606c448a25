//! `getinfo.processes`: what runs here, for whom, since when, and what it uses.
//!
//! Everything comes from /proc/PID (proc(5)); nothing is run and no root is needed, but for `exe` of other users'
//! processes. All processes are counted by their stat file; the other files are read only for those that are answered.

mod files;
mod selection;
mod stat;
mod utc;

use std::fs;

use agent_sys::accounts::user_by_uid;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{SysconfVar, sysconf};
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use files::{Cmdline, Files, Ids};
use selection::{OPTIONS, Order, Selection};
use stat::{Stat, state_name};

struct Processes;

/// The most processes that one answer lists; the others are counted.
const MAX_LISTED: usize = 10_000;
/// A kernel thread (PF_KTHREAD of the kernel's include/linux/sched.h).
const KERNEL_THREAD: u64 = 0x0020_0000;
/// Major numbers of pseudo-terminals (the kernel's Documentation/admin-guide/devices.txt).
const PTY_MAJORS: std::ops::RangeInclusive<u32> = 136..=143;
/// What /proc/PID/exe ends in when the program's file is gone.
const DELETED: &str = " (deleted)";

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Processes there are, seen by the user that asks (`hidepid=` of /proc hides others').
    total: usize,
    /// Threads of all of them.
    threads: u64,
    /// All of them by state.
    states: States,
    /// Processes that the arguments choose, before `-t` takes the top of them.
    matched: usize,
    /// The chosen ones: by pid, or as `-s` says; 10,000 at the most.
    processes: Vec<Process>,
}

/// How many processes are in which state (proc_pid_stat(5)).
#[derive(Serialize, Default)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct States {
    /// R: runs or is ready to.
    running: usize,
    /// S: waits, and can be woken by signals.
    sleeping: usize,
    /// D: waits, mostly for a disk, and can't be woken.
    disk_sleep: usize,
    /// T: stopped by a signal.
    stopped: usize,
    /// t: stopped by a debugger.
    traced: usize,
    /// Z: has ended, and its parent has not asked how.
    zombie: usize,
    /// I: a kernel thread with nothing to do.
    idle: usize,
    /// Any other.
    other: usize,
}

/// One process.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Process {
    /// Its number.
    pid: u32,
    /// Its parent's; 0 for the first one, and where the parent is in another PID namespace.
    ppid: u32,
    /// Its process group's number.
    process_group: u32,
    /// Its session's number.
    session: u32,
    /// The kernel's name of it: 15 bytes of the program's at the most, or what it calls itself.
    name: String,
    /// Its arguments, 4,096 bytes of them at the most; none for kernel threads and zombies.
    cmdline: Vec<String>,
    /// Whether there is more of `cmdline`.
    cmdline_truncated: bool,
    /// The program's file; null where it may not be known (other users' processes, without root) or there is none.
    exe: Option<String>,
    /// Whether that file has been deleted or replaced since.
    exe_deleted: bool,
    /// `running`, `sleeping`, `disk_sleep`, `stopped`, `traced`, `zombie`, `dead`, `idle`, `parked` or `other`.
    state: &'static str,
    /// Whether it is a thread of the kernel.
    kernel_thread: bool,
    /// The effective user's name; null where the id has none.
    user: Option<String>,
    /// The effective user's id.
    uid: Option<u32>,
    /// The effective group's id.
    gid: Option<u32>,
    /// How many threads it has.
    threads: u64,
    /// When it began, in UTC, ISO 8601, to about a second.
    started: Option<String>,
    /// The same in seconds since 1970.
    started_epoch: Option<u64>,
    /// Processor time in user mode, its threads' included.
    cpu_user_seconds: f64,
    /// Processor time in the kernel, its threads' included.
    cpu_system_seconds: f64,
    /// Memory it has in RAM; the kernel's count may be some pages off.
    rss_bytes: u64,
    /// Address space.
    virtual_bytes: u64,
    /// From -20, the most favoured, to 19.
    nice: i64,
    /// Its control group: of the unified hierarchy, else systemd's, else the first named. Null for kernel threads.
    cgroup: Option<String>,
    /// Its terminal below /dev, such as `pts/0`; null without one.
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
        .example("", "all processes, and how many are in which state")
        .example("-p 1", "the first process")
        .example("-t 5 -s rss", "the five that hold most memory")
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
            // Kept, so that no file is read twice.
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
        let processes =
            chosen.into_iter().map(|(stat, ids, cmdline)| host.process(&stat, ids, cmdline)).collect();
        Ok(Self { total, threads, states, matched, processes })
    }
}

/// Every process that is there; one that ends meanwhile is left out.
fn read_all(files: &mut Files) -> Result<Vec<Stat>, ProviderError> {
    let folder = fs::read_dir("/proc")
        .map_err(|error| ProviderError::new("proc", format!("/proc can't be read: {error}")))?;
    let mut all = Vec::new();
    for entry in folder.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
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

/// What turns the kernel's numbers into those of the answer, and names that were looked up already.
struct Host {
    files: Files,
    /// Of CLOCK_REALTIME, in hundredths of a second: the finest a start is known.
    boot_ticks: Option<u64>,
    ticks_per_second: u64,
    page_bytes: u64,
    users: Vec<(u32, Option<String>)>,
    terminals: Vec<(u32, Option<String>)>,
}

impl Host {
    fn new(files: Files) -> Self {
        let number = |var, otherwise| {
            sysconf(var).ok().flatten().and_then(|value| u64::try_from(value).ok()).unwrap_or(otherwise)
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
        // Kernel threads are root's: half the files of an idle machine need not be opened.
        let ids = if kernel_thread { Some(Ids { uid: 0, gid: 0 }) } else { ids.or_else(|| files::ids(pid)) };
        let exe = if kernel_thread { None } else { fs::read_link(format!("/proc/{pid}/exe")).ok() };
        let exe = exe.map(|path| path.to_string_lossy().into_owned());
        let exe_deleted = exe.as_ref().is_some_and(|path| path.ends_with(DELETED));
        let cmdline = match cmdline {
            Some(cmdline) => cmdline,
            None if kernel_thread => Cmdline::default(),
            None => self.files.cmdline(pid),
        };
        let started_epoch =
            self.boot_ticks.map(|boot| boot.saturating_add(stat.start_ticks) / self.ticks_per_second);
        Process {
            pid,
            ppid: stat.ppid,
            process_group: stat.process_group,
            session: stat.session,
            name: String::from_utf8_lossy(&stat.name).into_owned(),
            cmdline: cmdline.words,
            cmdline_truncated: cmdline.truncated,
            exe: exe.map(|path| path.strip_suffix(DELETED).unwrap_or(&path).to_owned()),
            exe_deleted,
            state: state_name(stat.state),
            kernel_thread,
            user: ids.and_then(|ids| self.user(ids.uid)),
            uid: ids.map(|ids| ids.uid),
            gid: ids.map(|ids| ids.gid),
            threads: stat.threads,
            started: started_epoch.and_then(utc::iso_utc),
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

/// Few users and terminals have many processes.
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

/// A terminal's name by its device number, whose bits are those of new_encode_dev of the kernel's kdev_t.h.
fn terminal(device: u32) -> Option<String> {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
    if PTY_MAJORS.contains(&major) {
        return Some(format!("pts/{}", (major - PTY_MAJORS.start()) * 256 + minor));
    }
    let link = fs::read_link(format!("/sys/dev/char/{major}:{minor}")).ok()?;
    Some(link.file_name()?.to_string_lossy().into_owned())
}

/// When this kernel began, in ticks since 1970.
fn boot_ticks(ticks_per_second: u64) -> Option<u64> {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).ok()?;
    let since = now - clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
    let (seconds, nanos) = (u64::try_from(since.tv_sec()).ok()?, u64::try_from(since.tv_nsec()).ok()?);
    Some(seconds * ticks_per_second + nanos * ticks_per_second / 1_000_000_000)
}

export_provider!(Processes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<Answer>(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.json"));
    }

    #[test]
    fn terminals_are_named_by_their_numbers() {
        assert_eq!(terminal(136 << 8).as_deref(), Some("pts/0"));
        assert_eq!(terminal(136 << 8 | 7).as_deref(), Some("pts/7"));
        assert_eq!(terminal(137 << 8 | 1).as_deref(), Some("pts/257"));
        assert_eq!(terminal(136 << 8 | 1 << 20 | 2).as_deref(), Some("pts/258"));
        assert_eq!(terminal(0xfff << 8), None);
    }
}
