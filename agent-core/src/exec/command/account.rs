//! Whom a command runs as: a request's names and numbers turned into ids by the host's own
//! accounts (NSS: files, LDAP, systemd, …).
//!
//! A look-up may wait for a server, so it runs on the blocking pool, a few at once, each with a
//! time-out. Answers are kept for seconds, and only while the account files are the same.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::error::Error;
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_sys::Identity;
use nix::unistd::{self, Gid, Group, Uid, User};
use tokio::sync::Semaphore;
use tokio::{task, time};

use crate::config::DefaultGroup;
use crate::exec::StartError;

/// The step that an error names.
const LOOKUP: &str = "account look-up";
/// Look-ups at once: a dead LDAP server holds these threads and no more.
const MAX_LOOKUPS: usize = 4;
/// How long a command waits for a look-up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer is good.
const KEPT: Duration = Duration::from_secs(10);
/// How long the state of the account files is taken to be as it was found: commands come in crowds.
const LOOKED_AT: Duration = Duration::from_millis(5);
/// How many answers are kept.
const MAX_KEPT: usize = 256;
/// The files whose change makes every kept answer void.
const FILES: [&str; 3] = ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf"];

/// A user as a command needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) home: PathBuf,
    /// The ids to take; `gid` already the asked or default one.
    pub(crate) identity: Identity,
}

/// What a request says about the account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct AccountQuery {
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) default_group: DefaultGroup,
}

/// An account by what it is called, or by digits that are no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AccountName {
    User(String),
    Group(String),
}

/// The accounts of this host.
#[derive(Debug)]
pub(crate) struct Accounts {
    kept: Mutex<HashMap<AccountQuery, Kept<Arc<Account>>>>,
    numbers: Mutex<Option<Numbers>>,
    files: Mutex<Option<(Instant, Files)>>,
    lookups: Arc<Semaphore>,
}

/// A list of accounts and their numbers.
type Numbers = (Arc<[AccountName]>, Kept<Arc<[Option<u32>]>>);

/// An answer, and until when it is good.
#[derive(Debug)]
struct Kept<T> {
    answer: T,
    since: Instant,
    files: Files,
}

impl<T> Kept<T> {
    fn is_good(&self, files: &Files) -> bool {
        self.since.elapsed() < KEPT && self.files == *files
    }
}

type Files = [Option<Stamp>; FILES.len()];

