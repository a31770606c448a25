//! `state_dir/identity`: the enrolled host's key, certificate, CAs and record, and every change of
//! them.
//!
//! | file | content |
//! |---|---|
//! | `key.pem`, `cert.pem` | the pair in use |
//! | `next-key.pem` | a renewal's key, from before it is asked for until it is in use |
//! | `next-cert.pem` | its certificate, until the pair has opened a channel |
//! | `ca.pem` | the CAs that servers' certificates chain to |
//! | `identity.json` | the [`Record`] |
//! | `key.set-aside-N` and the like | a former key, its certificate and record |
//!
//! A certificate belongs to the key with its public key, whatever the names of the files: so a
//! crash between two renames parts no pair. The host has joined once a pair, `ca.pem` and a host id
//! are there. Each change is made under a lock, since `BasicAgent enroll` may run beside the agent.
//! All changes stand in this one file, longer than others, because what one leaves behind at a crash
//! is what the next must expect.

use super::joined::{self, Joined, Pair};
use super::key::HostKey;
use super::leaf::{Leaf, now};
use super::{Error, Record};
use crate::clock::Seconds;
use crate::durable;
use agent_wire::message::Issued;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes that are read of a file.
const MAX_BYTES: u64 = 1 << 20;

/// Bytes of a CA bundle that the server may send.
pub(super) const MAX_CA: usize = 256 << 10;

/// How long another process may hold the lock.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// Between two attempts to get the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The files that are set aside, and the word for each in its new name; the key comes first.
const ASIDE: [(&str, &str); 3] =
    [("key", "key.pem"), ("cert", "cert.pem"), ("identity", "identity.json")];

/// The most pairs that are set aside under names of their own.
const MAX_SET_ASIDE: u32 = 1000;

/// The folder; nothing is read before it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// The folder, while this process alone may change it.
#[derive(Debug)]
pub(crate) struct Locked {
    folder: Folder,
    _lock: Flock<File>,
}

impl Folder {
    /// Names the folder of a state directory.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self(state_dir.join("identity"))
    }

    /// Returns the folder's path.
    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Returns whether the folder exists.
    pub(crate) fn exists(&self) -> bool {
        self.0.exists()
    }

    /// Returns the identity if the host has joined. It waits up to [`LOCK_TIMEOUT`] while another
    /// process changes it.
    ///
    /// # Errors
    /// When a file cannot be read, or is damaged.
    pub(crate) fn joined(&self) -> Result<Option<Joined>, Error> {
        match self.exists() {
            true => self.lock()?.joined(),
            false => Ok(None),
        }
    }

    /// Returns the record, if there is one.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged.
    pub(crate) fn record(&self) -> Result<Option<Record>, Error> {
        let path = self.file("identity.json");
        match self.content("identity.json")? {
            None => Ok(None),
            Some(bytes) => match Record::parse(&bytes) {
                Some(record) => Ok(Some(record)),
                None => Err(Error::Damaged { path, why: "is damaged" }),
            },
        }
    }

    /// Locks the folder, which is created (0700) if it is missing.
    ///
    /// # Errors
    /// When it cannot be created, or another process keeps the lock.
    pub(crate) fn lock(&self) -> Result<Locked, Error> {
        if !self.exists() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
            made.map_err(Error::file(&self.0))?;
            durable::sync_folder_of(&self.0).map_err(Error::file(&self.0))?;
        }
        let path = self.file("lock");
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
            .open(&path)
            .map_err(Error::file(&path))?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Locked { folder: self.clone(), _lock: lock }),
                Err((back, Errno::EWOULDBLOCK)) if Instant::now() < deadline => {
                    file = back;
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err((_, Errno::EWOULDBLOCK)) => return Err(Error::Locked(path)),
                Err((_, errno)) => return Err(Error::File { path, source: errno.into() }),
            }
        }
    }

    fn content(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.file(name);
        match durable::read(&path, MAX_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::File { path, source: error }),
        }
    }

    /// Returns a key's public half; `None` if the file is missing or holds no key.
    fn key(&self, name: &str) -> Result<Option<HostKey>, Error> {
        Ok(self.content(name)?.and_then(|text| HostKey::read(&text)))
    }

    /// Returns the key of a pair, to prove that the host has it.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub(crate) fn key_of(&self, pair: &Pair) -> Result<HostKey, Error> {
        let text = durable::read(&pair.key, MAX_BYTES).map_err(Error::file(&pair.key))?;
        let damaged = Error::Damaged { path: pair.key.clone(), why: "holds no P-256 key" };
        HostKey::read(&text).ok_or(damaged)
    }

    fn leaf(&self, name: &str) -> Result<Option<Leaf>, Error> {
        Ok(self.content(name)?.and_then(|text| Leaf::read(&text)))
    }
}

