//! Accounts from NSS: enumerates users, groups and shadow entries, and looks up single ones.
//!
//! Commands' accounts and the plugins `users` and `groups` come from it. Entries are lent to a
//! closure, in a buffer that the next entry reuses: 100,000 users cost no allocation here. NSS asks
//! all sources of /etc/nsswitch.conf, so LDAP or systemd users are included; it may block on the
//! network.
//!
//! glibc's `files` source enumerates lines of NIS's compat format too (`+`, `+@group`, `-name`),
//! which its look-ups never find: see [`is_compat`].
//!
//! glibc keeps one enumeration position a process and database: [`each_user`] and its kin hold a
//! lock against each other, and no other code of ours enumerates.

#![expect(unsafe_code, reason = "NSS enumeration has no safe wrapper")]

use parking_lot::Mutex;
use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr;

/// The buffer an entry is first read into, in bytes.
const FIRST_BUFFER: usize = 16 << 10;
/// The largest buffer tried: a group of a million members fits.
const MAX_BUFFER: usize = 64 << 20;

/// One enumeration at a time.
static ENUMERATION: Mutex<()> = Mutex::new(());

/// An entry of the passwd database (passwd(5)). Texts are bytes and need not be UTF-8.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct User<'a> {
    /// Login name.
    pub name: &'a CStr,
    /// User id.
    pub uid: u32,
    /// Primary group's id.
    pub gid: u32,
    /// Full name and the like.
    pub gecos: &'a CStr,
    /// Home directory.
    pub home: &'a CStr,
    /// Login shell.
    pub shell: &'a CStr,
}

/// An entry of the group database (group(5)).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Group<'a> {
    /// Group name.
    pub name: &'a CStr,
    /// Group id.
    pub gid: u32,
    /// The users it is a supplementary group of.
    pub members: Members<'a>,
}

/// The names in a group's member list.
#[derive(Debug, Clone)]
pub struct Members<'a> {
    next: *const *mut c_char,
    entry: PhantomData<&'a CStr>,
}

/// An entry of the shadow database (shadow(5)). Days count from 1970-01-01; -1 is an empty field.
///
/// It holds a password hash, and so is not `Debug`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Shadow<'a> {
    /// Login name.
    pub name: &'a CStr,
    /// The encrypted password field: secret, so nothing may show or log it.
    pub password: &'a CStr,
    /// The day the password was changed last; 0 asks for a change at the next login.
    pub last_change: i64,
    /// Days before it may be changed.
    pub min: i64,
    /// Days after which it must be changed.
    pub max: i64,
    /// Days of warning before that.
    pub warn: i64,
    /// Days after that before the account is disabled.
    pub inactive: i64,
    /// The day the account is disabled.
    pub expires: i64,
}

