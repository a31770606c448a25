//! What the authors of schedules may do by now: read once for all hosts, until operators or roles
//! change.

use crate::auth::{Authenticator, HeldRoles};
use crate::store::StoreError;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// The roles of the authors that were asked for; no more than there are schedules.
#[derive(Debug, Default)]
pub(super) struct Authors(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// How often operators or roles have changed.
    changes: u64,
    /// By author; `None`: there is no such operator, or they are disabled.
    roles: HashMap<String, Option<Arc<HeldRoles>>>,
}

impl Authors {
    /// Forgets all of it: operators or roles have changed.
    pub(super) fn forget(&self) {
        let mut known = self.0.lock();
        known.changes += 1;
        known.roles.clear();
    }

    /// Returns what an author may do; `None` if it was deleted or disabled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn roles(
        &self,
        authenticator: &Authenticator,
        author: &str,
    ) -> Result<Option<Arc<HeldRoles>>, StoreError> {
        let changes = {
            let known = self.0.lock();
            if let Some(roles) = known.roles.get(author) {
                return Ok(roles.clone());
            }
            known.changes
        };
        let roles = authenticator.absent(author).await?.map(Arc::new);
        let mut known = self.0.lock();
        // Roles that were read before a change may be those of before.
        if known.changes == changes {
            known.roles.insert(author.to_owned(), roles.clone());
        }
        Ok(roles)
    }
}
