//! The API's token: read from its file, or made; compared in constant time; never printed.

use crate::error::Error;
use crate::files;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use subtle::ConstantTimeEq as _;

/// Bytes of a token that is made here, before they are written as hexadecimal digits.
const MADE_BYTES: usize = 32;

/// Characters of a token: fewer can be guessed, more is no token.
const LENGTH: std::ops::RangeInclusive<usize> = 16..=4096;

/// What a client of the API has to know.
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads the token in the file at `path`; makes file and token when there is none.
    ///
    /// # Errors
    /// When the file can't be read or made, is readable by others, or holds no token.
    pub(crate) fn load_or_make(path: &Path) -> Result<Self, Error> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut bytes = [0; MADE_BYTES];
                getrandom::fill(&mut bytes)
                    .map_err(|error| Error::System("getrandom", io::Error::other(error.to_string())))?;
                let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                files::replace(path, format!("{text}\n").as_bytes(), files::PRIVATE)?;
                log::info!("made a new API token in {}", path.display());
                text
            }
            Err(source) => return Err(Error::File { path: path.to_owned(), source }),
        };
        let mode = path.metadata().map_err(Error::file(path))?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            let why = format!("mode {mode:04o} lets others read the token: chmod 0600 it");
            return Err(Error::Content { path: path.to_owned(), why });
        }
        let text = text.trim();
        if LENGTH.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            let why = format!(
                "a token is one word of {} to {} printable ASCII characters",
                LENGTH.start(),
                LENGTH.end()
            );
            Err(Error::Content { path: path.to_owned(), why })
        }
    }

    /// Whether an `Authorization` header's value carries this token (RFC 6750 §2.1). Its time tells
    /// nothing but the length.
    pub(crate) fn is_in(&self, header: &[u8]) -> bool {
        match header.split_at_checked(b"Bearer ".len()) {
            Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"Bearer ") => {
                self.0.as_bytes().ct_eq(given.trim_ascii()).into()
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_behind_bearer_is_right() {
        let token = Token("0123456789abcdef".to_owned());
        for (header, right) in [
            ("Bearer 0123456789abcdef", true),
            ("bearer 0123456789abcdef ", true),
            ("Bearer 0123456789abcdeF", false),
            ("Bearer 0123456789abcde", false),
            ("Bearer ", false),
            ("Basic 0123456789abcdef", false),
            ("0123456789abcdef", false),
            ("", false),
        ] {
            assert_eq!(token.is_in(header.as_bytes()), right, "{header:?}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
