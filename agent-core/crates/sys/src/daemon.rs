//! System calls of a launcher: a fork, and a child that starts clean and cannot outlive its parent.
//!
//! For `boot`, which has one thread and no runtime. It does not fork a process with more threads.

#![expect(unsafe_code, reason = "fork, the child's side of it, and descriptors known by number")]

use std::ffi::{CString, OsStr, c_char};
use std::fs;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::ptr;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{self, ForkResult, Pid};

/// The first descriptor that is not standard input, output or error.
const FIRST_EXTRA_FD: RawFd = 3;

/// Forks this process.
///
/// # Errors
/// The process has a second thread (whose locks the child could never release), /proc is not
/// mounted, or fork(2) failed.
pub fn fork() -> io::Result<ForkResult> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("fork needs a process of one thread"));
    }
    // SAFETY: fork(2) allows the child only async-signal-safe calls when the parent has several
    // threads. It was just seen that there is one, and only that one could start another.
    let side = unsafe { unistd::fork() }?;
    Ok(side)
}

/// Closes the descriptors above standard error that this program's starter left open.
///
/// They differ from our own by the close-on-exec flag: a descriptor that crosses an exec lacks it,
/// and the standard library sets it on every one it opens. Without /proc nothing is closed; a child
/// made by [`supervised`] still gets none of them.
pub fn close_inherited() {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return };
    let open: Vec<RawFd> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for fd in open.into_iter().filter(|&fd| fd >= FIRST_EXTRA_FD) {
        // SAFETY: F_GETFD (fcntl(2)) takes and changes nothing but the number it is given; for one
        // that has been closed since, as the listing's own has, it answers -1.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        if flags >= 0 && flags & libc::FD_CLOEXEC == 0 {
            // SAFETY: from_raw_fd needs an open descriptor that nobody else owns. F_GETFD just
            // said that it is open, and lacking FD_CLOEXEC it came through exec, so no value in
            // this process stands for it.
            drop(unsafe { OwnedFd::from_raw_fd(fd) });
        }
    }
}

/// Restores the default action of SIGCHLD.
///
/// A parent that ignores it passes that on through exec; then the kernel reaps our children before
/// waitpid(2) can see how they ended.
///
/// # Errors
/// sigaction(2) failed, for which POSIX has no reason here.
pub fn default_sigchld() -> io::Result<()> {
    default_action(Signal::SIGCHLD as i32)
}

