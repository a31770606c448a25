//! The account a command runs as: resolves a request's names and numbers to ids by the host's own
//! accounts (NSS: files, LDAP, systemd, …).
//!
//! A look-up may wait for a server, so it runs on the blocking pool, a few at once, each with a
//! time-out. Results are cached for seconds, and only while the account files stay the same.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::error::Error;
use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_sys::{Identity, accounts};
use agent_wire::message::AccountId;
use nix::unistd::{self, Gid, Uid};
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
/// How long a result is cached.
const CACHED_FOR: Duration = Duration::from_secs(10);
/// How long the account files are assumed unchanged after a check: commands come in crowds.
const RECHECK: Duration = Duration::from_millis(5);
/// How many accounts are cached.
const MAX_CACHED: usize = 256;
/// The files whose change makes every cached result void.
const FILES: [&str; 3] = ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf"];

/// A user, with everything a command needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) home: PathBuf,
    /// The ids to take; `gid` is already the requested or default one.
    pub(crate) identity: Identity,
}

/// The account fields of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct AccountQuery {
    pub(crate) user: Option<AccountId>,
    pub(crate) group: Option<AccountId>,
    pub(crate) default_group: DefaultGroup,
}

/// The name of an account, or its number in digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AccountName {
    User(String),
    Group(String),
}

/// The accounts of this host.
#[derive(Debug)]
pub(crate) struct Accounts {
    cached: Mutex<HashMap<AccountQuery, Cached<Arc<Account>>>>,
    numbers: Mutex<Option<Numbers>>,
    files: Mutex<Option<(Instant, Files)>>,
    lookups: Arc<Semaphore>,
}

/// A list of account names and their numbers.
type Numbers = (Arc<[AccountName]>, Cached<Arc<[Option<u32>]>>);

/// A cached result of a look-up.
#[derive(Debug)]
struct Cached<T> {
    answer: T,
    since: Instant,
    files: Files,
}

impl<T> Cached<T> {
    fn is_good(&self, files: &Files) -> bool {
        self.since.elapsed() < CACHED_FOR && self.files == *files
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
        Self {
            cached: Mutex::default(),
            numbers: Mutex::default(),
            files: Mutex::default(),
            lookups,
        }
    }

    /// Resolves an account; without a wait and without a thread when it is cached.
    pub(crate) async fn resolve(&self, query: AccountQuery) -> Result<Arc<Account>, StartError> {
        // Read before the look-up: a change during it voids the result.
        let files = self.files();
        if let Some(account) = self.recall(&query, &files) {
            return Ok(account);
        }
        let question = query.clone();
        let known = || self.recall(&query, &files);
        // Boxed: the state of a look-up is large, and cached results need not carry it.
        let keep = |account: &Arc<Account>| {
            let mut cached = self.cached.lock();
            if cached.len() >= MAX_CACHED {
                cached.clear();
            }
            cached.insert(
                query.clone(),
                Cached { answer: Arc::clone(account), since: Instant::now(), files },
            );
        };
        Box::pin(self.ask(known, move || look_up(&question).map(Arc::new), keep)).await
    }

    /// Returns the numbers of many accounts, in their order; `None` for one that does not exist.
    /// The result for the last list is cached.
    pub(crate) async fn numbers(
        &self,
        names: &Arc<[AccountName]>,
    ) -> Result<Arc<[Option<u32>]>, StartError> {
        if names.is_empty() {
            return Ok(Arc::default());
        }
        let files = self.files();
        let known = || {
            let numbers = self.numbers.lock();
            let (list, cached) = numbers.as_ref()?;
            (Arc::ptr_eq(list, names) && cached.is_good(&files)).then(|| Arc::clone(&cached.answer))
        };
        if let Some(answer) = known() {
            return Ok(answer);
        }
        let question = Arc::clone(names);
        let look_up = move || question.iter().map(number_of).collect::<Result<Arc<[_]>, _>>();
        let keep = |answer: &Arc<[Option<u32>]>| {
            let cached = Cached { answer: Arc::clone(answer), since: Instant::now(), files };
            *self.numbers.lock() = Some((Arc::clone(names), cached));
        };
        self.ask(known, look_up, keep).await
    }

