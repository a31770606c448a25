//! What a command would meet on this host, without starting it: its account, its directory, its
//! shell, its limits.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_sys::accounts;
use tokio::sync::Semaphore;
use tokio::{task, time};

use super::command::account::Account;
use super::command::spec::Spec;
use super::error::{FailedStep, StartError};
use super::executor::Executor;

/// Looks at once: a dead share or LDAP server holds these threads and no more.
static LOOKS: Semaphore = Semaphore::const_new(2);

/// How long a check waits for its look.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// How a command would start.
#[derive(Debug)]
pub(crate) struct DryRun {
    pub(crate) account: Arc<Account>,
    /// The group's name, or its number in digits.
    pub(crate) group: String,
    pub(crate) cwd: PathBuf,
    pub(crate) shell: PathBuf,
}

impl Executor {
    /// Does all that precedes a start and nothing more. Whether the user may enter the directory
    /// shows only in a real start.
    ///
    /// # Errors
    /// The error that the command would get.
    pub(crate) async fn dry_run(&self, spec: &Spec) -> Result<DryRun, StartError> {
        self.check(spec).await?;
        let account = self.host().account(&self.settings(), spec).await?;
        let shell = self.settings().shell.clone();
        let (cwd, home, gid) = (spec.cwd.clone(), account.home.clone(), account.identity.gid);
        let late = |_| {
            let path = Some(spec.cwd.clone().unwrap_or_else(|| account.home.clone()));
            let source = io::Error::new(io::ErrorKind::TimedOut, "the host does not answer");
            StartError::NotStarted(FailedStep { stage: "working directory", path, source })
        };
        let look = async {
            let lost = |error| StartError::step("check", io::Error::other(error));
            let permit = LOOKS.acquire().await.map_err(|error| lost(error.to_string()))?;
            // The thread holds the permit until it is done, even if nobody waits for it any more.
            let looked = task::spawn_blocking(move || (look(cwd, home, shell, gid), permit));
            looked.await.map_err(|error| lost(error.to_string()))?.0
        };
        let (cwd, shell, group) = time::timeout(LOOK_TIMEOUT, look).await.map_err(late)??;
        Ok(DryRun { account, group, cwd, shell })
    }
}

fn look(
    cwd: Option<PathBuf>,
    home: PathBuf,
    shell: PathBuf,
    gid: u32,
) -> Result<(PathBuf, PathBuf, String), StartError> {
    must_be("shell", &shell, fs::Metadata::is_file)?;
    let cwd = match cwd {
        Some(cwd) => {
            must_be("working directory", &cwd, fs::Metadata::is_dir)?;
            cwd
        }
        None if home.is_dir() => home,
        None => PathBuf::from("/"),
    };
    let named = accounts::group_by_gid(gid, |group| group.name.to_string_lossy().into_owned());
    Ok((cwd, shell, named.ok().flatten().unwrap_or_else(|| gid.to_string())))
}

fn must_be(
    stage: &'static str,
    path: &Path,
    is: impl FnOnce(&fs::Metadata) -> bool,
) -> Result<(), StartError> {
    let source = match fs::metadata(path) {
        Ok(found) if is(&found) => return Ok(()),
        Ok(_) if stage == "shell" => io::Error::other("is not a file"),
        Ok(_) => io::ErrorKind::NotADirectory.into(),
        Err(error) => error,
    };
    Err(StartError::NotStarted(FailedStep { stage, path: Some(path.to_owned()), source }))
}
