//! The API token: read from its file or generated, compared in constant time, never printed.

use super::authenticator::bearer;
use super::secret::Secret;
use crate::error::Error;
use crate::files::{self, Access};
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use subtle::ConstantTimeEq as _;

/// Characters of a token: a shorter one can be guessed.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=4096;

/// The secret that a client of the API presents.
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads the token from the file at `path`.
    ///
    /// # Errors
    /// When the file cannot be read, others can read it, or it holds no valid token.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        Self::parse(path, &files::read(path, Access::Private)?)
    }

    /// Reads the token from the file at `path`; generates both if there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or created, others can read it, or it holds no valid token.
    pub(crate) fn load_or_generate(path: &Path) -> Result<Self, Error> {
        match Self::load(path) {
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                let secret = Secret::random()
                    .map_err(io::Error::other)
                    .map_err(Error::system("cannot generate a token"))?;
                let text = secret.reveal();
                files::replace(path, format!("{text}\n").as_bytes(), files::PRIVATE)?;
                log::info!("generated an API token in {}", path.display());
                Ok(Self(text.to_owned()))
            }
            loaded => loaded,
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim();
        if LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            let (least, most) = (LENGTH.start(), LENGTH.end());
            let why = format!(
                "the token must be {least} to {most} printable ASCII characters without spaces"
            );
            Err(Error::Content { path: path.to_owned(), why })
        }
    }

    /// Returns whether an `Authorization` header carries this token (RFC 6750 §2.1). The time it
    /// takes reveals only the token's length.
    pub(super) fn is_in(&self, header: &[u8]) -> bool {
        bearer(header).is_some_and(|given| self.0.as_bytes().ct_eq(given).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_after_bearer_is_valid() {
        let token = Token("0123456789abcdef".to_owned());
        for (header, valid) in [
            ("Bearer 0123456789abcdef", true),
            ("bearer 0123456789abcdef ", true),
            ("Bearer 0123456789abcdeF", false),
            ("Bearer 0123456789abcde", false),
            ("Bearer ", false),
            ("Basic 0123456789abcdef", false),
            ("0123456789abcdef", false),
            ("", false),
        ] {
            assert_eq!(token.is_in(header.as_bytes()), valid, "{header:?}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
