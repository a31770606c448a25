//! An operator who is not here: what a run that they applied may still do.

use super::authenticator::Authenticator;
use super::principal::TOKEN_FILE;
use crate::store::StoreError;
use fleet::role::{self, Ask, Command, Denied, Host};
use fleet::{Action, Grant, Labels, Role};
use std::sync::Arc;

/// The roles that an operator has now. It proves nothing, so it is no [`super::Principal`].
#[derive(Debug)]
pub(crate) struct AbsentOperator(Vec<Arc<Role>>);

impl Authenticator {
    /// Returns what an operator may do by now; `None` if it was deleted or disabled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn absent(&self, name: &str) -> Result<Option<AbsentOperator>, StoreError> {
        if name == TOKEN_FILE {
            let admin = self.roles().resolve(&["admin".to_owned()]);
            return Ok(self.has_token_file().then_some(AbsentOperator(admin)));
        }
        let found = self.store().operator(name).await?.filter(|operator| !operator.disabled);
        Ok(found.map(|operator| AbsentOperator(self.roles().resolve(&operator.roles))))
    }
}

impl AbsentOperator {
    fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter().flat_map(|role| &role.grants)
    }

    /// Returns whether the operator may do something on each host, whatever its labels.
    pub(crate) fn may_everywhere(&self, action: Action, command: Option<Command<'_>>) -> bool {
        let grants = self.grants().filter(|grant| grant.selector.is_everything());
        role::judge(grants, &Ask { action, host: None, command }).is_ok()
    }

    /// Returns whether the operator may do something on a host.
    ///
    /// # Errors
    /// When no role allows it.
    pub(crate) fn may_on(
        &self,
        action: Action,
        host: &str,
        labels: &Labels,
        command: Option<Command<'_>>,
    ) -> Result<(), Denied> {
        let host = Some(Host { id: host, labels });
        role::judge(self.grants(), &Ask { action, host, command })
    }
}
