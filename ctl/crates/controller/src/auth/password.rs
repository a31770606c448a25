//! Passwords: hashed with argon2id, off the event loop, two at most at once.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// KiB of memory that one hash takes (OWASP's recommendation with two passes).
const MEMORY_KIB: u32 = 19 << 10;

/// Passes over that memory.
const PASSES: u32 = 2;

/// Hashes at once: more would take the memory and the processors of everything else.
const MAX_AT_ONCE: usize = 2;

/// The longest wait for one of them.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Bytes of a password: a shorter one can be guessed.
const LENGTH: RangeInclusive<usize> = 10..=512;

/// A password as a client sends it. It is never printed.
#[derive(Clone)]
pub(crate) struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why a password was not hashed or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordError {
    /// It is too short or too long.
    Length,
    /// Too many other passwords are being checked.
    Busy,
    /// The hash cannot be made or read.
    Broken,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => {
                let (least, most) = (LENGTH.start(), LENGTH.end());
                write!(f, "the password must have {least} to {most} bytes")
            }
            Self::Busy => f.write_str("too many passwords are being checked; try again later"),
            Self::Broken => f.write_str("the password's hash cannot be made or read"),
        }
    }
}

impl Password {
    /// Takes a password that somebody logs in with, whatever its length: a wrong one.
    pub(crate) fn given(text: String) -> Self {
        Self(text)
    }

    /// Takes a new password.
    ///
    /// # Errors
    /// [`PasswordError::Length`].
    pub(crate) fn new(text: String) -> Result<Self, PasswordError> {
        Self::check(&text).map(|()| Self(text))
    }

    /// Checks whether a text can be a new password.
    ///
    /// # Errors
    /// [`PasswordError::Length`].
    pub(crate) fn check(text: &str) -> Result<(), PasswordError> {
        if LENGTH.contains(&text.len()) { Ok(()) } else { Err(PasswordError::Length) }
    }
}

/// Hashes and checks passwords.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
    /// A hash that no password has, for operators without one.
    nobody: Arc<OnceLock<String>>,
}

impl Passwords {
    /// Makes the hasher.
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_AT_ONCE)), nobody: Arc::default() }
    }

    /// Returns the hash of a new password, as a PHC string.
    ///
    /// # Errors
    /// When too many others are being hashed, or the system has no random numbers.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, PasswordError> {
        self.run(move || hash(password.0.as_bytes())).await
    }

    /// Returns whether a password belongs to a hash. Without a hash, it takes the same time to
    /// return false: nobody learns which operators exist.
    ///
    /// # Errors
    /// When too many others are being checked, or the hash cannot be read.
    pub(crate) async fn check(
        &self,
        password: Password,
        hash_of_it: Option<String>,
    ) -> Result<bool, PasswordError> {
        let nobody = Arc::clone(&self.nobody);
        self.run(move || {
            if password.0.len() > *LENGTH.end() {
                return Ok(false);
            }
            let known = hash_of_it.is_some();
            let text = match hash_of_it {
                Some(text) => text,
                None => match nobody.get() {
                    Some(text) => text.clone(),
                    None => nobody.get_or_init(|| hash(b"").unwrap_or_default()).clone(),
                },
            };
            let parsed = PasswordHash::new(&text).map_err(|_| PasswordError::Broken)?;
            let right = hasher()?.verify_password(password.0.as_bytes(), &parsed).is_ok();
            Ok(known && right)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let acquiring = Arc::clone(&self.permits).acquire_owned();
        let Ok(Ok(permit)) = timeout(MAX_WAIT, acquiring).await else {
            return Err(PasswordError::Busy);
        };
        let worked = tokio::task::spawn_blocking(move || {
            // A client that disconnects does not free the place before the work is done.
            let _permit = permit;
            work()
        });
        worked.await.map_err(|_| PasswordError::Broken)?
    }
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| PasswordError::Broken)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8]) -> Result<String, PasswordError> {
    let hash = hasher()?.hash_password(password).map_err(|_| PasswordError::Broken)?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::given(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_password_itself_fits_its_hash_and_nothing_fits_no_hash() {
        let passwords = Passwords::new();
        let right = Password::new("correct horse".to_owned()).unwrap();
        let hash = passwords.hash(right.clone()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        for (text, known, fits) in [
            ("correct horse", true, true),
            ("correct horsf", true, false),
            ("", true, false),
            ("correct horse", false, false),
            ("", false, false),
        ] {
            let of = known.then(|| hash.clone());
            assert_eq!(passwords.check(password(text), of).await, Ok(fits), "{text} {known}");
        }
        let long = "x".repeat(1 << 20);
        assert_eq!(passwords.check(password(&long), Some(hash)).await, Ok(false));
        let broken = passwords.check(right, Some("$argon2id$".to_owned())).await;
        assert_eq!(broken, Err(PasswordError::Broken));
    }

    #[test]
    fn a_new_password_has_a_length_that_nobody_guesses() {
        for (length, fits) in [(0, false), (9, false), (10, true), (512, true), (513, false)] {
            assert_eq!(Password::new("x".repeat(length)).is_ok(), fits, "{length}");
        }
        assert_eq!(format!("{:?}", password("hidden")), "Password(…)");
    }
}
