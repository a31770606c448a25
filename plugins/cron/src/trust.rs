//! The files that cron ignores for their owner, mode or links: process_crontab in Debian's cron
//! (database.c of 3.0pl1), and the same checks of cronie.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use readers::root::Root;

use crate::accounts::Account;

/// The rules by which a crontab is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A system's crontab: root's, and nobody else can write it.
    System,
    /// A user's crontab in Debian: mode 0600, not a link.
    DebianUser,
    /// A user's crontab elsewhere.
    User,
    /// busybox: it belongs to root.
    Busybox,
}

/// Returns why cron ignores a file; `None` if it reads it. `account` is the user whose crontab it
/// is.
///
/// # Errors
/// The file can't be looked up.
pub(crate) fn objection(
    root: &Root,
    path: &Path,
    rules: Rules,
    account: Account,
) -> io::Result<Option<String>> {
    let link = root.symlink_metadata(path)?;
    if link.is_symlink() {
        if rules == Rules::DebianUser {
            return Ok(Some("it is a symbolic link, so cron ignores it".to_owned()));
        }
        if rules == Rules::System && link.uid() != 0 {
            return Ok(Some(format!(
                "the symbolic link belongs to uid {}, not to root, so cron ignores it",
                link.uid()
            )));
        }
    }
    match root.metadata(path) {
        Ok(data) => Ok(of_file(&data, rules, account)),
        Err(error) if link.is_symlink() && error.kind() == io::ErrorKind::NotFound => {
            Ok(Some("the symbolic link leads nowhere".to_owned()))
        }
        Err(error) => Err(error),
    }
}

fn of_file(data: &Metadata, rules: Rules, account: Account) -> Option<String> {
    let (owner, mode) = (data.uid(), data.mode() & 0o7777);
    let is_owned = match (rules, account) {
        (_, _) if owner == 0 => true,
        (Rules::System | Rules::Busybox, _) | (_, Account::Missing) => false,
        (_, Account::Uid(uid)) => owner == uid,
        (_, Account::Unknown) => true,
    };
    if !data.is_file() {
        Some("it is not a regular file, so cron ignores it".to_owned())
    } else if !is_owned {
        let right =
            if matches!(rules, Rules::System | Rules::Busybox) { "root" } else { "its user" };
        Some(format!("it belongs to uid {owner}, not to {right}, so cron ignores it"))
    } else if rules == Rules::DebianUser && mode != 0o600 {
        Some(format!("its mode is {mode:04o}, not 0600, so cron ignores it"))
    } else if matches!(rules, Rules::System | Rules::User) && mode & 0o022 != 0 {
        Some(format!("others than its owner can write it (mode {mode:04o}), so cron ignores it"))
    } else if rules != Rules::Busybox && data.nlink() != 1 {
        Some(format!("it has {} hard links, so cron ignores it", data.nlink()))
    } else {
        None
    }
}
