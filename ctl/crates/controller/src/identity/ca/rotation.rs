//! The three steps from one root to the next, each of which can be undone.
//!
//! `introduce`: hosts get a bundle with both roots; the next one signs nothing yet. `issue`: it
//! signs; hosts renew at once. `retire`: the old root leaves the bundle. The gates that hosts must
//! have followed are checked by the caller.

use super::authority::Authority;
use super::state::{Other, Phase};
use super::{Ca, load, seconds};
use crate::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// Why a step was not taken.
#[derive(Debug)]
pub(crate) enum RotationError {
    /// Another step is due.
    Order(&'static str),
    /// A file cannot be written, or the root's key is elsewhere.
    Files(Error),
}

impl fmt::Display for RotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(why) => f.write_str(why),
            Self::Files(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for RotationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Order(_) => None,
            Self::Files(error) => Some(error),
        }
    }
}

impl From<Error> for RotationError {
    fn from(error: Error) -> Self {
        Self::Files(error)
    }
}

impl Ca {
    /// Makes the next authority and adds its root to the bundle. Blocks on files.
    ///
    /// # Errors
    /// When a rotation is under way, or a file cannot be written.
    pub(crate) fn introduce(&self) -> Result<(), RotationError> {
        let _one = self.changing.lock();
        let current = self.current();
        if current.state.other.is_some() {
            return Err(RotationError::Order(
                "a rotation is under way; the next step is issue or retire, or abort it",
            ));
        }
        let mut state = current.state.clone();
        let (dir, key) = (&self.settings.dir, &self.settings.root_key);
        let number = state.last + 1;
        let next = Authority::create(&dir.join(number.to_string()), &key.of(number))?;
        // Hosts that miss the new bundle then still find a way to the root that they trust.
        if let Err(error) = current.active.vouch_for(&next, &key.of(state.active)) {
            log::warn!("the present root does not sign the next one: {error}");
        }
        state.last = number;
        state.other = Some(Other { number, phase: Phase::Coming });
        state.save(dir)?;
        self.replace()
    }

    /// Lets the next authority sign from now on. Blocks on files.
    ///
    /// # Errors
    /// When none was introduced, or a file cannot be written.
    pub(crate) fn issue(&self) -> Result<(), RotationError> {
        self.exchange(Phase::Coming, "no root was introduced; the first step is init")
    }

    /// Removes the authority that does not sign anymore. Blocks on files.
    ///
    /// # Errors
    /// When none is to go, or a file cannot be written.
    pub(crate) fn retire(&self) -> Result<(), RotationError> {
        let why = "there is no old root to retire; the steps are init, issue, retire";
        self.drop_other(Phase::Going, why)
    }

    /// Undoes the last step: a root that was introduced leaves the bundle; one that signs already
    /// hands back to the one before it, and then goes by `retire`. Blocks on files.
    ///
    /// # Errors
    /// When no rotation is under way, or a file cannot be written.
    pub(crate) fn abort(&self) -> Result<(), RotationError> {
        let why = "no rotation is under way";
        match self.current().state.other {
            Some(Other { phase: Phase::Going, .. }) => self.exchange(Phase::Going, why),
            _ => self.drop_other(Phase::Coming, why),
        }
    }

    fn exchange(&self, phase: Phase, why: &'static str) -> Result<(), RotationError> {
        let _one = self.changing.lock();
        let mut state = self.current().state.clone();
        let Some(other) = state.other.filter(|other| other.phase == phase) else {
            return Err(RotationError::Order(why));
        };
        state.other = Some(Other { number: state.active, phase: Phase::Going });
        state.active = other.number;
        // Hosts have followed once they have a certificate of the other authority.
        state.version += 1;
        state.since = seconds(SystemTime::now());
        state.save(&self.settings.dir)?;
        self.replace()
    }

    fn drop_other(&self, phase: Phase, why: &'static str) -> Result<(), RotationError> {
        let _one = self.changing.lock();
        let mut state = self.current().state.clone();
        if state.other.take_if(|other| other.phase == phase).is_none() {
            return Err(RotationError::Order(why));
        }
        // Its directory stays: what it signed may still have to be looked at.
        state.save(&self.settings.dir)?;
        self.replace()
    }

    fn replace(&self) -> Result<(), RotationError> {
        let issuance: Arc<_> = load(&self.settings, true)?;
        self.current.send_replace(issuance);
        Ok(())
    }
}
