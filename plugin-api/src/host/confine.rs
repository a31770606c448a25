//! What a process that is about to load a plugin gives up first. It contains a plugin's mistakes; against malice the file's
//! ownership has to stand.

use nix::sys::prctl::{set_no_new_privs, set_pdeathsig};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User, chdir, setgroups, setresgid, setresuid};

/// The address space, in bytes. Go's runtime reserves more than half of it.
const ADDRESS_SPACE: u64 = 2 << 30;
/// Whom a plugin runs as where its host is root: this user, else these ids.
const NOBODY: (&str, u32) = ("nobody", 65534);

/// Takes from this process what no plugin needs: root, unless `keep_root`, for good; core files; more than 2 GiB of address
/// space; its directory. It ends with its parent.
///
/// # Errors
/// Those of the system calls; the process is then half confined, and of no use.
pub fn confine(keep_root: bool) -> std::io::Result<()> {
    chdir("/")?;
    // A core of this process could hold what a plugin read as root.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    let (_, hard) = nix::sys::resource::getrlimit(Resource::RLIMIT_AS)?;
    let space = hard.min(ADDRESS_SPACE);
    setrlimit(Resource::RLIMIT_AS, space, space)?;
    if Uid::effective().is_root() && !keep_root {
        let nobody = User::from_name(NOBODY.0).ok().flatten();
        let (uid, gid) =
            nobody.map_or((Uid::from_raw(NOBODY.1), Gid::from_raw(NOBODY.1)), |user| (user.uid, user.gid));
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    set_no_new_privs()?;
    // After the ids: changing them clears it. A plugin that hangs must not outlive the daemon.
    set_pdeathsig(Signal::SIGKILL)?;
    Ok(())
}