/// Calls `visit` with each user, until it returns an error.
///
/// # Errors
/// The visitor's error, or NSS's as [`io::Error`].
pub fn each_user<E: From<io::Error>>(
    mut visit: impl FnMut(User<'_>) -> Result<(), E>,
) -> Result<(), E> {
    // SAFETY: setpwent and endpwent have no condition but that no other thread enumerates, which
    // the lock in `enumerate` sees to.
    let (rewind, end) = (|| unsafe { libc::setpwent() }, || unsafe { libc::endpwent() });
    enumerate(
        rewind,
        end,
        // SAFETY: `enumerate` passes a record, a buffer of the length it says, and a result, each
        // valid for writing and alone in use.
        |record, buffer, len, result| unsafe { libc::getpwent_r(record, buffer, len, result) },
        |record| visit(user(record)),
    )
}

/// Calls `visit` with each group, until it returns an error.
///
/// # Errors
/// As [`each_user`].
pub fn each_group<E: From<io::Error>>(
    mut visit: impl FnMut(Group<'_>) -> Result<(), E>,
) -> Result<(), E> {
    // SAFETY: as in `each_user`, of the group database.
    let (rewind, end) = (|| unsafe { libc::setgrent() }, || unsafe { libc::endgrent() });
    enumerate(
        rewind,
        end,
        // SAFETY: as in `each_user`.
        |record, buffer, len, result| unsafe { libc::getgrent_r(record, buffer, len, result) },
        |record| visit(group(record)),
    )
}

/// Calls `visit` with each shadow entry, until it returns an error. Without root there are none.
///
/// # Errors
/// As [`each_user`].
pub fn each_shadow<E: From<io::Error>>(
    mut visit: impl FnMut(Shadow<'_>) -> Result<(), E>,
) -> Result<(), E> {
    // SAFETY: as in `each_user`, of the shadow database.
    let (rewind, end) = (|| unsafe { libc::setspent() }, || unsafe { libc::endspent() });
    enumerate(
        rewind,
        end,
        // SAFETY: as in `each_user`.
        |record, buffer, len, result| unsafe { libc::getspent_r(record, buffer, len, result) },
        |record| visit(shadow(record)),
    )
}

/// Looks up the user of this name and returns the result of `found`; `None` without such a user.
///
/// # Errors
/// NSS failed, for instance since a directory server is unreachable.
pub fn user_by_name<T>(name: &CStr, found: impl FnOnce(User<'_>) -> T) -> io::Result<Option<T>> {
    look_up(
        // SAFETY: `name` is a C string; the rest as `look_up` promises.
        |record, buffer, len, result| unsafe {
            libc::getpwnam_r(name.as_ptr(), record, buffer, len, result)
        },
        |record| found(user(record)),
    )
}

/// Looks up the user of this id.
///
/// # Errors
/// As [`user_by_name`].
pub fn user_by_uid<T>(uid: u32, found: impl FnOnce(User<'_>) -> T) -> io::Result<Option<T>> {
    look_up(
        // SAFETY: as `look_up` promises.
        |record, buffer, len, result| unsafe { libc::getpwuid_r(uid, record, buffer, len, result) },
        |record| found(user(record)),
    )
}

/// Looks up the group of this name and returns the result of `found`; `None` without such a group.
///
/// # Errors
/// As [`user_by_name`].
pub fn group_by_name<T>(name: &CStr, found: impl FnOnce(Group<'_>) -> T) -> io::Result<Option<T>> {
    look_up(
        // SAFETY: `name` is a C string; the rest as `look_up` promises.
        |record, buffer, len, result| unsafe {
            libc::getgrnam_r(name.as_ptr(), record, buffer, len, result)
        },
        |record| found(group(record)),
    )
}

/// Looks up the group of this id.
///
/// # Errors
/// As [`user_by_name`].
pub fn group_by_gid<T>(gid: u32, found: impl FnOnce(Group<'_>) -> T) -> io::Result<Option<T>> {
    look_up(
        // SAFETY: as `look_up` promises.
        |record, buffer, len, result| unsafe { libc::getgrgid_r(gid, record, buffer, len, result) },
        |record| found(group(record)),
    )
}

/// Looks up the shadow entry of this user. Needs root.
///
/// # Errors
/// As [`user_by_name`].
pub fn shadow_by_name<T>(
    name: &CStr,
    found: impl FnOnce(Shadow<'_>) -> T,
) -> io::Result<Option<T>> {
    look_up(
        // SAFETY: `name` is a C string; the rest as `look_up` promises.
        |record, buffer, len, result| unsafe {
            libc::getspnam_r(name.as_ptr(), record, buffer, len, result)
        },
        |record| found(shadow(record)),
    )
}

/// The C records that a zeroed value is valid for: plain integers and pointers.
trait Record {}
impl Record for libc::passwd {}
impl Record for libc::group {}
impl Record for libc::spwd {}

/// A record and the memory its pointers lead into.
struct Entry<R> {
    record: MaybeUninit<R>,
    buffer: Vec<c_char>,
}

impl<R: Record> Entry<R> {
    fn new() -> Self {
        Self { record: MaybeUninit::zeroed(), buffer: vec![0; FIRST_BUFFER] }
    }

    /// Lets `read` (a `…_r` function of NSS) fill the entry, with a larger buffer as long as it
    /// returns ERANGE. Returns its other error numbers, and `None` when there is no entry.
    fn read(
        &mut self,
        read: &mut impl FnMut(*mut R, *mut c_char, usize, *mut *mut R) -> c_int,
    ) -> Result<Option<&R>, c_int> {
        loop {
            let mut result = ptr::null_mut();
            match read(
                self.record.as_mut_ptr(),
                self.buffer.as_mut_ptr(),
                self.buffer.len(),
                &raw mut result,
            ) {
                libc::ERANGE if self.buffer.len() < MAX_BUFFER => {
                    let len = self.buffer.len() * 2;
                    // Not resize: the old contents need no copy.
                    self.buffer = vec![0; len];
                }
                0 if result.is_null() => return Ok(None),
                // SAFETY: zeroed at first, and a `Record` is valid zeroed; written by `read` since.
                0 => return Ok(Some(unsafe { self.record.assume_init_ref() })),
                errno => return Err(errno),
            }
        }
    }
}

fn enumerate<R: Record, E: From<io::Error>>(
    rewind: impl FnOnce(),
    end: impl FnOnce(),
    mut read: impl FnMut(*mut R, *mut c_char, usize, *mut *mut R) -> c_int,
    mut visit: impl FnMut(&R) -> Result<(), E>,
) -> Result<(), E> {
    let _alone = ENUMERATION.lock();
    let mut entry = Entry::new();
    rewind();
    let outcome = loop {
        match entry.read(&mut read) {
            Ok(Some(record)) => {
                if let Err(err) = visit(record) {
                    break Err(err);
                }
            }
            // The end is ENOENT with most sources, no entry with some.
            Ok(None) | Err(libc::ENOENT) => break Ok(()),
            Err(libc::EINTR) => {}
            Err(errno) => break Err(io::Error::from_raw_os_error(errno).into()),
        }
    };
    end();
    outcome
}

fn look_up<R: Record, T>(
    mut read: impl FnMut(*mut R, *mut c_char, usize, *mut *mut R) -> c_int,
    found: impl FnOnce(&R) -> T,
) -> io::Result<Option<T>> {
    let mut entry = Entry::new();
    loop {
        match entry.read(&mut read) {
            Ok(record) => return Ok(record.map(found)),
            // "The given name or uid was not found", getpwnam(3): POSIX leaves the number open.
            Err(libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM) => return Ok(None),
            Err(libc::EINTR) => {}
            Err(errno) => return Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Returns whether an enumerated entry of this name is a line of NIS's compat format, and so no
/// account: getpwnam(3), getpwuid(3) and their kin pass over it (glibc's nss/nss_files).
#[must_use]
pub fn is_compat(name: &CStr) -> bool {
    matches!(name.to_bytes().first(), Some(b'+' | b'-'))
}

fn user(record: &libc::passwd) -> User<'_> {
    User {
        name: text(record, record.pw_name),
        uid: record.pw_uid,
        gid: record.pw_gid,
        gecos: text(record, record.pw_gecos),
        home: text(record, record.pw_dir),
        shell: text(record, record.pw_shell),
    }
}

fn group(record: &libc::group) -> Group<'_> {
    let members = Members { next: record.gr_mem.cast_const(), entry: PhantomData };
    Group { name: text(record, record.gr_name), gid: record.gr_gid, members }
}

fn shadow(record: &libc::spwd) -> Shadow<'_> {
    Shadow {
        name: text(record, record.sp_namp),
        password: text(record, record.sp_pwdp),
        last_change: record.sp_lstchg,
        min: record.sp_min,
        max: record.sp_max,
        warn: record.sp_warn,
        inactive: record.sp_inact,
        expires: record.sp_expire,
    }
}

/// Returns a text of `owner`, a record that NSS filled in; an absent one is empty.
fn text<R: Record>(_owner: &R, pointer: *const c_char) -> &CStr {
    if pointer.is_null() {
        return c"";
    }
    // SAFETY: the pointer comes from a record that a `…_r` function filled in, and so leads to a C
    // string in the buffer beside it; buffer and record are borrowed, thus unchanged, as long as
    // the owner is.
    unsafe { CStr::from_ptr(pointer) }
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a CStr;

    fn next(&mut self) -> Option<&'a CStr> {
        if self.next.is_null() {
            return None;
        }
        // SAFETY: `next` leads into the array that `gr_mem` points to, at or before the null that
        // ends it: it moves on only from an element that is not that null.
        let member = unsafe { self.next.read() };
        if member.is_null() {
            return None;
        }
        // SAFETY: the element read was not the last, so the next one is within the same array.
        self.next = unsafe { self.next.add(1) };
        // SAFETY: each element of `gr_mem` is a C string in the record's buffer, which is borrowed
        // for 'a.
        Some(unsafe { CStr::from_ptr(member) })
    }
}

#[cfg(test)]
mod tests;
