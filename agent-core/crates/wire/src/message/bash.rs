//! The fields of `sync.bash` and `async.bash` (§5, §6).

use super::AccountId;
use crate::{InvalidParams, Params};
use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::value::{RawValue, to_raw_value};
use std::fmt;

/// The timeout of a `sync.bash` that has none, in seconds.
pub const DEFAULT_TIMEOUT: u64 = 120;

/// The longest `sync.bash`, in seconds: a day.
pub const MAX_SYNC_TIMEOUT: u64 = 86_400;

/// The longest `async.bash`, in seconds: 30 days.
pub const MAX_TASK_TIMEOUT: u64 = 30 * 86_400;

/// The longest command, in bytes: Linux takes 128 KiB for one argument, its NUL included
/// (MAX_ARG_STRLEN, execve(2)).
pub const MAX_CMD: usize = 131_071;

/// The most output, in bytes, that a request may ask to be kept: 16 MiB.
pub const MAX_OUTPUT: u64 = 16 << 20;

/// Where the command's standard error goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StderrMode {
    /// Into the output, in the order of writing.
    #[default]
    Merge,
    /// Into a field of its own.
    Separate,
}

/// How output is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As text, or as base64 where it is not valid UTF-8.
    #[default]
    Auto,
    /// Always base64.
    Base64,
}

/// Limits on a command and everything it starts, together, enforced by cgroup controllers; `None`
/// is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CommandLimits {
    /// Bytes of memory; beyond them the kernel kills processes of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Percent of one processor; 250 is two and a half.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u64>,
    /// Processes and threads; one more can't be started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<u64>,
}

impl CommandLimits {
    fn parse(params: Params<'_>) -> Result<Self, InvalidParams> {
        let Some(fields) = params.object("limits")? else { return Ok(Self::default()) };
        if let Some(other) =
            fields.keys().find(|key| !["memory", "cpu", "pids"].contains(&key.as_str()))
        {
            // An ignored limit is worse than an error.
            return Err(InvalidParams(format!(
                "limits may hold memory, cpu and pids, not \"{}\"",
                crate::json::quote(other)
            )));
        }
        let limits = Params::new(fields);
        let named = |error: InvalidParams| InvalidParams(format!("limits.{error}"));
        Ok(Self {
            memory: limits.whole("memory", " of bytes", 1 << 20..=1 << 50).map_err(named)?,
            cpu: limits.whole("cpu", " of percent", 1..=1_000_000).map_err(named)?,
            pids: limits.whole("pids", " of processes", 1..=1 << 22).map_err(named)?,
        })
    }

    /// Returns whether nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// One command of a request. Durations are whole seconds, sizes are bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bash {
    /// Given to the shell's `-c`; never empty.
    pub cmd: String,
    /// Seconds; `None` is the method's own default.
    pub timeout: Option<u64>,
    /// Name or uid; `None` is root.
    pub user: Option<AccountId>,
    /// Name or gid; `None` is the default of §5.
    pub group: Option<AccountId>,
    /// An absolute path; `None` is the user's home.
    pub cwd: Option<String>,
    /// Added to the clean environment, in order of the names.
    pub env: Vec<(String, String)>,
    /// The command's input; `None` is /dev/null.
    pub stdin: Option<String>,
    /// Merged or separate.
    pub stderr: StderrMode,
    /// Bytes of output to keep, each stream; `None` is the agent's setting.
    pub max_output: Option<u64>,
    /// Whether output is sent in frames as it comes, before the reply.
    pub stream: bool,
    /// Text or base64.
    pub encoding: Encoding,
    /// Limits on its resources.
    pub limits: CommandLimits,
}

impl Bash {
    /// Returns its fields as JSON text, the same for the same command.
    #[must_use]
    pub fn to_fields(&self) -> Box<RawValue> {
        to_raw_value(self).expect("a command goes to memory")
    }

    /// Reads the fields of a `*.bash` request; `max_timeout` is the method's own bound in seconds.
    ///
    /// # Errors
    /// The first field that is not as §5 describes.
    pub fn parse(params: Params<'_>, max_timeout: u64) -> Result<Self, InvalidParams> {
        let cmd = params.required_text("cmd")?.to_owned();
        Self::parse_with(cmd, params, max_timeout)
    }

    /// Reads the fields but `cmd`, which comes from elsewhere.
    pub(super) fn parse_with(
        cmd: String,
        params: Params<'_>,
        max_timeout: u64,
    ) -> Result<Self, InvalidParams> {
        let cwd = params.short_text("cwd", 4096)?.map(str::to_owned);
        if let Some(path) = cwd.as_deref().filter(|path| !path.starts_with('/')) {
            return Err(InvalidParams(format!(
                "cwd must be an absolute path, not \"{}\"",
                crate::json::quote(path)
            )));
        }
        Ok(Self {
            cmd,
            timeout: params.whole("timeout", " of seconds", 1..=max_timeout)?,
            user: params.account("user")?,
            group: params.account("group")?,
            cwd,
            env: params.text_map("env")?,
            // The usual error would quote the value, which may be a secret.
            stdin: params
                .text("stdin")
                .map_err(|_| InvalidParams("stdin must be a string".to_owned()))?
                .map(str::to_owned),
            stderr: params
                .one_of(
                    "stderr",
                    &[("merge", StderrMode::Merge), ("separate", StderrMode::Separate)],
                )?
                .unwrap_or_default(),
            max_output: params.whole("max_output", " of bytes", 1..=MAX_OUTPUT)?,
            stream: params.flag("stream", false)?,
            encoding: params
                .one_of("encoding", &[("auto", Encoding::Auto), ("base64", Encoding::Base64)])?
                .unwrap_or_default(),
            limits: CommandLimits::parse(params)?,
        })
    }
}

impl Serialize for Bash {
    /// Writes the request's fields without `id` and `method`; absent ones are left out.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.serialize_into(&mut map)?;
        map.end()
    }
}

impl Bash {
    /// Adds the fields to those of a larger message.
    pub(super) fn serialize_into<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("cmd", &self.cmd)?;
        if let Some(timeout) = self.timeout {
            map.serialize_entry("timeout", &timeout)?;
        }
        for (name, value) in [("user", &self.user), ("group", &self.group)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        for (name, value) in [("cwd", &self.cwd), ("stdin", &self.stdin)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if !self.env.is_empty() {
            let mut env = serde_json::Map::new();
            for (name, value) in &self.env {
                env.insert(name.clone(), value.as_str().into());
            }
            map.serialize_entry("env", &env)?;
        }
        if self.stderr != StderrMode::default() {
            map.serialize_entry("stderr", &self.stderr)?;
        }
        if let Some(max_output) = self.max_output {
            map.serialize_entry("max_output", &max_output)?;
        }
        if self.stream {
            map.serialize_entry("stream", &true)?;
        }
        if self.encoding != Encoding::default() {
            map.serialize_entry("encoding", &self.encoding)?;
        }
        if !self.limits.is_none() {
            map.serialize_entry("limits", &self.limits)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Bash {
    /// Leaves out the values of `env` and `stdin`: both may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Bash")
            .field("cmd", &self.cmd)
            .field("timeout", &self.timeout)
            .field("user", &self.user)
            .field("group", &self.group)
            .field("cwd", &self.cwd)
            .field("env", &names)
            .finish_non_exhaustive()
    }
}
