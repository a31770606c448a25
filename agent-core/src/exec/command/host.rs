//! The host as commands and tasks use it: its accounts, its cgroups, and the zygote.

use std::io;
use std::sync::Arc;

use nix::unistd::{Gid, Uid};

use super::account::{Account, AccountQuery, Accounts};
use super::spec::Spec;
use crate::config::ExecSettings;
use crate::exec::StartError;
use crate::exec::cgroups::controllers::Controllers;
use crate::exec::cgroups::leaves::Leaves;
use crate::exec::zygote::spawner::Spawner;

/// The parts of the host that every command and task of this agent shares.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) accounts: Accounts,
    /// `None`: no cgroup v2 can be used.
    pub(crate) leaves: Option<Arc<Leaves>>,
    pub(crate) controllers: Controllers,
    pub(crate) spawner: Arc<Spawner>,
}

impl Host {
    /// Resolves the account a request's command runs as, if this agent can become that user.
    pub(crate) async fn account(
        &self,
        settings: &ExecSettings,
        spec: &Spec,
    ) -> Result<Arc<Account>, StartError> {
        let (user, group) = (spec.user.clone(), spec.group.clone());
        let query = AccountQuery { user, group, default_group: settings.default_group };
        let account = self.accounts.resolve(query).await?;
        let uid = Uid::effective();
        let is_ours = || {
            account.identity.uid == uid.as_raw()
                && (account.identity.gid == Gid::effective().as_raw() || spec.group.is_none())
        };
        if !uid.is_root() && !is_ours() {
            let why =
                format!("the agent runs as user {uid}; only root can run commands as other users");
            return Err(StartError::step(
                "user",
                io::Error::new(io::ErrorKind::PermissionDenied, why),
            ));
        }
        Ok(account)
    }
}
