//! The authenticated caller of a request, and what they may do.

use super::held_roles::HeldRoles;
use controller_api::Proof;
use fleet::role::{self, Ask, Command, Denied, Reach};
use fleet::{Action, Digest, Grant, Labels};
use std::fmt;
use std::sync::Arc;

/// The operator that the token of `--token-file` stands for.
pub(crate) const TOKEN_FILE: &str = "token-file";

/// The caller of a request. Only an [`super::Authenticator`] makes one, so a function that takes a
/// `Principal` cannot run for a caller who has not proved who they are.
#[derive(Clone)]
pub(crate) struct Principal(Arc<Identity>);

/// Who a caller is.
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) credential: Credential,
    pub(super) role_names: Vec<String>,
    pub(super) roles: HeldRoles,
}

/// How a caller has proved who they are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Credential {
    /// The token of `--token-file`.
    TokenFile,
    /// An API token.
    ApiToken {
        /// Its id.
        id: String,
    },
    /// A session's cookie.
    Session {
        /// The digest of the cookie.
        cookie: Digest,
        /// The session's CSRF token.
        csrf: String,
    },
}

impl fmt::Debug for Principal {
    /// Leaves out the CSRF token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("name", &self.0.name)
            .field("proof", &self.proof())
            .field("roles", &self.0.role_names)
            .finish()
    }
}

impl Principal {
    pub(super) fn new(identity: Identity) -> Self {
        Self(Arc::new(identity))
    }

    /// Returns the operator's name.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the credential.
    pub(crate) fn credential(&self) -> &Credential {
        &self.0.credential
    }

    /// Returns the kind of credential.
    pub(crate) fn proof(&self) -> Proof {
        match self.0.credential {
            Credential::TokenFile => Proof::TokenFile,
            Credential::ApiToken { .. } => Proof::ApiToken,
            Credential::Session { .. } => Proof::Session,
        }
    }

    /// Returns the names of the operator's roles, also of those that do not exist anymore.
    pub(crate) fn role_names(&self) -> &[String] {
        &self.0.role_names
    }

    /// Returns what the roles allow together.
    pub(crate) fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.0.roles.grants()
    }

    /// Returns whether the operator may do something that concerns no host, or may do it on any
    /// host at all.
    ///
    /// # Errors
    /// When no role allows it.
    pub(crate) fn may(&self, action: Action) -> Result<(), Denied> {
        role::judge(self.grants(), &Ask { action, host: None, command: None })
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
        self.0.roles.may_on(action, host, labels, command)
    }

    /// Returns whether the operator may do something with this command on any host at all.
    ///
    /// # Errors
    /// When no role allows it.
    pub(crate) fn may_command(&self, action: Action, command: Command<'_>) -> Result<(), Denied> {
        role::judge(self.grants(), &Ask { action, host: None, command: Some(command) })
    }

    /// Returns whether the operator may do something on each host, whatever its labels.
    pub(crate) fn may_everywhere(&self, action: Action, command: Option<Command<'_>>) -> bool {
        self.0.roles.may_everywhere(action, command)
    }

    /// Returns the hosts on which the operator may do something.
    pub(crate) fn reach(&self, action: Action) -> Reach<'_> {
        role::reach(self.grants(), action)
    }
}
