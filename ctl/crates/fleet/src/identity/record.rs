//! What the server knows of a host's identity.

use super::certificate::{Certificate, Offer};
use super::refusal::IdentityRefusal;
use crate::{Digest, TokenId, UnixMillis};
use serde::{Deserialize, Serialize};

/// How many older keys a host's record holds, so that a copy is recognized by its key.
pub const MAX_OLDER_KEYS: usize = 8;

/// A host's identity: its row in the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The host id.
    pub id: String,
    /// Whether it may do anything.
    pub state: HostState,
    /// Its keys; `None` for a host whose certificates come from a company's own PKI.
    pub keys: Option<Keys>,
    /// The SHA-256 of its machine-id, if it told that.
    pub machine: Option<Digest>,
    /// The token that admitted it.
    pub token: Option<TokenId>,
}

/// What a host may do. A removed host has no record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostState {
    /// It gets requests.
    Active,
    /// An operator has to approve it first.
    Pending(PendingReason),
    /// It is connected and visible, and gets no request until an operator settles it.
    Quarantined(QuarantineReason),
    /// It is refused for ever, and so are its keys.
    Banned,
}

/// Why a host waits for an operator's approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PendingReason {
    /// Its join token asks for approval.
    Token,
    /// It came with a certificate of the company's PKI for the first time.
    Foreign,
    /// Its certificate ended longer ago than hosts may recover by themselves.
    Away,
    /// It recovers on a machine with this machine-id, not the one it enrolled on.
    Machine(Digest),
    /// Its certificate is the controller's, but its record is not there: the database was restored
    /// from an older copy.
    Lost,
}

/// Why a host is quarantined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// This older key was presented last: a copy of the host runs, or it was restored from a
    /// snapshot.
    OlderKey(Digest),
    /// An operator said so, in these words.
    Operator(String),
}

/// Where a host's certificates come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Issuer {
    /// The controller's own CA.
    Own,
    /// A company's PKI.
    Foreign,
}

/// The keys of a host, each as the SHA-256 of its `SubjectPublicKeyInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// The newest key.
    pub current: Digest,
    /// How many keys the host has had. Each new key raises it by one.
    pub generation: u32,
    /// Whether the host has used the current key: it opened a channel, or recovered by it.
    pub confirmed: bool,
    /// The key before, while the current one is not confirmed.
    pub previous: Option<Digest>,
    /// The keys before that, newest first; at most [`MAX_OLDER_KEYS`].
    pub older: Vec<OlderKey>,
    /// The certificate that was made for the current key.
    pub certificate: Option<Certificate>,
    /// From when on the newest certificate of all is valid, or when the host asked to join. No
    /// certificate of the host was made later, as far as this record knows.
    pub newest: UnixMillis,
    /// Whether an operator has settled a dispute about the current key. Once the host has confirmed
    /// the next one, a copy that presents this one is refused, instead of disputed again.
    #[serde(default)]
    pub settled: bool,
    /// When an operator last vouched for the host. It may recover as if its certificate had ended
    /// then.
    pub vouched: Option<UnixMillis>,
}

/// A key that a host has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OlderKey {
    /// The key.
    pub key: Digest,
    /// Whether an operator has settled that another key is the host's: then this one is refused.
    /// Otherwise whoever presents it puts the host in quarantine.
    pub superseded: bool,
}

/// What a presented key is to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// Its newest key.
    Current,
    /// The key before, which is good until the current one is confirmed.
    Previous,
    /// A key that it has given up.
    Older,
    /// A key that lost against another one when an operator settled it.
    Superseded,
    /// None of its keys.
    Unknown,
}

impl HostRecord {
    /// Returns where the host's certificates come from.
    pub const fn issuer(&self) -> Issuer {
        if self.keys.is_some() { Issuer::Own } else { Issuer::Foreign }
    }

    /// Returns why the host is refused whatever it presents, if it is.
    pub(super) fn refusal(&self) -> Option<IdentityRefusal> {
        let never_joined = |keys: &Keys| keys.generation == 1 && keys.certificate.is_none();
        match self.state {
            HostState::Banned if self.keys.as_ref().is_some_and(never_joined) => {
                Some(IdentityRefusal::NotApproved)
            }
            HostState::Banned => Some(IdentityRefusal::Banned),
            HostState::Active | HostState::Pending(_) | HostState::Quarantined(_) => None,
        }
    }

