//! The fleet's way from one root to the next, in three steps with a gate before the second and the
//! third: 99 % of the hosts that were seen in 30 days must have followed.

use super::ca::{Phase, RotationError};
use super::exchange;
use super::service::Identity;
use crate::store::milliseconds;
use crate::store::{Followers, StoreError};
use controller_api::{CaStatus, RotationState, RotationStep};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Hosts that were not seen for longer do not count.
const SEEN_WITHIN: Duration = Duration::from_secs(30 * 24 * 3600);

/// The time between two counts of the hosts while no rotation goes on: a count looks at each.
const COUNTED_EVERY: Duration = Duration::from_secs(5);

/// Of 100 hosts, those that must have followed.
const GATE: u64 = 99;

/// What whoever asks for a step hears while another one is taken.
const AT_ONCE: &str =
    "the CA is being changed by another request; look at its state, and ask again";

/// Why a step was not taken.
#[derive(Debug)]
pub(crate) enum RotationRefused {
    /// Another step is due.
    Order(&'static str),
    /// Too few hosts have followed the step before.
    Gate {
        /// Hosts in all.
        hosts: u64,
        /// Those that have.
        ready: u64,
        /// Some of those that have not.
        missing: Vec<String>,
    },
    /// The database cannot be read.
    Store(StoreError),
    /// A file cannot be written, or the root's key is elsewhere.
    Files(crate::error::Error),
    /// The step's thread failed.
    Thread(tokio::task::JoinError),
}

impl fmt::Display for RotationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(why) => f.write_str(why),
            Self::Gate { hosts, ready, missing } => {
                write!(
                    f,
                    "{ready} of the {hosts} hosts seen in 30 days have followed; {GATE} % must. \
                     Missing: {}",
                    missing.first().map_or("none", String::as_str)
                )?;
                match hosts - ready {
                    0 | 1 => {}
                    more => write!(f, " and {} more", more - 1)?,
                }
                f.write_str(". Wait until they have connected, or force the step and lose them")
            }
            Self::Store(error) => write!(f, "{error}"),
            Self::Files(error) => write!(f, "{error}"),
            Self::Thread(error) => write!(f, "the step failed: {error}"),
        }
    }
}

impl std::error::Error for RotationRefused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Order(_) | Self::Gate { .. } => None,
            Self::Store(error) => Some(error),
            Self::Files(error) => Some(error),
            Self::Thread(error) => Some(error),
        }
    }
}

impl From<RotationError> for RotationRefused {
    fn from(error: RotationError) -> Self {
        match error {
            RotationError::Order(why) => Self::Order(why),
            RotationError::Files(error) => Self::Files(error),
        }
    }
}

impl Identity {
    /// Returns the state of the CA and of its rotation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn ca_status(&self) -> Result<CaStatus, StoreError> {
        let issuance = self.ca.current();
        let kept = self.followers.lock().clone().filter(|(counted, _)| {
            issuance.state.other.is_none() && counted.elapsed() < COUNTED_EVERY
        });
        let followers = match kept {
            Some((_, followers)) => followers,
            None => {
                let counted = self.followers().await?;
                *self.followers.lock() = Some((Instant::now(), counted.clone()));
                counted
            }
        };
        let Followers { hosts, ready, missing } = followers;
        let (rotation, next_step) = match issuance.state.other.map(|other| other.phase) {
            None => (RotationState::None, RotationStep::Init),
            Some(Phase::Coming) => (RotationState::Initiated, RotationStep::Issue),
            Some(Phase::Going) => (RotationState::Issuing, RotationStep::Retire),
        };
        let (roots, issuing, server) = issuance.certificates();
        Ok(CaStatus {
            roots,
            issuing: Some(issuing),
            server,
            pin: Some(format!("sha256:{}", issuance.pin())),
            bundle_version: issuance.state.version,
            rotation,
            next_step: Some(next_step),
            hosts,
            hosts_ready: ready,
            missing,
        })
    }

    /// Takes a step of the rotation, if the hosts have followed the one before or `force` is given;
    /// returns the state after it.
    ///
    /// # Errors
    /// When the step is not taken. Nothing has changed then.
    pub(crate) async fn rotate(
        &self,
        step: RotationStep,
        force: bool,
    ) -> Result<CaStatus, RotationRefused> {
        if self.store.node().is_none() {
            return self.rotate_here(step, force).await;
        }
        if !self.store.claim_ca().await.map_err(RotationRefused::Store)? {
            return Err(RotationRefused::Order(AT_ONCE));
        }
        let status = self.rotate_for_all_nodes(step, force).await;
        if let Err(error) = self.store.release_ca().await {
            log::warn!(
                "no step of the CA's rotation can be taken until this node restarts: {error}"
            );
        }
        status
    }

    /// Takes a step from the files that all nodes have, and gives them its own.
    async fn rotate_for_all_nodes(
        &self,
        step: RotationStep,
        force: bool,
    ) -> Result<CaStatus, RotationRefused> {
        let exchanged = exchange::take_newest(&self.ca, &*self.store).await;
        let before = exchanged.map_err(RotationRefused::Files)?;
        let status = self.rotate_here(step, force).await?;
        match exchange::put_own(&self.ca, &*self.store, before).await {
            Ok(true) => Ok(status),
            Ok(false) => Err(RotationRefused::Order(AT_ONCE)),
            Err(error) => Err(RotationRefused::Files(error)),
        }
    }

    async fn rotate_here(
        &self,
        step: RotationStep,
        force: bool,
    ) -> Result<CaStatus, RotationRefused> {
        let phase = self.ca.current().state.other.map(|other| other.phase);
        let gated = match step {
            RotationStep::Issue => phase == Some(Phase::Coming),
            RotationStep::Retire => phase == Some(Phase::Going),
            RotationStep::Init | RotationStep::Abort => false,
        };
        if gated && !force {
            let Followers { hosts, ready, missing } =
                self.followers().await.map_err(RotationRefused::Store)?;
            if ready.saturating_mul(100) < hosts.saturating_mul(GATE) {
                return Err(RotationRefused::Gate { hosts, ready, missing });
            }
        }
        let ca = Arc::clone(&self.ca);
        let taken = tokio::task::spawn_blocking(move || match step {
            RotationStep::Init => ca.introduce(),
            RotationStep::Issue => ca.issue(),
            RotationStep::Retire => ca.retire(),
            RotationStep::Abort => ca.abort(),
        });
        taken.await.map_err(RotationRefused::Thread)??;
        self.ca_status().await.map_err(RotationRefused::Store)
    }

    async fn followers(&self) -> Result<Followers, StoreError> {
        let version = u32::try_from(self.ca.current().state.version).unwrap_or(u32::MAX);
        let since =
            milliseconds(SystemTime::now().checked_sub(SEEN_WITHIN).unwrap_or(SystemTime::now()));
        self.store.followers(version, since).await
    }
}
