//! The policy's questions about accounts, answered by the executor, which keeps its look-ups for a
//! while.

use super::failure::Failure;
use crate::exec::{AccountName, Executor};
use crate::policy::{Accounts, Name, RunAs};
use agent_wire::message::Bash;
use parking_lot::Mutex;
use std::sync::Arc;

/// The names of the policy in force and the same list in the executor's terms. The executor knows a
/// list that it has looked up by its address, so it is made once per policy.
type Named = (Arc<[Name]>, Arc<[AccountName]>);

/// This host's accounts.
pub(super) struct HostAccounts {
    executor: Arc<Executor>,
    named: Mutex<Option<Named>>,
}

impl HostAccounts {
    /// Looks accounts up through this executor.
    pub(super) fn new(executor: Arc<Executor>) -> Self {
        Self { executor, named: Mutex::new(None) }
    }

    fn called(&self, names: &Arc<[Name]>) -> Arc<[AccountName]> {
        let mut named = self.named.lock();
        match &*named {
            Some((known, called)) if Arc::ptr_eq(known, names) => called.clone(),
            _ => {
                let called: Arc<[AccountName]> = names.iter().map(called).collect();
                *named = Some((names.clone(), called.clone()));
                called
            }
        }
    }
}

fn called(name: &Name) -> AccountName {
    match name {
        Name::User(text) => AccountName::User(text.clone()),
        Name::Group(text) => AccountName::Group(text.clone()),
    }
}

impl Accounts for HostAccounts {
    type Error = Failure;

    async fn run_as(&self, bash: &Bash, names: &Arc<[Name]>) -> Result<RunAs, Failure> {
        let account = self.executor.account(bash.user.clone(), bash.group.clone()).await?;
        let identity = &account.identity;
        let is_member = match &bash.group {
            None => true,
            // Looked up by themselves: `identity.groups` holds the group that was asked for too.
            Some(_) => self.executor.own_groups(bash.user.clone()).await?.contains(&identity.gid),
        };
        let numbers = self.executor.numbers(&self.called(names)).await?;
        let groups = identity.groups.clone();
        Ok(RunAs { uid: identity.uid, gid: identity.gid, groups, is_member, numbers })
    }
}