    /// Checks that the key is the host's current one, or the previous one while that is good. An
    /// older key puts the host in quarantine.
    pub(super) fn present(&mut self, key: Digest) -> Result<&mut Keys, IdentityRefusal> {
        if let Some(refusal) = self.refusal() {
            return Err(refusal);
        }
        let keys = self.keys.as_ref().ok_or(IdentityRefusal::OtherIssuer)?;
        match keys.place(key) {
            KeyPlace::Current | KeyPlace::Previous => {}
            KeyPlace::Older => {
                self.state = HostState::Quarantined(QuarantineReason::OlderKey(key));
                return Err(IdentityRefusal::OlderKey);
            }
            KeyPlace::Superseded => return Err(IdentityRefusal::Superseded),
            KeyPlace::Unknown => return Err(IdentityRefusal::Unknown),
        }
        self.keys.as_mut().ok_or(IdentityRefusal::OtherIssuer)
    }
}

impl Keys {
    /// Returns the keys of a new host.
    pub(super) const fn new(key: Digest, newest: UnixMillis) -> Self {
        Self {
            current: key,
            generation: 1,
            confirmed: false,
            previous: None,
            older: Vec::new(),
            certificate: None,
            newest,
            settled: false,
            vouched: None,
        }
    }

    /// Returns what `key` is to the host.
    pub fn place(&self, key: Digest) -> KeyPlace {
        if key == self.current {
            KeyPlace::Current
        } else if Some(key) == self.previous {
            KeyPlace::Previous
        } else {
            match self.older.iter().find(|older| older.key == key) {
                Some(older) if older.superseded => KeyPlace::Superseded,
                Some(_) => KeyPlace::Older,
                None => KeyPlace::Unknown,
            }
        }
    }

    /// Returns every key that belongs to the host, for an index of hosts by key.
    pub fn all(&self) -> impl Iterator<Item = Digest> {
        [Some(self.current), self.previous]
            .into_iter()
            .flatten()
            .chain(self.older.iter().map(|o| o.key))
    }

    /// Notes that the host has the current key, and gives up the previous one; returns that if an
    /// operator has settled that it is refused from then on.
    pub(super) fn confirm(&mut self) -> Option<Digest> {
        self.confirmed = true;
        let previous = self.previous.take()?;
        let settled = std::mem::take(&mut self.settled);
        self.give_up(previous, settled);
        settled.then_some(previous)
    }

    /// Begins a generation with `new`, for the host that presented `key`: its current or previous
    /// one, which stays good until the new one is confirmed.
    pub(super) fn advance(&mut self, key: Digest, new: Digest) {
        if key == self.current {
            // Who asks by the current key has it.
            self.confirm();
        } else {
            // The host never got the current key's certificate, or a copy of it did.
            self.give_up(self.current, false);
        }
        self.previous = Some(key);
        self.begin(new);
    }

    /// Makes a key the current one for which the host has a certificate already.
    pub(super) fn go_to(&mut self, key: Digest, superseded: bool) {
        self.older.retain(|older| older.key != key);
        if let Some(previous) = self.previous.take().filter(|previous| *previous != key) {
            self.give_up(previous, superseded);
        }
        self.give_up(self.current, superseded);
        self.begin(key);
        self.confirmed = true;
    }

    /// Refuses every older key from now on, and the current one as soon as it is one.
    pub(super) fn supersede_older(&mut self) {
        self.settled = true;
        self.older.iter_mut().for_each(|older| older.superseded = true);
    }

    fn begin(&mut self, key: Digest) {
        self.current = key;
        self.generation = self.generation.saturating_add(1);
        self.confirmed = false;
        self.certificate = None;
    }

    fn give_up(&mut self, key: Digest, superseded: bool) {
        self.older.insert(0, OlderKey { key, superseded });
        self.older.truncate(MAX_OLDER_KEYS);
    }

    /// Returns the certificate of the current key: the one that was answered before, or one made of
    /// the offer if there was none or it has ended since.
    pub(super) fn certificate_again(&mut self, offer: &Offer, now: UnixMillis) -> Certificate {
        match self.certificate.take() {
            Some(issued) if issued.is_valid(now) => self.certificate.insert(issued).clone(),
            ended => self.issue(offer, ended.and_then(|ended| ended.renewal)),
        }
    }

    /// Makes a certificate for the current key.
    pub(super) fn issue(&mut self, offer: &Offer, renewal: Option<String>) -> Certificate {
        let Offer { serial, not_before, not_after } = *offer;
        let (key, generation) = (self.current, self.generation);
        self.newest = self.newest.max(not_before);
        let made = Certificate { key, generation, serial, not_before, not_after, renewal };
        self.certificate.insert(made).clone()
    }
}