/// Tells one state of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    dev: u64,
    ino: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Accounts {
    pub(crate) fn new() -> Self {
        let lookups = Arc::new(Semaphore::new(MAX_LOOKUPS));
        Self { kept: Mutex::default(), numbers: Mutex::default(), files: Mutex::default(), lookups }
    }

    /// Finds the account. Without a wait and without a thread when it was found a moment ago.
    pub(crate) async fn resolve(&self, asked: AccountQuery) -> Result<Arc<Account>, StartError> {
        // Taken before the look-up: a change during it voids the answer.
        let files = self.files();
        if let Some(account) = self.recall(&asked, &files) {
            return Ok(account);
        }
        let question = asked.clone();
        let known = || self.recall(&asked, &files);
        // In a box: the state of a look-up is large, and what is known already need not carry it.
        let keep = |account: &Arc<Account>| {
            let mut kept = self.kept.lock();
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            kept.insert(asked.clone(), Kept { answer: Arc::clone(account), since: Instant::now(), files });
        };
        Box::pin(self.ask(known, move || look_up(&question).map(Arc::new), keep)).await
    }

    /// The numbers of many accounts, in their order; `None` for one that does not exist. The last list's answer is kept
    /// as an account is.
    pub(crate) async fn numbers(
        &self,
        called: &Arc<[AccountName]>,
    ) -> Result<Arc<[Option<u32>]>, StartError> {
        if called.is_empty() {
            return Ok(Arc::default());
        }
        let files = self.files();
        let known = || {
            let numbers = self.numbers.lock();
            let (list, kept) = numbers.as_ref()?;
            (Arc::ptr_eq(list, called) && kept.is_good(&files)).then(|| Arc::clone(&kept.answer))
        };
        if let Some(answer) = known() {
            return Ok(answer);
        }
        let question = Arc::clone(called);
        let look_up = move || question.iter().map(number_of).collect::<Result<Arc<[_]>, _>>();
        let keep = |answer: &Arc<[Option<u32>]>| {
            let kept = Kept { answer: Arc::clone(answer), since: Instant::now(), files };
            *self.numbers.lock() = Some((Arc::clone(called), kept));
        };
        self.ask(known, look_up, keep).await
    }

    fn files(&self) -> Files {
        let mut files = self.files.lock();
        match *files {
            Some((at, found)) if at.elapsed() < LOOKED_AT => found,
            _ => files.insert((Instant::now(), stamps())).1,
        }
    }

    fn recall(&self, asked: &AccountQuery, files: &Files) -> Option<Arc<Account>> {
        let kept = self.kept.lock();
        let found = kept.get(asked)?;
        found.is_good(files).then(|| Arc::clone(&found.answer))
    }

    /// Has NSS asked on the blocking pool, unless the answer is known once it is this look-up's turn: when many ask at
    /// once for the same, those who wait for their turn find what the first have kept.
    async fn ask<T: Send + 'static>(
        &self,
        known: impl FnOnce() -> Option<T>,
        look_up: impl FnOnce() -> Result<T, StartError> + Send + 'static,
        keep: impl FnOnce(&T),
    ) -> Result<T, StartError> {
        let asked = async {
            let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(failed)?;
            if let Some(answer) = known() {
                return Ok(answer);
            }
            // The thread holds it also when nobody waits for the answer any more, and gives it back with that.
            let lookup = task::spawn_blocking(move || (look_up(), permit));
            let (found, _permit) = lookup.await.map_err(failed)?;
            found.inspect(keep)
        };
        let late = |_| {
            let why = format!("NSS did not answer within {} s", LOOKUP_TIMEOUT.as_secs());
            StartError::step(LOOKUP, io::Error::new(io::ErrorKind::TimedOut, why))
        };
        time::timeout(LOOKUP_TIMEOUT, asked).await.map_err(late)?
    }
}

fn failed(why: impl Into<Box<dyn Error + Send + Sync>>) -> StartError {
    StartError::step(LOOKUP, io::Error::other(why))
}

