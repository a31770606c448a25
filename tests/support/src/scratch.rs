//! Folders that belong to one test and disappear with it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A fresh folder, removed on drop.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Creates a folder of mode 0700 below the system's directory for temporary files.
    ///
    /// # Panics
    /// When the folder cannot be created.
    pub fn new(name: &str) -> Self {
        let base = std::fs::canonicalize(std::env::temp_dir()).expect("a temporary directory");
        let path = base.join(unique(name));
        std::fs::create_dir_all(&path).expect("the temporary directory is writable");
        set_mode(&path, 0o700);
        Self(path)
    }

    /// Creates a folder of mode 0755 in the first place that `accepts` approves: beside the test's
    /// executable, in the home folder, or in the workspace's `target`. The plugin loader rejects
    /// folders below a folder that others can write, as /tmp may be. `None`, with a line that the
    /// test is skipped, when no place will do.
    ///
    /// # Panics
    /// When a folder that was created cannot be removed again.
    pub fn where_accepted(name: &str, accepts: impl Fn(&Path) -> bool) -> Option<Self> {
        let executable =
            std::env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").canonicalize().ok();
        for place in [executable, home, target].into_iter().flatten() {
            let path = place.join(format!(".{}", unique(name)));
            if std::fs::create_dir_all(&path).is_ok() {
                set_mode(&path, 0o755);
                if accepts(&path) {
                    return Some(Self(path));
                }
                std::fs::remove_dir(&path).expect("the folder is empty and ours");
            }
        }
        eprintln!("SKIPPED (needs a folder that only root or this user can write): {name}");
        None
    }

    /// Gives the folder up to another owner, who removes it; returns its path.
    pub fn keep(self) -> PathBuf {
        std::mem::ManuallyDrop::new(self).0.clone()
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file in the folder, and the folders above it, and returns its path.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).expect("the folder is ours");
        }
        std::fs::write(&path, content).expect("the folder is ours");
        path
    }

    /// Writes a file that only its owner can read, such as a key, and returns its path.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn write_secret(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.write(name, content);
        set_mode(&path, 0o600);
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn unique(name: &str) -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("basicagent-{name}-{}-{number}", std::process::id())
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("we own it");
}
