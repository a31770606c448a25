//! Makes plans: a request, the hosts that it is meant for, and what would happen on each.
//!
//! [`Wanted`] is what an operator asks for, checked field by field. [`Planner::make`] finds the
//! hosts (`hosts`), judges each by the operator's roles and its own state, asks those that are
//! connected whether they would do it (`check`, the agents' `exec.check`), and freezes the list
//! (`freeze`). Nothing is sent to be done; the store gets the plan.

mod check;
mod freeze;
mod hosts;
mod wanted;

pub(crate) use wanted::{Hosts, Wanted, time};

use crate::agents::Registry;
use crate::audit;
use crate::auth::Principal;
use crate::store::{NewPlan, Store, StoreError};
use std::sync::Arc;

/// Makes plans for one operator.
pub(crate) struct Planner<'a> {
    /// The controller's records.
    pub(crate) store: &'a dyn Store,
    /// The connected hosts.
    pub(crate) registry: &'a Arc<Registry>,
    /// Who plans.
    pub(crate) principal: &'a Principal,
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) enum NoPlan {
    /// The database cannot be used.
    Store(StoreError),
    /// There is no such host, as far as the operator may know.
    UnknownHost(String),
    /// A plan's id needs random bytes.
    NoRandomness,
}

impl From<StoreError> for NoPlan {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Planner<'_> {
    /// Makes a plan, ready to be stored. It takes a few seconds at most, however many hosts there
    /// are.
    ///
    /// # Errors
    /// When a host that was named does not exist, or the database cannot be read.
    pub(crate) async fn make(&self, wanted: Wanted) -> Result<NewPlan, NoPlan> {
        let mut looked_at = self.look(&wanted).await?;
        check::ask(self.registry, &wanted.request, &mut looked_at.candidates).await;
        freeze::freeze(wanted, looked_at, self.principal.name(), audit::now())
    }
}
