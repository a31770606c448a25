//! One command as requested, and its bounds.
//!
//! `dispatch` fills it from a request; [`Spec::check`] rejects a command that no host could run,
//! before it waits for a place.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use agent_wire::message::MAX_CMD;
use agent_wire::message::{AccountId, Bash, MAX_OUTPUT, StderrMode};

use crate::exec::StartError;
use crate::exec::cgroups::limits::Limits;

/// Bytes of all requested variables, each as `NAME=value` and a NUL.
pub const MAX_ENV: usize = 128 * 1024;
/// Bytes of standard input.
pub const MAX_STDIN: usize = 16 * 1024 * 1024;

/// One command. `Debug` shows neither the command's environment nor its input.
#[derive(Clone, Default)]
pub struct Spec {
    /// The shell's argument after `-c`.
    pub cmd: String,
    /// After this time its tree is ended; `None`: never.
    pub timeout: Option<Duration>,
    /// A user's name or number; `None`: root, or the agent's own user where that is not root.
    pub user: Option<AccountId>,
    /// A group's name or number; `None`: [`crate::exec::ExecSettings::default_group`].
    pub group: Option<AccountId>,
    /// Its working directory; absolute. `None`: the user's home, or `/` when that cannot be
    /// entered.
    pub cwd: Option<PathBuf>,
    /// Added to the clean environment, or in place of its variables.
    pub env: Vec<(String, String)>,
    /// Standard input; `None`: /dev/null.
    pub stdin: Option<Vec<u8>>,
    /// Whether standard error is separate from standard output.
    pub separate_stderr: bool,
    /// Bytes kept of each stream; `None`: [`crate::exec::ExecSettings::max_output`].
    pub max_output: Option<usize>,
    /// For the command and everything it starts, together.
    pub limits: Limits,
}

impl Spec {
    /// Rejects a command that no host could run.
    ///
    /// # Errors
    /// [`StartError::InvalidCommand`] with the field and the problem with it.
    pub fn check(&self) -> Result<(), StartError> {
        let refuse =
            |field, why: &str| Err(StartError::InvalidCommand { field, why: why.to_owned() });
        if self.cmd.is_empty() {
            return refuse("cmd", "is empty");
        }
        if self.cmd.contains('\0') {
            return refuse("cmd", "contains a NUL character");
        }
        if self.cmd.len() > MAX_CMD {
            return refuse("cmd", &format!("has {} bytes; Linux allows {MAX_CMD}", self.cmd.len()));
        }
        let mut env_bytes = 0_usize;
        for (name, value) in &self.env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return refuse("env", "has a name that is empty or contains = or NUL");
            }
            if value.contains('\0') {
                return refuse("env", &format!("{} contains a NUL character", name.escape_debug()));
            }
            env_bytes = env_bytes.saturating_add(name.len() + value.len() + 2);
        }
        if env_bytes > MAX_ENV {
            return refuse("env", &format!("has {env_bytes} bytes; the maximum is {MAX_ENV}"));
        }
        if let Some(cwd) = &self.cwd {
            if !cwd.is_absolute() {
                return refuse("cwd", "is not an absolute path");
            }
            if cwd.as_os_str().as_encoded_bytes().contains(&0) {
                return refuse("cwd", "contains a NUL character");
            }
        }
        if self.stdin.as_ref().is_some_and(|stdin| stdin.len() > MAX_STDIN) {
            return refuse("stdin", &format!("is longer than {MAX_STDIN} bytes"));
        }
        if self.max_output.is_some_and(|max| max as u64 > MAX_OUTPUT) {
            return refuse("max_output", &format!("is more than {MAX_OUTPUT} bytes"));
        }
        Ok(())
    }
}

impl Spec {
    /// Returns its approximate size in memory.
    pub(crate) fn bytes(&self) -> usize {
        let env: usize = self.env.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.cmd.len() + env + self.stdin.as_ref().map_or(0, Vec::len)
    }
}

impl From<&Bash> for Spec {
    /// Copies the fields of a request; no time-out in the request means no time-out.
    fn from(bash: &Bash) -> Self {
        Self {
            cmd: bash.cmd.clone(),
            timeout: bash.timeout.map(Duration::from_secs),
            user: bash.user.clone(),
            group: bash.group.clone(),
            cwd: bash.cwd.as_ref().map(Into::into),
            env: bash.env.clone(),
            stdin: bash.stdin.as_ref().map(|text| text.clone().into_bytes()),
            separate_stderr: bash.stderr == StderrMode::Separate,
            max_output: bash.max_output.and_then(|bytes| usize::try_from(bytes).ok()),
            limits: bash.limits,
        }
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Spec")
            .field("cmd", &self.cmd)
            .field("timeout", &self.timeout)
            .field("user", &self.user)
            .field("group", &self.group)
            .field("cwd", &self.cwd)
            .field("env", &names)
            .field("stdin_bytes", &self.stdin.as_ref().map(Vec::len))
            .field("separate_stderr", &self.separate_stderr)
            .field("max_output", &self.max_output)
            .field("limits", &self.limits)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str, value: &str) -> Spec {
        Spec { cmd: "true".into(), env: vec![(name.into(), value.into())], ..Spec::default() }
    }

    #[test]
    fn a_command_that_no_host_can_run_is_rejected_with_the_field_named() {
        let cmd = |cmd: String| Spec { cmd, ..Spec::default() };
        let cwd = |cwd: &str| Spec { cmd: "true".into(), cwd: Some(cwd.into()), ..Spec::default() };
        let table = [
            (cmd(String::new()), Some("cmd")),
            (cmd("a\0b".into()), Some("cmd")),
            (cmd("x".repeat(MAX_CMD)), None),
            (cmd("x".repeat(MAX_CMD + 1)), Some("cmd")),
            (env("A", "1"), None),
            (env("", "1"), Some("env")),
            (env("A=B", "1"), Some("env")),
            (env("A\0", "1"), Some("env")),
            (env("A", "1\0"), Some("env")),
            (env("A", &"x".repeat(MAX_ENV)), Some("env")),
            (cwd("/tmp"), None),
            (cwd("tmp"), Some("cwd")),
            (cwd(""), Some("cwd")),
            (
                Spec { max_output: usize::try_from(MAX_OUTPUT + 1).ok(), ..env("A", "1") },
                Some("max_output"),
            ),
        ];
        for (spec, expected) in table {
            let field = match spec.check() {
                Err(StartError::InvalidCommand { field, .. }) => Some(field),
                Err(other) => panic!("{other}"),
                Ok(()) => None,
            };
            assert_eq!(field, expected, "{spec:?}");
        }
    }

    #[test]
    fn debug_output_has_neither_environment_values_nor_the_input() {
        let spec = Spec { stdin: Some(b"hidden-input".to_vec()), ..env("TOKEN", "hidden-value") };
        let shown = format!("{spec:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("hidden"), "{shown}");
    }
}
