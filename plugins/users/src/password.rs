//! The shadow database without its secrets: the state of a password, and its dates.
//!
//! Only [`PasswordState::of_field`] looks at the hash, and it goes no further.

use std::ffi::CStr;
use std::fmt;
use std::io;

use agent_sys::accounts::{Shadow, shadow_by_name};
use serde::{Serialize, Serializer};
use time::Date;

/// The Julian day of 1970-01-01.
const EPOCH: i64 = 2_440_588;
/// A maximum age of at least this many days means "never", as shadow-utils' own 99999 does.
const NEVER: i64 = 10_000;

/// Whether a password opens an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum PasswordState {
    /// There is a password, and it opens the account.
    Set,
    /// There is a password, but it is locked (`passwd -l`): `!` before its hash.
    Locked,
    /// No password can open the account (`*`, `!`, `!!`); keys and su can.
    Disabled,
    /// The field is empty: the account opens *without* a password.
    None,
    /// The user has no shadow entry.
    Missing,
}

/// One user's shadow entry without the secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Password {
    pub(crate) state: PasswordState,
    pub(crate) ageing: Ageing,
}

/// The dates of a password and its account, from shadow(5).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ageing {
    pub(crate) last_change: Option<Day>,
    pub(crate) must_change: bool,
    pub(crate) min_days: Option<u32>,
    pub(crate) max_days: Option<u32>,
    pub(crate) warn_days: Option<u32>,
    pub(crate) inactive_days: Option<u32>,
    pub(crate) password_expires: Option<Day>,
    pub(crate) expires: Option<Day>,
}

/// A date, shown as `2026-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Day(#[cfg_attr(test, schemars(with = "String"))] Date);

impl Password {
    /// Looks one user up; `None` without a shadow entry.
    pub(crate) fn of(name: &CStr) -> io::Result<Option<Self>> {
        shadow_by_name(name, |entry| Self::new(&entry))
    }

    pub(crate) fn new(entry: &Shadow<'_>) -> Self {
        Self {
            state: PasswordState::of_field(entry.password.to_bytes()),
            ageing: Ageing::new(entry),
        }
    }
}

impl Ageing {
    fn new(entry: &Shadow<'_>) -> Self {
        let count = |days: i64| u32::try_from(days).ok();
        let ages = entry.last_change > 0 && (0..NEVER).contains(&entry.max);
        let due = entry.last_change.saturating_add(entry.max);
        Self {
            last_change: Some(entry.last_change).filter(|day| *day > 0).and_then(Day::from_epoch),
            must_change: entry.last_change == 0,
            min_days: count(entry.min),
            max_days: count(entry.max),
            warn_days: count(entry.warn),
            inactive_days: count(entry.inactive),
            password_expires: Some(due).filter(|_| ages).and_then(Day::from_epoch),
            expires: Some(entry.expires).filter(|day| *day >= 0).and_then(Day::from_epoch),
        }
    }
}

impl PasswordState {
    /// Classifies a password field of shadow(5) by the forms of crypt(5).
    fn of_field(field: &[u8]) -> Self {
        match field {
            [] => Self::None,
            [b'!', rest @ ..] => {
                let bangs = rest.iter().take_while(|byte| **byte == b'!').count();
                if is_hash(&rest[bangs..]) { Self::Locked } else { Self::Disabled }
            }
            field if is_hash(field) => Self::Set,
            _ => Self::Disabled,
        }
    }
}

/// Returns whether a field is a hash: `$id$…`, BSDi's `_…` of 20 characters, or traditional DES of
/// 13.
fn is_hash(field: &[u8]) -> bool {
    let plain =
        |bytes: &[u8]| bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.' || *b == b'/');
    match field {
        [b'$', rest @ ..] => rest.contains(&b'$'),
        [b'_', rest @ ..] => rest.len() == 19 && plain(rest),
        field => field.len() == 13 && plain(field),
    }
}

impl PasswordState {
    /// Returns the word for it in an answer, the same as serde's.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Locked => "locked",
            Self::Disabled => "disabled",
            Self::None => "none",
            Self::Missing => "missing",
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Day {
    pub(crate) fn from_epoch(days: i64) -> Option<Self> {
        let julian = i32::try_from(days.checked_add(EPOCH)?).ok()?;
        Date::from_julian_day(julian).ok().map(Self)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn password_fields_have_their_states() {
        for (field, want) in [
            ("", PasswordState::None),
            ("*", PasswordState::Disabled),
            ("!", PasswordState::Disabled),
            ("!!", PasswordState::Disabled),
            ("!*", PasswordState::Disabled),
            ("x", PasswordState::Disabled),
            ("*LK*", PasswordState::Disabled),
            ("$6$salt$hash", PasswordState::Set),
            ("$y$j9T$salt$hash", PasswordState::Set),
            ("!$6$salt$hash", PasswordState::Locked),
            ("!!$6$salt$hash", PasswordState::Locked),
            ("abcdefghijklm", PasswordState::Set),
            ("!abcdefghijklm", PasswordState::Locked),
            ("_J9..rasmBYk8r9AiWNc", PasswordState::Set),
        ] {
            assert_eq!(PasswordState::of_field(field.as_bytes()), want, "{field:?}");
        }
    }

    #[test]
    fn day_numbers_become_dates() {
        for (days, want) in
            [(0, "1970-01-01"), (1, "1970-01-02"), (19782, "2024-02-29"), (20000, "2024-10-04")]
        {
            assert_eq!(Day::from_epoch(days).unwrap().0.to_string(), want);
        }
        assert_eq!(Day::from_epoch(i64::MAX), None);
        assert_eq!(Day::from_epoch(10_000_000), None);
    }
}
