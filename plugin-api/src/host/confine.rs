//! The rights that a process drops before it loads a plugin.
//!
//! This contains a plugin's mistakes; only the ownership of the file protects against malice.

use nix::sys::prctl::{set_no_new_privs, set_pdeathsig};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{Gid, Uid, User, chdir, setgroups, setresgid, setresuid};

/// Address space, in bytes. Go's runtime reserves more than half of it.
const ADDRESS_SPACE: u64 = 2 << 30;
/// The user that a plugin runs as if its host is root, and the ids if there is no such user.
const NOBODY: (&str, u32) = ("nobody", 65534);

/// Drops from this process the privileges that no plugin needs: root, permanently, unless
/// `keep_root`; core files; address space beyond 2 GiB; its working directory. The process then
/// ends with its parent.
///
/// # Errors
/// The errors of the system calls. The process is then only partly confined and must not be used.
pub fn confine(keep_root: bool) -> std::io::Result<()> {
    chdir("/")?;
    // A core file could hold data that a plugin read as root.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    let (_, hard) = nix::sys::resource::getrlimit(Resource::RLIMIT_AS)?;
    let space = hard.min(ADDRESS_SPACE);
    setrlimit(Resource::RLIMIT_AS, space, space)?;
    if Uid::effective().is_root() && !keep_root {
        let nobody = User::from_name(NOBODY.0).ok().flatten();
        let (uid, gid) = nobody
            .map_or((Uid::from_raw(NOBODY.1), Gid::from_raw(NOBODY.1)), |user| {
                (user.uid, user.gid)
            });
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    set_no_new_privs()?;
    // After the ids, because changing them clears it. A hanging plugin must not outlive the daemon.
    set_pdeathsig(Signal::SIGKILL)?;
    Ok(())
}