    fn files(&self) -> Files {
        let mut files = self.files.lock();
        match *files {
            Some((at, found)) if at.elapsed() < RECHECK => found,
            _ => files.insert((Instant::now(), stamps())).1,
        }
    }

    fn recall(&self, query: &AccountQuery, files: &Files) -> Option<Arc<Account>> {
        let cached = self.cached.lock();
        let found = cached.get(query)?;
        found.is_good(files).then(|| Arc::clone(&found.answer))
    }

    /// Asks NSS on the blocking pool, unless the result is cached by the time it is this look-up's
    /// turn: when many commands of the same account come at once, the waiting ones find the cached
    /// result of the first ones.
    async fn ask<T: Send + 'static>(
        &self,
        known: impl FnOnce() -> Option<T>,
        look_up: impl FnOnce() -> Result<T, StartError> + Send + 'static,
        keep: impl FnOnce(&T),
    ) -> Result<T, StartError> {
        let query = async {
            let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(failed)?;
            if let Some(answer) = known() {
                return Ok(answer);
            }
            // The thread holds the permit until it is done, even if nobody waits for it any more.
            let lookup = task::spawn_blocking(move || (look_up(), permit));
            let (found, _permit) = lookup.await.map_err(failed)?;
            found.inspect(keep)
        };
        let late = |_| {
            let why = format!("NSS did not answer within {} s", LOOKUP_TIMEOUT.as_secs());
            StartError::step(LOOKUP, io::Error::new(io::ErrorKind::TimedOut, why))
        };
        time::timeout(LOOKUP_TIMEOUT, query).await.map_err(late)?
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

fn look_up(query: &AccountQuery) -> Result<Account, StartError> {
    let own = || Uid::effective().to_string();
    let user = match &query.user {
        Some(id) => user(id)?,
        None => user_of(Uid::effective().as_raw())?.ok_or_else(|| StartError::NoSuchUser(own()))?,
    };
    let gid = match (&query.group, query.default_group) {
        (Some(id), _) => group(id)?,
        (None, DefaultGroup::Primary) => user.gid,
        (None, DefaultGroup::Root) => 0,
    };
    let groups = unistd::getgrouplist(&user.name, Gid::from_raw(gid)).map_err(failed)?;
    Ok(Account {
        name: user.name.to_string_lossy().into_owned(),
        home: user.home,
        identity: Identity {
            uid: user.uid,
            gid,
            groups: groups.into_iter().map(Gid::as_raw).collect(),
        },
    })
}

fn number_of(names: &AccountName) -> Result<Option<u32>, StartError> {
    let number = match names {
        AccountName::User(text) => user(&text.as_str().into()).map(|user| user.uid),
        AccountName::Group(text) => group(&text.as_str().into()),
    };
    match number {
        Ok(number) => Ok(Some(number)),
        Err(StartError::NoSuchUser(_) | StartError::NoSuchGroup(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The fields of a user that a command needs.
struct User {
    name: CString,
    uid: u32,
    gid: u32,
    home: PathBuf,
}

impl User {
    fn of(entry: accounts::User<'_>) -> Self {
        let home = OsStr::from_bytes(entry.home.to_bytes()).into();
        Self { name: entry.name.to_owned(), uid: entry.uid, gid: entry.gid, home }
    }
}

/// Looks a user up. A text is a name, else a number: a name may consist of digits, and names come
/// first (POSIX chown).
fn user(id: &AccountId) -> Result<User, StartError> {
    let missing = || StartError::NoSuchUser(id.to_string());
    if let AccountId::Name(text) = id {
        let name = CString::new(text.as_str()).map_err(|_| missing())?;
        if let Some(user) = accounts::user_by_name(&name, User::of).map_err(failed)? {
            return Ok(user);
        }
    }
    user_of(number(id).ok_or_else(missing)?)?.ok_or_else(missing)
}

fn user_of(uid: u32) -> Result<Option<User>, StartError> {
    accounts::user_by_uid(uid, User::of).map_err(failed)
}

fn group(id: &AccountId) -> Result<u32, StartError> {
    let missing = || StartError::NoSuchGroup(id.to_string());
    if let AccountId::Name(text) = id {
        let name = CString::new(text.as_str()).map_err(|_| missing())?;
        if let Some(gid) = accounts::group_by_name(&name, |group| group.gid).map_err(failed)? {
            return Ok(gid);
        }
    }
    let gid = number(id).ok_or_else(missing)?;
    accounts::group_by_gid(gid, |group| group.gid).map_err(failed)?.ok_or_else(missing)
}

/// Returns the number that an account is named by; a text must be digits alone. The largest number
/// is not an id: to the kernel it means "unchanged".
fn number(id: &AccountId) -> Option<u32> {
    let number = match id {
        AccountId::Number(number) => u32::try_from(*number).ok(),
        AccountId::Name(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().ok()
        }
        AccountId::Name(_) => None,
    };
    number.filter(|id| *id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(user: Option<&str>, group: Option<&str>, default_group: DefaultGroup) -> AccountQuery {
        AccountQuery { user: user.map(Into::into), group: group.map(Into::into), default_group }
    }

    #[test]
    fn names_and_numbers_resolve_to_the_same_account_and_unknown_ones_fail() {
        let root = look_up(&query(Some("root"), None, DefaultGroup::Primary)).unwrap();
        assert_eq!((root.name.as_str(), root.identity.uid, root.identity.gid), ("root", 0, 0));
        assert_eq!(look_up(&query(Some("0"), None, DefaultGroup::Primary)).unwrap(), root);
        let nobody = look_up(&query(Some("nobody"), None, DefaultGroup::Primary)).unwrap();
        assert_ne!(nobody.identity.gid, 0);
        let letter_of_the_seed = look_up(&query(Some("nobody"), None, DefaultGroup::Root)).unwrap();
        assert_eq!(letter_of_the_seed.identity.gid, 0);
        let other = look_up(&query(Some("nobody"), Some("daemon"), DefaultGroup::Primary)).unwrap();
        assert!(
            other.identity.gid != nobody.identity.gid
                && other.identity.groups[0] == other.identity.gid
        );
        for user in ["no-such-user", "", "+0", "-1", "4294967295", "3999999999", "a\0b"] {
            let error = look_up(&query(Some(user), None, DefaultGroup::Primary)).unwrap_err();
            assert!(
                matches!(error, StartError::NoSuchUser(_) | StartError::NotStarted(_)),
                "{user}: {error}"
            );
        }
        let error =
            look_up(&query(None, Some("no-such-group"), DefaultGroup::Primary)).unwrap_err();
        assert!(matches!(error, StartError::NoSuchGroup(_)), "{error}");
    }

    #[tokio::test]
    async fn a_result_is_cached_and_void_when_a_file_changes() {
        let accounts = Accounts::new();
        let question = query(Some("root"), None, DefaultGroup::Primary);
        let first = accounts.resolve(question.clone()).await.unwrap();
        assert!(Arc::ptr_eq(&first, &accounts.resolve(question.clone()).await.unwrap()));
        let mut changed = stamps();
        changed[0] = None;
        assert!(accounts.recall(&question, &changed).is_none());
    }

    #[tokio::test]
    async fn a_crowd_with_the_same_account_causes_only_a_few_look_ups() {
        let accounts = Arc::new(Accounts::new());
        let mut crowd = task::JoinSet::new();
        for _ in 0..100 {
            let accounts = Arc::clone(&accounts);
            crowd.spawn(async move {
                accounts.resolve(query(Some("root"), None, DefaultGroup::Primary)).await.unwrap()
            });
        }
        let mut answers: Vec<_> =
            crowd.join_all().await.iter().map(|account| Arc::as_ptr(account).addr()).collect();
        answers.sort_unstable();
        answers.dedup();
        assert!(answers.len() <= MAX_LOOKUPS, "{} look-ups", answers.len());
    }

    #[tokio::test]
    async fn a_list_of_accounts_becomes_numbers_and_unknown_ones_none() {
        let accounts = Accounts::new();
        let names: Arc<[AccountName]> = [
            AccountName::User("root".into()),
            AccountName::User("0".into()),
            AccountName::User("no-such-user".into()),
            AccountName::Group("root".into()),
            AccountName::Group("no-such-group".into()),
        ]
        .into();
        let numbers = accounts.numbers(&names).await.unwrap();
        assert_eq!(*numbers, [Some(0), Some(0), None, Some(0), None]);
        assert!(Arc::ptr_eq(&numbers, &accounts.numbers(&names).await.unwrap()));
    }
}
