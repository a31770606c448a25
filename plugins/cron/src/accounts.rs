//! Which users exist: cron ignores the jobs of others.

use std::cell::RefCell;
use std::path::Path;

use nix::unistd::User;
use readers::root::Root;

/// The most bytes read of an account file.
const MAX_FILE_BYTES: usize = 4 << 20;
/// The most names that are looked up; further ones count as unknown.
const MAX_NAMES: usize = 1000;
/// The sources of accounts (nsswitch.conf(5)) whose users all stand in /etc/passwd, or are never
/// those of a crontab.
const LOCAL: [&str; 3] = ["files", "compat", "systemd"];

/// The outcome of a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Account {
    /// It exists, with this uid.
    Uid(u32),
    Missing,
    /// It may exist, for instance in a directory service that an image uses.
    Unknown,
}

/// The accounts of a root.
pub(crate) struct Accounts<'a> {
    root: &'a Root,
    known: RefCell<Vec<(String, Account)>>,
    /// The result for a name that an image's files don't have.
    others: Account,
}

impl<'a> Accounts<'a> {
    pub(crate) fn read(root: &'a Root) -> Self {
        let mut accounts = Self { root, known: RefCell::new(Vec::new()), others: Account::Unknown };
        if root.is_host() {
            return accounts;
        }
        let text = |path: &str| root.text(Path::new(path), MAX_FILE_BYTES);
        if let Ok(passwd) = text("etc/passwd") {
            let sources = text("etc/nsswitch.conf").unwrap_or_default();
            let is_local = is_local(&sources) && !passwd.lines().any(|line| line.starts_with('+'));
            accounts.others = if is_local { Account::Missing } else { Account::Unknown };
            accounts.known = RefCell::new(passwd.lines().filter_map(account).collect());
        }
        accounts
    }

    /// Looks a user up: in an image by its files, on this system as cron does, by getpwnam(3).
    pub(crate) fn find(&self, name: &str) -> Account {
        let found =
            self.known.borrow().iter().find(|(known, _)| known == name).map(|found| found.1);
        if let Some(found) = found {
            return found;
        }
        if !self.root.is_host() {
            return self.others;
        }
        if self.known.borrow().len() >= MAX_NAMES {
            return Account::Unknown;
        }
        // A directory service may not answer.
        let found = match self
            .root
            .during(Path::new("etc/nsswitch.conf"), || User::from_name(name).map_err(Into::into))
        {
            Ok(Some(user)) => Account::Uid(user.uid.as_raw()),
            Ok(None) => Account::Missing,
            Err(_) => Account::Unknown,
        };
        self.known.borrow_mut().push((name.to_owned(), found));
        found
    }
}

fn account(line: &str) -> Option<(String, Account)> {
    let mut fields = line.split(':');
    let (name, _, uid) = (fields.next()?, fields.next()?, fields.next()?);
    Some((name.to_owned(), Account::Uid(uid.parse().ok()?)))
}

/// Returns whether nsswitch.conf(5) names no directory service for users.
fn is_local(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let sources = lines.find_map(|line| line.strip_prefix("passwd:")).unwrap_or("files");
    let mut words = sources.split_ascii_whitespace().filter(|word| !word.starts_with('['));
    words.all(|word| LOCAL.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_services_make_users_unknown() {
        for (text, want) in [
            ("", true),
            ("group: sss\npasswd:\tfiles systemd # ldap\n", true),
            ("passwd: files [NOTFOUND=return] sss\n", false),
            ("#passwd: ldap\npasswd: compat\n", true),
        ] {
            assert_eq!(is_local(text), want, "{text:?}");
        }
        assert_eq!(account("joe:x:1000:1000::/:/bin/sh"), Some(("joe".into(), Account::Uid(1000))));
        assert_eq!((account("+::::::"), account("joe:x")), (None, None));
    }
}
