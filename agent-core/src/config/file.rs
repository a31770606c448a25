//! The file's top level, and reading it.

use super::server::one_or_many;
use super::{
    AuditSettings, Bootstrap, CronSettings, EnrollSettings, Error, ExecSettings, LogSettings,
    PluginSettings, Server, TaskSettings, TlsSettings, value,
};
use crate::named_file::{self, Writers};
use agent_wire::message::Init;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The file that is read when no `--config` names one; it may be missing.
pub(super) const DEFAULT_PATH: &str = "/etc/basicagent/agent.toml";

/// The plugin directories unless `plugin_dirs` names others; the first file found wins.
const PLUGIN_DIRS: [&str; 2] = ["/usr/local/lib/basicagent/plugins", "/usr/lib/basicagent/plugins"];

/// A larger file is rejected.
const MAX_BYTES: u64 = 1 << 20;

/// The server of a host that has not joined through another, unless `server` names one.
const DEFAULT_SERVER: &str = "config.cargo.com";

/// Servers that `server` may list.
const MAX_SERVERS: usize = 16;

/// Everything an operator can set. Keys and defaults are documented in examples/config/agent.toml.
///
/// Every key has a default, so an empty file is valid. An unknown key is rejected with its line: a
/// misspelled bound must not be silently without effect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Empty: the servers that the host joined through, or else [`DEFAULT_SERVER`].
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) server: Vec<String>,
    #[serde(deserialize_with = "value::port")]
    pub(crate) port: u16,
    pub(crate) bootstrap: Bootstrap,
    pub(crate) host_id: Option<String>,
    pub(crate) state_dir: PathBuf,
    pub(crate) run_dir: PathBuf,
    pub(crate) plugin_dirs: Vec<PathBuf>,
    /// The policy's file, which must exist; `None`: the default file, if it exists.
    pub(crate) policy: Option<PathBuf>,
    /// Bytes of one message from the server.
    pub(crate) max_message: usize,
    pub(crate) tls: TlsSettings,
    pub(crate) enroll: EnrollSettings,
    pub(crate) exec: ExecSettings,
    pub(crate) tasks: TaskSettings,
    pub(crate) cron: CronSettings,
    pub(crate) plugins: PluginSettings,
    pub(crate) audit: AuditSettings,
    pub(crate) log: LogSettings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: Vec::new(),
            port: agent_wire::DEFAULT_PORT,
            bootstrap: Bootstrap::Plain,
            host_id: None,
            state_dir: "/var/lib/basicagent".into(),
            run_dir: "/run/basicagent".into(),
            plugin_dirs: PLUGIN_DIRS.iter().map(PathBuf::from).collect(),
            policy: None,
            max_message: agent_wire::DEFAULT_MAX_MESSAGE,
            tls: TlsSettings::default(),
            enroll: EnrollSettings::default(),
            exec: ExecSettings::default(),
            tasks: TaskSettings::default(),
            cron: CronSettings::default(),
            plugins: PluginSettings::default(),
            audit: AuditSettings::default(),
            log: LogSettings::default(),
        }
    }
}

impl Config {
    /// Reads the file, applies flags and environment with `override_keys`, and checks the result.
    /// Without a `path` it reads [`DEFAULT_PATH`], if that exists.
    ///
    /// # Errors
    /// [`Error`], with the file and line, or the key.
    pub(crate) fn load(
        path: Option<&Path>,
        override_keys: impl FnOnce(&mut Self),
    ) -> Result<Self, Error> {
        let mut config = match path {
            Some(path) => Self::read(path)?,
            None => match Self::read(Path::new(DEFAULT_PATH)) {
                Err(Error::Read { source, .. }) if source.is_missing() => Self::default(),
                read => read?,
            },
        };
        override_keys(&mut config);
        match config.check().into_iter().next() {
            Some(error) => Err(error),
            None => Ok(config),
        }
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let text = text(path)?;
        toml::from_str(&text).map_err(|mut source: toml::de::Error| {
            if shows_a_token(&text, source.span()) {
                source.set_input(None);
            }
            Error::Syntax { path: path.to_owned(), source: Box::new(source) }
        })
    }

    /// Returns the faults that types do not exclude. Messages name the key as the file has it.
    pub(super) fn check(&self) -> Vec<Error> {
        let mut found = Vec::new();
        if self.server.len() > MAX_SERVERS {
            found.push(Error::key("server", format!("1 to {MAX_SERVERS} names or addresses")));
        }
        found.extend(self.server.iter().filter_map(|server| Server::parse(server).err()));
        if self.port == 0 {
            found.push(Error::key("port", "must be from 1 to 65535"));
        }
        if self.host_id.as_deref().is_some_and(|id| !Init::is_hostname(id)) {
            found.push(Error::key("host_id", "1 to 128 letters, digits, '.', '_' or '-'"));
        }
        found.extend(value::absolute("state_dir", &self.state_dir));
        found.extend(value::absolute("run_dir", &self.run_dir));
        let dirs = self.plugin_dirs.iter();
        found.extend(dirs.filter_map(|dir| value::absolute("plugin_dirs", dir)));
        found.extend(self.policy.iter().filter_map(|path| value::absolute("policy", path)));
        found.extend(value::within("max_message", self.max_message, 1024..=64 << 20));
        self.tls.check(&mut found);
        self.enroll.check(&mut found);
        if self.enroll.is_set() && self.tls.names_files() {
            let why = "cannot be set together with tls.ca, tls.cert or tls.key: either the host \
                       joins, or the operator provides its certificate";
            found.push(Error::key("enroll", why));
        }
        self.exec.check(&mut found);
        self.tasks.check(&mut found);
        self.cron.check(&mut found);
        self.plugins.check(&mut found);
        self.audit.check(&mut found);
        self.log.check(&mut found);
        found
    }

    /// Returns the configured servers, in order.
    pub(crate) fn servers(&self) -> Vec<Server> {
        let parse = |text: &String| Server::parse(text).ok();
        match self.server.is_empty() {
            true => Server::parse(DEFAULT_SERVER).into_iter().collect(),
            false => self.server.iter().filter_map(parse).collect(),
        }
    }

    /// Returns the audit log's path; `None` when there is no audit log.
    pub(crate) fn audit_file(&self) -> Option<PathBuf> {
        self.audit.path(&self.state_dir)
    }

    /// Tells whether a channel opened under `other` must be reopened under this configuration.
    pub(crate) fn moves_link(&self, other: &Self) -> bool {
        self.server != other.server
            || self.port != other.port
            || self.bootstrap != other.bootstrap
            || self.max_message != other.max_message
            || self.tls != other.tls
    }
}

/// Reads the text of a file.
pub(super) fn text(path: &Path) -> Result<String, Error> {
    let bytes = named_file::read(path, MAX_BYTES, Writers::TrustedLinks)
        .map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let text = str::from_utf8(&bytes)
        .map_err(|source| Error::Encoding { path: path.to_owned(), source })?;
    // Editors on Windows begin a file with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}

/// Returns whether the lines of an error, which its message shows, name a token.
fn shows_a_token(text: &str, span: Option<std::ops::Range<usize>>) -> bool {
    let Some(span) = span else { return false };
    let start = text[..span.start.min(text.len())].rfind('\n').map_or(0, |at| at + 1);
    let end = text[span.end.min(text.len())..].find('\n').map_or(text.len(), |at| span.end + at);
    text.get(start..end).is_none_or(|lines| lines.contains("token"))
}

#[cfg(test)]
mod tests;
