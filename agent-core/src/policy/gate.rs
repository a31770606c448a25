//! The policy in force, asked about each request.

use super::rules::{Asked, Name, Policy, RunAs, Verdict};
use crate::Error;
use crate::exec::{AccountName, Executor, MAX_CMD, StartError};
use parking_lot::Mutex;
use std::sync::Arc;

/// Lets requests in or refuses them. Every part that starts something for a controller asks here first.
pub(crate) struct Gate {
    in_force: Mutex<Arc<InForce>>,
    executor: Arc<Executor>,
}

struct InForce {
    policy: Policy,
    /// The accounts that the policy names.
    called: Arc<[AccountName]>,
}

impl InForce {
    fn new(policy: Policy) -> Arc<Self> {
        let called = policy.names().iter().map(|name| match name {
            Name::User(text) => AccountName::User(text.clone()),
            Name::Group(text) => AccountName::Group(text.clone()),
        });
        Arc::new(Self { called: called.collect(), policy })
    }
}

/// What is known of a request without a look at accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is let in.
    Granted,
    /// It depends on whom its command would run as: [`Gate::check_account`] knows.
    DependsOnAccount,
}

impl Gate {
    /// A gate with this policy; the executor's accounts are asked whom commands would run as.
    pub(crate) fn new(policy: Policy, executor: Arc<Executor>) -> Self {
        Self { in_force: Mutex::new(InForce::new(policy)), executor }
    }

    /// Whether the policy is the one of a host without a policy file.
    pub(crate) fn is_open(&self) -> bool {
        self.in_force().policy.is_open()
    }

    /// From now on, this policy.
    pub(crate) fn replace(&self, policy: Policy) {
        *self.in_force.lock() = InForce::new(policy);
    }

    /// For a request that brings no command.
    ///
    /// # Errors
    /// [`Error::RefusedByPolicy`].
    pub(crate) fn check(&self, asked: Asked<'_>) -> Result<(), Error> {
        let asked = Asked { bash: None, ..asked };
        answer(self.in_force().policy.check(asked, None))
    }

    /// For any request, as far as it can be said without a look at accounts.
    ///
    /// # Errors
    /// [`Error::RefusedByPolicy`].
    pub(crate) fn check_command(&self, asked: Asked<'_>) -> Result<Admission, Error> {
        let in_force = self.in_force();
        // What cannot run on any host (exec says so) is not worth a look at each rule.
        if !in_force.policy.is_open() && asked.bash.is_some_and(|bash| bash.cmd.len() > MAX_CMD) {
            let why = format!("is longer than {MAX_CMD} bytes");
            return Err(StartError::InvalidCommand { field: "cmd", why }.into());
        }
        match in_force.policy.check(asked, None) {
            Verdict::NeedsAccount if asked.bash.is_some() => Ok(Admission::DependsOnAccount),
            verdict => answer(verdict).map(|()| Admission::Granted),
        }
    }

    /// For a request that [`Gate::check_command`] could not judge: looks its command's account up.
    ///
    /// # Errors
    /// [`Error::RefusedByPolicy`]; those of the look-up, [`StartError::NoSuchUser`] and its like: what can't be judged is
    /// not let in.
    pub(crate) async fn check_account(&self, asked: Asked<'_>) -> Result<(), Error> {
        let in_force = self.in_force();
        let Some(bash) = asked.bash else { return self.check(asked) };
        let account = self.executor.account(bash.user.clone(), bash.group.clone()).await?;
        let identity = &account.identity;
        let is_member = match &bash.group {
            None => true,
            // By themselves: the groups of `identity` have the one asked for among them.
            Some(_) => self.executor.own_groups(bash.user.clone()).await?.contains(&identity.gid),
        };
        let numbers = self.executor.numbers(&in_force.called).await?;
        let run_as = RunAs {
            uid: identity.uid,
            gid: identity.gid,
            groups: &identity.groups,
            is_member,
            numbers: &numbers,
        };
        answer(in_force.policy.check(asked, Some(run_as)))
    }

    fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.lock())
    }
}

fn answer(verdict: Verdict) -> Result<(), Error> {
    match verdict {
        Verdict::Allowed => Ok(()),
        Verdict::Refused(refusal) => {
            Err(Error::RefusedByPolicy { rule: refusal.rule, reason: refusal.reason })
        }
        // An account was given, so this is not said; and if it were, nothing is let in.
        Verdict::NeedsAccount => Err(Error::RefusedByPolicy { rule: "default".to_owned(), reason: None }),
    }
}
