//! The proof that an operator can require of a plugin file besides its owner: a listed SHA-256 sum,
//! or a signature.
//!
//! Both are checked on the descriptor that was checked before and is loaded afterwards. The
//! signature is a file beside the plugin, with `.minisig` appended to its name, in the format of
//! minisign(1), <https://jedisct1.github.io/minisign/>. Only signatures of the file's BLAKE2b sum
//! are accepted, which minisign writes unless given `-l`.

use std::fmt::{Display, Write as _};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use minisign_verify::{Error, PublicKey, Signature, StreamVerifier};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::{CheckedFile, HostError, check};

/// The longest plugin that is read, in bytes.
const MAX_FILE: u64 = 64 << 20;
/// The longest signature file, in bytes: four lines, two of them comments.
const MAX_SIGNATURE: usize = 4 << 10;
/// Bytes per read.
const CHUNK: usize = 64 << 10;

/// What every plugin must satisfy. The default requires nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// SHA-256 sums as 64 lower-case hexadecimal digits; one must be the file's. Empty: any file.
    sha256: Vec<String>,
    /// minisign public keys; one must have signed the file. Empty: no signature is required.
    keys: Vec<String>,
}

impl Trust {
    /// Takes sums as sha256sum(1) prints them, and public keys as minisign(1) prints them (base64).
    /// If both are given, a plugin must satisfy both.
    ///
    /// # Errors
    /// The text that is not a sum or a key, and why.
    pub fn new(sha256: &[String], keys: &[String]) -> Result<Self, String> {
        for sum in sha256 {
            if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!(
                    "{sum:?} is not a SHA-256 sum: expected 64 hexadecimal digits, as sha256sum prints them"
                ));
            }
        }
        for key in keys {
            PublicKey::from_base64(key.trim()).map_err(|_| {
                format!(
                    "{key:?} is not a minisign public key: expected the second line of a .pub file"
                )
            })?;
        }
        let sha256 = sha256.iter().map(|sum| sum.to_ascii_lowercase()).collect();
        Ok(Self { sha256, keys: keys.iter().map(|key| key.trim().to_owned()).collect() })
    }

    /// Checks that the file has a listed sum and is signed by one of the keys, as far as either is
    /// required. Only then is the file read, at about 2 ms per MB.
    ///
    /// # Errors
    /// [`HostError::Refused`], with the file's sum or the fault of its signature.
    pub fn vouch(&self, checked: &CheckedFile) -> Result<(), HostError> {
        let verify = || {
            self.check_sum(checked)?;
            if self.keys.is_empty() { Ok(()) } else { self.check_signature(checked) }
        };
        verify().map_err(|why| HostError::Refused { path: checked.path.clone(), why })
    }

    fn check_sum(&self, checked: &CheckedFile) -> Result<(), String> {
        if self.sha256.is_empty() {
            return Ok(());
        }
        let mut digest = Context::new(&SHA256);
        read_all(&checked.file, |chunk| digest.update(chunk)).map_err(|err| err.to_string())?;
        let mut sum = String::new();
        for byte in digest.finish().as_ref() {
            let _ = write!(sum, "{byte:02x}");
        }
        if self.sha256.contains(&sum) {
            Ok(())
        } else {
            Err(format!("its SHA-256 sum, {sum}, is not among the trusted sums"))
        }
    }

    fn check_signature(&self, checked: &CheckedFile) -> Result<(), String> {
        let path = signature_of(&checked.path);
        let failed = |why: &dyn Display| format!("its signature {}: {why}", path.display());
        let file = check::open_trusted(&path).map_err(|why| failed(&why))?;
        let mut text = vec![0; MAX_SIGNATURE + 1];
        let length = fill(&file, &mut text, 0).map_err(|err| failed(&err))?;
        if length > MAX_SIGNATURE {
            return Err(failed(&format_args!("has more than {MAX_SIGNATURE} bytes")));
        }
        let text = String::from_utf8_lossy(&text[..length]);
        let signature = Signature::decode(&text).map_err(|err| failed(&describe(&err)))?;
        let keys: Vec<PublicKey> =
            self.keys.iter().filter_map(|key| PublicKey::from_base64(key).ok()).collect();
        let mut verifier = verifier(&keys, &signature).map_err(|err| failed(&describe(&err)))?;
        read_all(&checked.file, |chunk| verifier.update(chunk)).map_err(|err| err.to_string())?;
        verifier.finalize().map_err(|err| failed(&describe(&err)))
    }
}

/// Starts verifying with the key that made the signature.
fn verifier<'a>(
    keys: &'a [PublicKey],
    signature: &'a Signature,
) -> Result<StreamVerifier<'a>, Error> {
    for key in keys {
        match key.verify_stream(signature) {
            Err(Error::UnexpectedKeyId) => {}
            found => return found,
        }
    }
    Err(Error::UnexpectedKeyId)
}

fn describe(error: &Error) -> String {
    match error {
        Error::InvalidEncoding => "not a minisign signature".to_owned(),
        Error::InvalidSignature => "does not match this file".to_owned(),
        Error::UnexpectedKeyId => "made with a key that is not trusted".to_owned(),
        Error::UnsupportedLegacyMode => {
            "signs the file and not its sum: sign without -l".to_owned()
        }
        other => other.to_string(),
    }
}

/// Returns the path of the signature of the plugin at `path`: `.minisig` is appended to its name.
pub fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    PathBuf::from(name)
}

/// Passes the whole file to `take` in chunks, whatever the descriptor's offset.
fn read_all(file: &File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let length = fill(file, &mut chunk, offset)?;
        take(&chunk[..length]);
        offset += length as u64;
        if offset > MAX_FILE {
            return Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")));
        }
        if length < CHUNK {
            return Ok(());
        }
    }
}

/// Reads until `buffer` is full or the file ends, and returns the number of bytes read.
fn fill(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(length)
}
