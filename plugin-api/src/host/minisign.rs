//! Signatures as minisign(1) makes them: <https://jedisct1.github.io/minisign/>, "Signature format" and "Public key format".
//!
//! Only the kind that signs the BLAKE2b-512 sum of a file (`ED`, which minisign makes unless told `-l`) is taken. Ed25519 is
//! ring's, which the agent carries for TLS: a crate for all of this would bring another one, and 50 KB.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

/// Bytes of a BLAKE2b-512 sum, of an Ed25519 signature and key, and of a key's number.
const SUM: usize = 64;
const SIGNATURE: usize = 64;
const KEY: usize = 32;
const NUMBER: usize = 8;

/// Before a key, and before the signature of a file's sum.
const KEY_KIND: &[u8] = b"Ed";
const SUM_KIND: &[u8] = b"ED";

const TRUSTED_COMMENT: &str = "trusted comment: ";

/// Why a key or a signature is none, or does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not the text that minisign writes.
    Key,
    /// Not the four lines that minisign writes.
    Signature,
    /// Made by `minisign -S -l`.
    Legacy,
    /// Made with another key.
    OtherKey,
    /// Of another file, or changed.
    Forged,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "no minisign public key, which is the second line of a .pub file",
            Self::Signature => "not a signature of minisign's",
            Self::Legacy => "of the old kind, which is of the file and not of its sum: sign without -l",
            Self::OtherKey => "made with a key that is not trusted",
            Self::Forged => "not of this file",
        })
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey {
    number: [u8; NUMBER],
    key: [u8; KEY],
}

impl PublicKey {
    /// Reads a key as minisign prints it, in base64.
    ///
    /// # Errors
    /// [`Unfit::Key`].
    pub(super) fn parse(text: &str) -> Result<Self, Unfit> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_| Unfit::Key)?;
        let rest = bytes.strip_prefix(KEY_KIND).ok_or(Unfit::Key)?;
        let (number, key) = rest.split_first_chunk().ok_or(Unfit::Key)?;
        Ok(Self { number: *number, key: key.try_into().map_err(|_| Unfit::Key)? })
    }
}

/// A file's signature, and that of its trusted comment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature {
    number: [u8; NUMBER],
    of_sum: [u8; SIGNATURE],
    /// Of [`Signature::of_sum`] and the comment.
    of_comment: [u8; SIGNATURE],
    comment: String,
}

impl Signature {
    /// Reads the four lines of a `.minisig` file: a comment, the signature, a comment that is signed too, its signature.
    ///
    /// # Errors
    /// [`Unfit::Signature`], [`Unfit::Legacy`].
    pub(super) fn parse(text: &str) -> Result<Self, Unfit> {
        let mut lines = text.lines();
        let mut line = || lines.next().ok_or(Unfit::Signature);
        let (_, signature, comment, of_comment) = (line()?, line()?, line()?, line()?);
        let decode = |line: &str| STANDARD.decode(line.trim()).map_err(|_| Unfit::Signature);
        let signature = decode(signature)?;
        let (kind, rest) = signature.split_at_checked(SUM_KIND.len()).ok_or(Unfit::Signature)?;
        if kind == KEY_KIND {
            return Err(Unfit::Legacy);
        }
        let (number, of_sum) = rest.split_first_chunk().ok_or(Unfit::Signature)?;
        let fixed = |bytes: &[u8]| bytes.try_into().map_err(|_| Unfit::Signature);
        if kind != SUM_KIND {
            return Err(Unfit::Signature);
        }
        let comment = comment.strip_prefix(TRUSTED_COMMENT).ok_or(Unfit::Signature)?;
        let (of_sum, of_comment) = (fixed(of_sum)?, fixed(&decode(of_comment)?)?);
        Ok(Self { number: *number, of_sum, of_comment, comment: comment.to_owned() })
    }

    /// Whether one of `keys` has signed the file of this BLAKE2b-512 sum, and the comment with it.
    ///
    /// # Errors
    /// [`Unfit::OtherKey`], [`Unfit::Forged`].
    pub(super) fn verify(&self, sum: &[u8; SUM], keys: &[PublicKey]) -> Result<(), Unfit> {
        let key = keys.iter().find(|key| key.number == self.number).ok_or(Unfit::OtherKey)?;
        let key = UnparsedPublicKey::new(&ED25519, &key.key);
        let signed = [&self.of_sum[..], self.comment.as_bytes()].concat();
        key.verify(sum, &self.of_sum)
            .and_then(|()| key.verify(&signed, &self.of_comment))
            .map_err(|_| Unfit::Forged)
    }
}