/// Reaps one child that ended, without waiting; returns `None` when none did.
///
/// As PID 1 of a container the caller also gets orphans it never started.
///
/// # Errors
/// waitpid(2) failed for a reason other than that there are no children.
pub fn reap() -> io::Result<Option<(Pid, ExitStatus)>> {
    let mut status = 0;
    // SAFETY: waitpid(2) writes one int through its pointer, which is to a live local; WNOHANG
    // and -1 are plain numbers.
    let pid = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
    match Errno::result(pid) {
        // nix's own waitpid fails, and loses the child, when a real-time signal ended it.
        Ok(pid) if pid > 0 => Ok(Some((Pid::from_raw(pid), ExitStatus::from_raw(status)))),
        Ok(_) | Err(Errno::ECHILD) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes the child that `command` will start begin clean and end with this process:
/// no signal blocked or ignored, no descriptor above standard error, SIGTERM when the thread that
/// started it ends, however it ends (`PR_SET_PDEATHSIG`, prctl(2)).
///
/// The program is a path, which execve(2) gets: the standard library would call execvp(3), which
/// gives a file that is no program, such as a truncated one, to /bin/sh. Add all arguments before;
/// the environment is this process's own.
///
/// # Errors
/// The path or an argument has a NUL byte.
pub fn supervised(command: &mut Command) -> io::Result<&mut Command> {
    let parent = Pid::this();
    let arguments = Arguments::of(command)?;
    let prepare = move || {
        for signal in 1..=libc::SIGRTMAX() {
            // KILL and STOP, and the two real-time signals libc keeps, answer EINVAL: they have
            // no other action to be freed from.
            let _ = default_action(signal);
        }
        SigSet::empty().thread_set_mask()?;
        close_extra_on_exec();
        prctl::set_pdeathsig(Signal::SIGTERM)?;
        // The parent may have died before the line above, and then no signal will come.
        if unistd::getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        Err(arguments.execute())
    };
    // SAFETY: pre_exec's closure runs between fork and exec and may make only async-signal-safe
    // calls. It makes sigaction, sigprocmask, close_range, prctl, getppid and execve: plain system
    // calls, which neither allocate nor lock.
    Ok(unsafe { command.pre_exec(prepare) })
}

/// The arguments of a program, in the form of execve(2).
struct Arguments {
    pointers: Vec<*const c_char>,
    /// The memory that the pointers lead into.
    _strings: Vec<CString>,
}

// SAFETY: the pointers lead into strings that the same value owns and nobody changes.
unsafe impl Send for Arguments {}
// SAFETY: the same.
unsafe impl Sync for Arguments {}

impl Arguments {
    /// Takes the program's path and the arguments of a command.
    fn of(command: &Command) -> io::Result<Self> {
        let string = |text: &OsStr| CString::new(text.as_bytes());
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let strings = words.map(string).collect::<Result<Vec<_>, _>>()?;
        let pointers = strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Ok(Self { pointers, _strings: strings })
    }

    /// Becomes the program; returns why it cannot.
    fn execute(&self) -> io::Error {
        // SAFETY: reads libc's pointer to the environment; a process that has just forked has no
        // other thread.
        let environment = unsafe { libc::environ };
        let program = self.pointers.first().copied().unwrap_or(ptr::null());
        // SAFETY: execve(2) reads a NUL-terminated path and two null-terminated arrays of such
        // strings: ours, alive as long as `self`, and libc's own.
        unsafe {
            libc::execve(program, self.pointers.as_ptr(), environment.cast_const().cast());
        }
        io::Error::last_os_error()
    }
}

/// Sets one signal's action to the default; fails for a signal whose action cannot be set.
fn default_action(signal: i32) -> io::Result<()> {
    // SAFETY: signal(2) with SIG_DFL installs no code to run, so its one condition, a handler that
    // is async-signal-safe, holds of itself; a bad number makes it answer EINVAL.
    let before = unsafe { libc::signal(signal, libc::SIG_DFL) };
    if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Marks every descriptor above standard error close-on-exec. Linux before 5.11 cannot; there,
/// [`close_inherited`] and the flag on all we open do the same work.
fn close_extra_on_exec() {
    // SAFETY: close_range(2) takes plain numbers, and with CLOSE_RANGE_CLOEXEC it closes nothing
    // now: no owner of a descriptor in this process is affected.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST_EXTRA_FD as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_process_with_threads_is_not_forked() {
        let refused = thread::scope(|scope| scope.spawn(|| fork().is_err()).join());
        assert!(refused.unwrap());
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test checks the child of a Command")]
    fn a_supervised_child_starts_with_no_signal_blocked_or_ignored() {
        let script = "grep -E '^Sig(Blk|Ign)' /proc/self/status";
        let output = thread::spawn(move || {
            SigSet::all().thread_block().unwrap();
            supervised(Command::new("/bin/sh").arg("-c").arg(script)).unwrap().output().unwrap()
        });
        let text = String::from_utf8(output.join().unwrap().stdout).unwrap();
        // 32 and 33 belong to libc, whose posix_spawn may leave them ignored.
        let ours = !(0b11 << 31);
        let sets =
            text.lines().map(|line| u64::from_str_radix(line.split_once('\t').unwrap().1, 16));
        let sets: Vec<u64> = sets.map(|set| set.unwrap() & ours).collect();
        assert_eq!(sets, [0, 0], "{text}");
    }
}