fn stamps() -> Files {
    FILES.map(|path| {
        let data = fs::metadata(path).ok()?;
        Some(Stamp {
            dev: data.dev(),
            ino: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    })
}

fn look_up(asked: &AccountQuery) -> Result<Account, StartError> {
    let user = match &asked.user {
        Some(text) => user(text)?,
        None => User::from_uid(Uid::effective())
            .map_err(failed)?
            .ok_or_else(|| StartError::NoSuchUser(Uid::effective().to_string()))?,
    };
    let gid = match (&asked.group, asked.default_group) {
        (Some(text), _) => group(text)?,
        (None, DefaultGroup::Primary) => user.gid,
        (None, DefaultGroup::Root) => Gid::from_raw(0),
    };
    let name = CString::new(user.name.as_str()).map_err(failed)?;
    let groups = unistd::getgrouplist(&name, gid).map_err(failed)?;
    Ok(Account {
        name: user.name,
        home: user.dir,
        identity: Identity {
            uid: user.uid.as_raw(),
            gid: gid.as_raw(),
            groups: groups.into_iter().map(Gid::as_raw).collect(),
        },
    })
}

fn number_of(called: &AccountName) -> Result<Option<u32>, StartError> {
    let number = match called {
        AccountName::User(text) => user(text).map(|user| user.uid.as_raw()),
        AccountName::Group(text) => group(text).map(Gid::as_raw),
    };
    match number {
        Ok(number) => Ok(Some(number)),
        Err(StartError::NoSuchUser(_) | StartError::NoSuchGroup(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// By name, else by number: a name may consist of digits, and names come first (POSIX chown).
fn user(text: &str) -> Result<User, StartError> {
    let missing = || StartError::NoSuchUser(text.to_owned());
    if let Some(user) = User::from_name(text).map_err(failed)? {
        return Ok(user);
    }
    let uid = number(text).ok_or_else(missing)?;
    User::from_uid(Uid::from_raw(uid)).map_err(failed)?.ok_or_else(missing)
}

fn group(text: &str) -> Result<Gid, StartError> {
    let missing = || StartError::NoSuchGroup(text.to_owned());
    if let Some(group) = Group::from_name(text).map_err(failed)? {
        return Ok(group.gid);
    }
    let gid = number(text).ok_or_else(missing)?;
    Group::from_gid(Gid::from_raw(gid)).map_err(failed)?.map(|group| group.gid).ok_or_else(missing)
}

/// An id in digits alone. The largest number is none: to the kernel it means "leave as it is".
fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|id| digits && *id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(user: Option<&str>, group: Option<&str>, default_group: DefaultGroup) -> AccountQuery {
        AccountQuery { user: user.map(Into::into), group: group.map(Into::into), default_group }
    }

    #[test]
    fn names_and_numbers_give_the_same_account_and_strangers_none() {
        let root = look_up(&asked(Some("root"), None, DefaultGroup::Primary)).unwrap();
        assert_eq!((root.name.as_str(), root.identity.uid, root.identity.gid), ("root", 0, 0));
        assert_eq!(look_up(&asked(Some("0"), None, DefaultGroup::Primary)).unwrap(), root);
        let nobody = look_up(&asked(Some("nobody"), None, DefaultGroup::Primary)).unwrap();
        assert_ne!(nobody.identity.gid, 0);
        let letter_of_the_seed = look_up(&asked(Some("nobody"), None, DefaultGroup::Root)).unwrap();
        assert_eq!(letter_of_the_seed.identity.gid, 0);
        let other = look_up(&asked(Some("nobody"), Some("daemon"), DefaultGroup::Primary)).unwrap();
        assert!(other.identity.gid != nobody.identity.gid && other.identity.groups[0] == other.identity.gid);
        for user in ["no-such-user", "", "+0", "-1", "4294967295", "3999999999", "a\0b"] {
            let error = look_up(&asked(Some(user), None, DefaultGroup::Primary)).unwrap_err();
            assert!(
                matches!(error, StartError::NoSuchUser(_) | StartError::NotStarted(_)),
                "{user}: {error}"
            );
        }
        let error = look_up(&asked(None, Some("no-such-group"), DefaultGroup::Primary)).unwrap_err();
        assert!(matches!(error, StartError::NoSuchGroup(_)), "{error}");
    }

    #[tokio::test]
    async fn an_answer_is_kept_and_void_when_a_file_changes() {
        let accounts = Accounts::new();
        let question = asked(Some("root"), None, DefaultGroup::Primary);
        let first = accounts.resolve(question.clone()).await.unwrap();
        assert!(Arc::ptr_eq(&first, &accounts.resolve(question.clone()).await.unwrap()));
        let mut changed = stamps();
        changed[0] = None;
        assert!(accounts.recall(&question, &changed).is_none());
    }

    #[tokio::test]
    async fn a_crowd_that_asks_for_the_same_has_it_looked_up_a_few_times() {
        let accounts = Arc::new(Accounts::new());
        let mut crowd = task::JoinSet::new();
        for _ in 0..100 {
            let accounts = Arc::clone(&accounts);
            crowd.spawn(async move {
                accounts.resolve(asked(Some("root"), None, DefaultGroup::Primary)).await.unwrap()
            });
        }
        let mut answers: Vec<_> =
            crowd.join_all().await.iter().map(|account| Arc::as_ptr(account).addr()).collect();
        answers.sort_unstable();
        answers.dedup();
        assert!(answers.len() <= MAX_LOOKUPS, "{} look-ups", answers.len());
    }

    #[tokio::test]
    async fn a_list_of_accounts_becomes_numbers_and_strangers_none() {
        let accounts = Accounts::new();
        let called: Arc<[AccountName]> = [
            AccountName::User("root".into()),
            AccountName::User("0".into()),
            AccountName::User("no-such-user".into()),
            AccountName::Group("root".into()),
            AccountName::Group("no-such-group".into()),
        ]
        .into();
        let numbers = accounts.numbers(&called).await.unwrap();
        assert_eq!(*numbers, [Some(0), Some(0), None, Some(0), None]);
        assert!(Arc::ptr_eq(&numbers, &accounts.numbers(&called).await.unwrap()));
    }
}
