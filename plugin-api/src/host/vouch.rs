//! What an operator may ask of a plugin's file beside its owner: to be on a list of SHA-256 sums, to be signed.
//!
//! Both are of the descriptor that was checked and is then loaded. A signature stands beside the file, named as it with
//! `.minisig` after it, in the format of minisign(1).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use blake2::{Blake2b512, Digest as _};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::minisign::{PublicKey, Signature};
use super::{CheckedFile, HostError, check};

/// The longest plugin that is read through, in bytes.
const MAX_FILE: u64 = 64 << 20;
/// The longest signature, in bytes: four lines, of which two are comments.
const MAX_SIGNATURE: usize = 4 << 10;
/// Read at once, in bytes.
const PIECE: usize = 64 << 10;

/// What is asked of every plugin. The default asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// SHA-256 sums, 64 lower-case hexadecimal digits each, one of which must be the file's; empty: any.
    sha256: Vec<String>,
    /// minisign public keys, one of which must have signed the file; empty: it need not be signed.
    keys: Vec<String>,
}

impl Trust {
    /// Sums as sha256sum(1) prints them, and public keys as minisign(1) prints them (base64). Where both are given a
    /// plugin has to satisfy both.
    ///
    /// # Errors
    /// The one that is no such sum or key, and why.
    pub fn new(sha256: &[String], keys: &[String]) -> Result<Self, String> {
        for sum in sha256 {
            if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(format!(
                    "{sum:?} is no SHA-256 sum: it has 64 hexadecimal digits, as sha256sum prints them"
                ));
            }
        }
        for key in keys {
            PublicKey::parse(key).map_err(|err| format!("{key:?} is {err}"))?;
        }
        Ok(Self { sha256: sha256.iter().map(|sum| sum.to_ascii_lowercase()).collect(), keys: keys.to_vec() })
    }

    /// Whether the file is one of those listed and signed by one of the keys, as far as either is asked for. It is read
    /// for that, and not otherwise: about 2 ms for 1 MB.
    ///
    /// # Errors
    /// [`HostError::Refused`], with the file's sum or what is wrong with its signature.
    pub fn vouch(&self, checked: &CheckedFile) -> Result<(), HostError> {
        self.look(checked).map_err(|why| HostError::Refused { path: checked.path.clone(), why })
    }

    fn look(&self, checked: &CheckedFile) -> Result<(), String> {
        if !self.sha256.is_empty() {
            let mut sum = Context::new(&SHA256);
            pieces(&checked.file, |piece| sum.update(piece)).map_err(|err| err.to_string())?;
            let sum = sum.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            if !self.sha256.contains(&sum) {
                return Err(format!("its SHA-256 sum, {sum}, is not among the trusted ones"));
            }
        }
        if self.keys.is_empty() { Ok(()) } else { self.signed(checked) }
    }

    fn signed(&self, checked: &CheckedFile) -> Result<(), String> {
        let path = signature_of(&checked.path);
        let told = |why: &dyn std::fmt::Display| format!("its signature {}: {why}", path.display());
        let file = check::open_trusted(&path).map_err(|why| told(&why))?;
        let mut text = vec![0; MAX_SIGNATURE + 1];
        let length = fill(&file, &mut text, 0).map_err(|err| told(&err))?;
        if length > MAX_SIGNATURE {
            return Err(told(&format!("it has more than {MAX_SIGNATURE} bytes")));
        }
        let text = String::from_utf8_lossy(&text[..length]);
        let signature = Signature::parse(&text).map_err(|err| told(&err))?;
        let mut sum = Blake2b512::new();
        pieces(&checked.file, |piece| sum.update(piece)).map_err(|err| err.to_string())?;
        let keys: Vec<PublicKey> = self.keys.iter().filter_map(|key| PublicKey::parse(key).ok()).collect();
        signature.verify(&sum.finalize().into(), &keys).map_err(|err| told(&err))
    }
}

/// Where the signature of the plugin at `path` is: beside it, `.minisig` after its name.
pub fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    PathBuf::from(name)
}

/// Gives the whole file to `take`, piece by piece, whatever its descriptor's offset.
fn pieces(file: &File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut offset = 0;
    loop {
        let length = fill(file, &mut piece, offset)?;
        take(&piece[..length]);
        offset += length as u64;
        if offset > MAX_FILE {
            return Err(io::Error::other(format!("it has more than {MAX_FILE} bytes")));
        }
        if length < PIECE {
            return Ok(());
        }
    }
}

/// Reads until `buffer` is full or the file ends; how much that was.
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
