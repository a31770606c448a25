//! An operator decides about a host.

use super::record::{HostRecord, HostState, KeyPlace, PendingReason, QuarantineReason};
use super::refusal::WrongState;
use crate::UnixMillis;
use serde::{Deserialize, Serialize};

/// How an operator settles that there are two copies of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The copy with the newest key is the host. The other one is refused.
    Keep,
    /// The host was restored from a snapshot: the older key that was presented is the host's.
    Restored,
    /// The copy with the newest key is the host. The other one joins as a host of its own.
    EnrollAgain,
}

/// What to do with a host's sessions after it was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Ask the session with the current key to renew (`cert.renew_now`), so that no copy of that
    /// key is good for long. Of several sessions with it, this is the one not in quarantine.
    pub renew: bool,
    /// Tell the host's other sessions to enroll again (`cert.reset`) before they are closed.
    pub reset_others: bool,
}

/// Approves a pending host. It gets its certificate when it next asks.
///
/// # Errors
/// When the host is not pending.
pub fn approve(record: &mut HostRecord, now: UnixMillis) -> Result<(), WrongState> {
    let HostState::Pending(reason) = record.state else {
        return Err(WrongState::NotPending);
    };
    if let PendingReason::Machine(machine) = reason {
        record.machine = Some(machine);
    }
    vouch(record, now);
    record.state = HostState::Active;
    Ok(())
}

/// Quarantines a host, for a reason in an operator's words.
///
/// # Errors
/// When the host is pending or banned.
pub fn quarantine(record: &mut HostRecord, reason: &str) -> Result<(), WrongState> {
    match record.state {
        HostState::Active => {
            let reason = QuarantineReason::Operator(reason.to_owned());
            record.state = HostState::Quarantined(reason);
            Ok(())
        }
        // The first reason says more.
        HostState::Quarantined(_) => Ok(()),
        HostState::Pending(_) => Err(WrongState::Pending),
        HostState::Banned => Err(WrongState::Banned),
    }
}

/// Ends a host's quarantine, or settles which of an active host's sessions is the host: one that
/// connects while another is alive is quarantined by itself.
///
/// # Errors
/// When the host is pending or banned, or was not restored.
pub fn settle(
    record: &mut HostRecord,
    choice: Choice,
    now: UnixMillis,
) -> Result<Settled, WrongState> {
    let presented = match &record.state {
        HostState::Quarantined(QuarantineReason::OlderKey(key)) => Some(*key),
        HostState::Quarantined(QuarantineReason::Operator(_)) | HostState::Active => None,
        HostState::Pending(_) => return Err(WrongState::Pending),
        HostState::Banned => return Err(WrongState::Banned),
    };
    if let (Choice::Restored, keys) = (choice, &mut record.keys) {
        let restored = presented.zip(keys.as_mut()).filter(|(key, keys)| {
            // It may have been given up too long ago.
            keys.place(*key) == KeyPlace::Older
        });
        let (key, keys) = restored.ok_or(WrongState::NothingRestored)?;
        keys.go_to(key, true);
    }
    if let Some(keys) = &mut record.keys {
        keys.supersede_older();
    }
    vouch(record, now);
    record.state = HostState::Active;
    Ok(Settled { renew: record.keys.is_some(), reset_others: choice == Choice::EnrollAgain })
}

/// Bans a host for ever. Its keys ([`Keys::all`](super::Keys::all)) must not join again, even after
/// the host is removed.
pub fn ban(record: &mut HostRecord) {
    record.state = HostState::Banned;
}

/// Lets the host recover as if its certificate had ended now.
fn vouch(record: &mut HostRecord, now: UnixMillis) {
    if let Some(keys) = &mut record.keys {
        keys.vouched = Some(now);
    }
}