impl Locked {
    /// Returns the identity if the host has joined, after it has finished a renaming that a crash
    /// cut short.
    ///
    /// # Errors
    /// When a file cannot be read, or is damaged.
    pub(crate) fn joined(&self) -> Result<Option<Joined>, Error> {
        self.finish_promotion()?;
        let folder = &self.folder;
        let keys =
            [("next-key.pem", folder.key("next-key.pem")?), ("key.pem", folder.key("key.pem")?)];
        let mut pairs = Vec::new();
        for (cert, is_next) in [("next-cert.pem", true), ("cert.pem", false)] {
            let Some(leaf) = folder.leaf(cert)? else { continue };
            let belongs = |key: &&(&str, Option<HostKey>)| {
                key.1.as_ref().is_some_and(|key| key.public() == leaf.public)
            };
            if let Some((key, _)) = keys.iter().find(belongs) {
                let (cert, key) = (folder.file(cert), folder.file(key));
                pairs.push(Pair { cert, key, leaf, is_next });
            }
        }
        let Some(record) = folder.record()? else { return Ok(None) };
        let (Some(host_id), false) = (record.host_id.clone(), pairs.is_empty()) else {
            return Ok(None);
        };
        let ca = folder.file("ca.pem");
        if folder.content("ca.pem")?.is_none() {
            return Ok(None);
        }
        let is_renewing = keys[0].1.is_some() && !pairs[0].is_next;
        let ahead = joined::ahead(&pairs[0].leaf, record.received, now());
        Ok(Some(Joined { host_id, record, ca, pairs, is_renewing, ahead }))
    }

