//! An operator who is not here: what their runs and schedules may still do.

use super::authenticator::Authenticator;
use super::held_roles::HeldRoles;
use super::principal::TOKEN_FILE;
use crate::store::StoreError;

impl Authenticator {
    /// Returns what an operator may do by now; `None` if it was deleted or disabled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn absent(&self, name: &str) -> Result<Option<HeldRoles>, StoreError> {
        if name == TOKEN_FILE {
            let admin = self.roles().resolve(&["admin".to_owned()]);
            return Ok(self.has_token_file().then_some(HeldRoles::new(admin)));
        }
        let found = self.store().operator(name).await?.filter(|operator| !operator.disabled);
        Ok(found.map(|operator| HeldRoles::new(self.roles().resolve(&operator.roles))))
    }
}
