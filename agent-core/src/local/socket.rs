//! The socket's file: `agent.sock` in the run directory, of one agent at a time.
//!
//! The agent locks the directory for as long as it runs. So the holder of the lock knows that a
//! socket file found there belongs to an agent that is gone, without connecting to it.

use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::unistd::geteuid;
use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Its name in the run directory.
const NAME: &str = "agent.sock";

/// Its name until it is complete.
const FRESH: &str = "agent.sock.new";

/// The longest path of a socket, in bytes (unix(7)).
const MAX_PATH: usize = 107;

/// Returns whether a socket's path in a run directory is short enough.
pub(crate) fn fits(run_dir: &Path) -> bool {
    run_dir.join(FRESH).as_os_str().len() <= MAX_PATH
}

/// Why the agent has no local socket.
#[derive(Debug)]
pub(crate) struct Error {
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A listening socket; its file is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    _lock: Flock<File>,
}

impl Socket {
    /// Listens in this directory, which is created if it is missing.
    ///
    /// # Errors
    /// When another agent listens there, others can write there, or the system fails.
    pub(crate) fn open(run_dir: &Path) -> Result<Self, Error> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| Error { path, source }
        };
        let lock = locked(run_dir).map_err(at(run_dir))?;
        let (path, fresh) = (run_dir.join(NAME), run_dir.join(FRESH));
        let listener = listen(&fresh, &path).map_err(at(&path))?;
        Ok(Self { listener, path, _lock: lock })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // If it stays, the next agent replaces it.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn locked(run_dir: &Path) -> io::Result<Flock<File>> {
    DirBuilder::new().recursive(true).mode(0o755).create(run_dir)?;
    let dir: File = OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(run_dir)?;
    let meta = dir.metadata()?;
    if meta.uid() != geteuid().as_raw() && meta.uid() != 0 {
        return Err(io::Error::other(format!("belongs to uid {}", meta.uid())));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(io::Error::other("writable by its group or others"));
    }
    Flock::lock(dir, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        nix::errno::Errno::EWOULDBLOCK => {
            io::Error::other("another BasicAgent uses this directory")
        }
        other => other.into(),
    })
}

/// Binds under a temporary name and renames: under its own name the socket is never open to others,
/// and a dead agent's socket is replaced at once.
fn listen(fresh: &Path, path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(fresh)?;
    std::fs::set_permissions(fresh, Permissions::from_mode(0o600))?;
    std::fs::rename(fresh, path)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;
    use test_support::Scratch;

    #[tokio::test]
    async fn a_dead_agents_socket_is_replaced_and_a_live_ones_is_not() {
        let scratch = Scratch::new("local-socket");
        let dir = scratch.path();
        let first = Socket::open(dir).unwrap();
        let path = dir.join(NAME);
        let mode = std::fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let refused = Socket::open(dir).unwrap_err().to_string();
        assert!(refused.contains("another BasicAgent"), "{refused}");
        UnixStream::connect(&path).unwrap();
        drop(first);
        assert!(!path.exists());

        // Left behind by an agent that was killed, and by one killed while it started.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        drop(std::os::unix::net::UnixListener::bind(dir.join(FRESH)).unwrap());
        let again = Socket::open(dir).unwrap();
        UnixStream::connect(&path).unwrap();
        drop(again);

        std::fs::set_permissions(dir, Permissions::from_mode(0o777)).unwrap();
        let refused = Socket::open(dir).unwrap_err().to_string();
        assert!(refused.contains("writable by its group"), "{refused}");
    }
}
