//! The roles that an operator has, and what they allow together.

use fleet::role::{self, Ask, Command, Denied, Host};
use fleet::{Action, Grant, Labels, Role};
use std::sync::Arc;

/// The roles that an operator has. They prove nothing: a [`super::Principal`] has proved who it is
/// besides.
#[derive(Debug)]
pub(crate) struct HeldRoles(Vec<Arc<Role>>);

impl HeldRoles {
    pub(super) const fn new(roles: Vec<Arc<Role>>) -> Self {
        Self(roles)
    }

    /// Returns what the roles allow together.
    pub(super) fn grants(&self) -> impl Iterator<Item = &Grant> {
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