    /// Returns the key to join with, and writes what has to be there before the server is asked. A
    /// key of an attempt before is used again, as long as this is the same machine: the server then
    /// takes it for the same host.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn begin(&self, record: &Record) -> Result<HostKey, Error> {
        let folder = &self.folder;
        // A damaged record is of no attempt that could be continued.
        let former = folder.record().unwrap_or(None).filter(|former| former.host_id.is_none());
        let may_continue = former
            .as_ref()
            .is_some_and(|former| !former.is_of_another_machine(record.machine.as_deref()));
        let kept = if may_continue { folder.key("key.pem")? } else { None };
        let record = Record { host_id: None, ..record.clone() };
        if former.as_ref() != Some(&record) {
            self.write("identity.json", &record.to_bytes())?;
        }
        if let Some(key) = kept {
            return Ok(key);
        }
        for name in ["next-cert.pem", "next-key.pem", "cert.pem"] {
            self.remove(name)?;
        }
        let (key, text) = HostKey::generate()?;
        self.write("key.pem", text.as_bytes())?;
        Ok(key)
    }

    /// Stores a first certificate. From the last write on, the host has joined.
    ///
    /// # Errors
    /// When the certificate is not for the host's key, or a file cannot be written.
    pub(crate) fn complete(&self, issued: &Issued, record: &Record) -> Result<(), Error> {
        let leaf = self.check(issued, "key.pem")?;
        self.write("ca.pem", issued.ca.as_bytes())?;
        // Last comes the host id: without it, the next attempt continues with the same key.
        self.write("cert.pem", issued.certificate.as_bytes())?;
        let record = Record {
            host_id: Some(issued.host_id.clone()),
            generation: issued.generation,
            ca_version: issued.ca_version,
            received: Some(received(&leaf)),
            ..record.clone()
        };
        self.write("identity.json", &record.to_bytes())
    }

    /// Returns the key of the renewal under way, or a new one.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn begin_renewal(&self) -> Result<HostKey, Error> {
        if let Some(key) = self.folder.key("next-key.pem")? {
            return Ok(key);
        }
        let (key, text) = HostKey::generate()?;
        self.write("next-key.pem", text.as_bytes())?;
        Ok(key)
    }

    /// Stores the certificate of a renewal, or of a recovery.
    ///
    /// # Errors
    /// When the certificate is not for the renewal's key, or a file cannot be written.
    pub(crate) fn complete_renewal(&self, issued: &Issued) -> Result<(), Error> {
        let leaf = self.check(issued, "next-key.pem")?;
        let record = self.folder.record()?.ok_or(Error::NotEnrolled)?;
        if record.host_id.as_ref() != Some(&issued.host_id) {
            return Err(Error::Issued("it is for another host id"));
        }
        let received = Some(received(&leaf));
        let mut changed = Record { generation: issued.generation, received, ..record.clone() };
        if issued.ca_version >= record.ca_version {
            self.write("ca.pem", issued.ca.as_bytes())?;
            changed.ca_version = issued.ca_version;
        }
        self.write("identity.json", &changed.to_bytes())?;
        // Last: until it is there, the renewal is asked for again.
        self.write("next-cert.pem", issued.certificate.as_bytes())
    }

    /// Puts the renewal's pair in the place of the old one: it has opened a channel.
    ///
    /// # Errors
    /// When a file cannot be renamed.
    pub(crate) fn promote(&self) -> Result<(), Error> {
        let folder = &self.folder;
        let (Some(key), Some(leaf)) = (folder.key("next-key.pem")?, folder.leaf("next-cert.pem")?)
        else {
            return self.finish_promotion();
        };
        if key.public() != leaf.public {
            return Ok(());
        }
        self.rename("next-key.pem", "key.pem")?;
        self.rename("next-cert.pem", "cert.pem")
    }

    /// Forgets the renewal's certificate: the server rejects it, but takes the old one. The
    /// renewal's key is kept and asked for again.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub(crate) fn reject_next(&self) -> Result<(), Error> {
        self.remove("next-cert.pem")
    }

    /// Stores CAs of a version that is not older than the stored one. Returns whether it did.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn trust(&self, bundle: &str, version: u64) -> Result<bool, Error> {
        let record = self.folder.record()?.filter(|record| record.host_id.is_some());
        let record = record.ok_or(Error::NotEnrolled)?;
        if version < record.ca_version {
            return Ok(false);
        }
        self.write("ca.pem", bundle.as_bytes())?;
        self.write("identity.json", &Record { ca_version: version, ..record }.to_bytes())?;
        Ok(true)
    }

    /// Sets key, certificate and record aside, so that the host has not joined. Returns the key's
    /// new name.
    ///
    /// # Errors
    /// When a file cannot be renamed or removed.
    pub(crate) fn set_aside(&self) -> Result<PathBuf, Error> {
        let free = |number: &u32| {
            ASIDE.iter().all(|(what, _)| {
                let path = self.folder.file(&format!("{what}.set-aside-{number}"));
                path.symlink_metadata().is_err()
            })
        };
        let number = (1..=MAX_SET_ASIDE).find(free).unwrap_or(MAX_SET_ASIDE);
        // Until the key has gone, the identity is in use as before.
        self.remove("next-cert.pem")?;
        self.remove("next-key.pem")?;
        for (what, name) in ASIDE {
            if self.folder.file(name).exists() {
                self.rename(name, &format!("{what}.set-aside-{number}"))?;
            }
        }
        Ok(self.folder.file(&format!("key.set-aside-{number}")))
    }

    /// Puts an identity that was set aside back, as long as the host has not joined again. `key` is
    /// the result of [`Self::set_aside`].
    ///
    /// # Errors
    /// When a file cannot be renamed.
    pub(crate) fn restore(&self, key: &Path) -> Result<(), Error> {
        let number = key.extension().and_then(|end| end.to_str()).unwrap_or_default();
        if self.joined()?.is_some() || !key.exists() {
            return Ok(());
        }
        for (what, name) in ASIDE.into_iter().rev() {
            let aside = format!("{what}.{number}");
            if self.folder.file(&aside).exists() {
                self.rename(&aside, name)?;
            }
        }
        Ok(())
    }

    /// Renames the second file of a promotion that was cut short after the first.
    fn finish_promotion(&self) -> Result<(), Error> {
        let folder = &self.folder;
        let renewed = folder.leaf("next-cert.pem")?;
        if let (Some(renewed), Some(key)) = (renewed, folder.key("key.pem")?)
            && renewed.public == key.public()
        {
            return self.rename("next-cert.pem", "cert.pem");
        }
        if let (Some(cert), Some(next)) = (folder.leaf("cert.pem")?, folder.key("next-key.pem")?)
            && cert.public == next.public()
        {
            return self.rename("next-key.pem", "key.pem");
        }
        Ok(())
    }

    /// Checks that a certificate is for the key in a file, and that the CAs are some.
    fn check(&self, issued: &Issued, key: &str) -> Result<Leaf, Error> {
        let leaf = Leaf::read(issued.certificate.as_bytes())
            .ok_or(Error::Issued("it is not an X.509 certificate in PEM"))?;
        let key = self.folder.key(key)?;
        if key.is_none_or(|key| key.public() != leaf.public) {
            return Err(Error::Issued("it is for another key than the one asked for"));
        }
        if leaf.not_after <= leaf.not_before {
            return Err(Error::Issued("its time ends before it begins"));
        }
        if issued.ca.len() > MAX_CA || Leaf::read(issued.ca.as_bytes()).is_none() {
            return Err(Error::Issued("the CAs beside it are no certificates in PEM"));
        }
        Ok(leaf)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.folder.file(name);
        durable::write(&path, bytes).map_err(Error::file(&path))
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let path = self.folder.file(from);
        durable::rename(&path, &self.folder.file(to)).map_err(Error::file(&path))
    }

    fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.folder.file(name);
        durable::remove(&path).map_err(Error::file(&path))
    }
}

/// Returns the present moment, at which a certificate came.
fn received(leaf: &Leaf) -> i64 {
    let now = now();
    if now >= leaf.renewal() {
        log::warn!(
            "this host's clock is ahead: the certificate that the server has just signed is good \
             since {}; set the clock",
            Seconds(leaf.not_before)
        );
    }
    now
}

#[cfg(test)]
mod tests;
