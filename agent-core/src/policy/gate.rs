//! The policy in force, asked about each request.

use super::rules::{Name, Policy, Refusal, RunAs, Subject, Verdict};
use agent_wire::message::{Bash, MAX_CMD};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// Admits requests or rejects them. Every part that starts something for a controller asks here
/// first.
pub(crate) struct Gate {
    in_force: Mutex<Arc<Policy>>,
}

/// This host's accounts, as far as the policy needs them.
pub(crate) trait Accounts {
    /// Why a look-up failed, or a [`Rejection`].
    type Error: From<Rejection>;

    /// Looks up the account that a command would run as, and the numbers of `names`, in their
    /// order.
    fn run_as(
        &self,
        bash: &Bash,
        names: &Arc<[Name]>,
    ) -> impl Future<Output = Result<RunAs, Self::Error>> + Send;
}

/// The policy's verdict on a request before any account is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The request is admitted.
    Granted,
    /// It depends on the account that the command would run as; [`Gate::check_account`] decides.
    DependsOnAccount,
}

/// Why a request is not admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// A rule, or the default, refuses it.
    Refused(Refusal),
    /// No host could run its command, so no rule is tried on it.
    CommandTooLong,
}

impl fmt::Display for Rejection {
    /// Names the rule, never its content, which is the host's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(Refusal { rule, reason: Some(reason) }) => write!(f, "{rule}: {reason}"),
            Self::Refused(Refusal { rule, reason: None }) => f.write_str(rule),
            Self::CommandTooLong => write!(f, "cmd is longer than {MAX_CMD} bytes"),
        }
    }
}

impl std::error::Error for Rejection {}

impl Gate {
    /// Creates a gate with this policy in force.
    pub(crate) fn new(policy: Policy) -> Self {
        Self { in_force: Mutex::new(Arc::new(policy)) }
    }

    /// Returns whether everything is allowed, as on a host without a policy file.
    pub(crate) fn is_open(&self) -> bool {
        self.in_force().is_open()
    }

    /// Puts another policy in force.
    pub(crate) fn replace(&self, policy: Policy) {
        *self.in_force.lock() = Arc::new(policy);
    }

    /// Judges a request that brings no command.
    ///
    /// # Errors
    /// [`Rejection::Refused`].
    pub(crate) fn check(&self, subject: Subject<'_>) -> Result<(), Rejection> {
        let subject = Subject { bash: None, ..subject };
        decided(self.in_force().check(subject, None))
    }

    /// Judges any request, as far as that is possible without looking up accounts.
    ///
    /// # Errors
    /// The reason why it is not admitted.
    pub(crate) fn check_command(&self, subject: Subject<'_>) -> Result<Admission, Rejection> {
        let policy = self.in_force();
        if !policy.is_open() && subject.bash.is_some_and(|bash| bash.cmd.len() > MAX_CMD) {
            return Err(Rejection::CommandTooLong);
        }
        match policy.check(subject, None) {
            Verdict::NeedsAccount if subject.bash.is_some() => Ok(Admission::DependsOnAccount),
            verdict => decided(verdict).map(|()| Admission::Granted),
        }
    }

    /// Looks up the command's account and judges a request that [`Gate::check_command`] could not.
    ///
    /// # Errors
    /// A [`Rejection`], or why the look-up failed: a request that can't be judged is not admitted.
    pub(crate) async fn check_account<A: Accounts>(
        &self,
        subject: Subject<'_>,
        accounts: &A,
    ) -> Result<(), A::Error> {
        let policy = self.in_force();
        let Some(bash) = subject.bash else { return Ok(self.check(subject)?) };
        let run_as = accounts.run_as(bash, policy.names()).await?;
        Ok(decided(policy.check(subject, Some(&run_as)))?)
    }

    fn in_force(&self) -> Arc<Policy> {
        Arc::clone(&self.in_force.lock())
    }
}

fn decided(verdict: Verdict) -> Result<(), Rejection> {
    match verdict {
        Verdict::Allowed => Ok(()),
        Verdict::Refused(refusal) => Err(Rejection::Refused(refusal)),
        // The rules were given an account, so they never say this; if they did, nothing may pass.
        Verdict::NeedsAccount => {
            Err(Rejection::Refused(Refusal { rule: "default".to_owned(), reason: None }))
        }
    }
}
