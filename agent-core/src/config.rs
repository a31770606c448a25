//! The configuration: what the file, the flags and the environment say, checked once.
//!
//! Every key has a default, so an empty file is a valid one. An unknown key is refused with its line: a
//! misspelt bound that is silently not in force is worse than an agent that says so.

use crate::Error;
use crate::audit;
use crate::exec::{DefaultGroup, Settings};
use crate::plugin;
use crate::schedule;
use crate::task;
use agent_wire::Endpoint;
use agent_wire::message::{Init, MAX_OUTPUT};
use log::LevelFilter;
use plugin_api::host::Trust;
use rustls_pki_types::ServerName;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the file is when no `--config` names one; it may be missing there.
const DEFAULT_PATH: &str = "/etc/basicagent/agent.toml";

/// Where plugins are, unless `plugin_dirs` says otherwise; the first file found wins.
const PLUGIN_DIRS: [&str; 2] = ["/usr/local/lib/basicagent/plugins", "/usr/lib/basicagent/plugins"];

/// The `audit.file` that stands for no audit log.
const NO_AUDIT: &str = "none";

/// Servers that one `server` setting may list.
const MAX_SERVERS: usize = 16;

/// Everything an operator can set. Keys and defaults are documented in examples/config/agent.toml.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) server: Vec<String>,
    pub(crate) port: u16,
    pub(crate) bootstrap: Bootstrap,
    pub(crate) host_id: Option<String>,
    pub(crate) state_dir: PathBuf,
    pub(crate) run_dir: PathBuf,
    pub(crate) plugin_dirs: Vec<PathBuf>,
    /// The policy's file, which has to be there; `None`: the default one, if it is there.
    pub(crate) policy: Option<PathBuf>,
    /// Bytes of one message from the server.
    pub(crate) max_message: usize,
    pub(crate) tls: Tls,
    pub(crate) exec: Exec,
    pub(crate) tasks: Tasks,
    pub(crate) cron: Cron,
    pub(crate) plugins: Plugins,
    pub(crate) audit: Audit,
    pub(crate) log: Log,
}

/// How a server is asked where to go (§2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Bootstrap {
    /// In plain TCP first, then TLS on the same connection.
    Plain,
    /// Inside TLS, from the first byte.
    Tls,
    /// Not at all: TLS from the first byte. The channel's own `init` (§3) may still be redirected, which
    /// makes it the same on the wire as `Tls`.
    Direct,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) ca: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) server_name: Option<String>,
    pub(crate) min_version: TlsVersion,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum TlsVersion {
    #[serde(rename = "1.2")]
    V12,
    #[serde(rename = "1.3")]
    V13,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Exec {
    pub(crate) shell: PathBuf,
    pub(crate) max_running: usize,
    pub(crate) max_queued: usize,
    pub(crate) max_output: usize,
    /// Seconds between TERM and KILL.
    pub(crate) grace: u64,
    pub(crate) default_group: GroupRule,
}

/// The group of a command whose request names none (§5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GroupRule {
    /// The user's own primary group.
    Primary,
    /// Group 0, the letter of the founding document.
    Root,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tasks {
    /// How long a result waits for a server that takes it.
    pub(crate) keep_days: u32,
    /// What tasks may take on disk.
    pub(crate) max_bytes: u64,
    /// Tasks that run at once.
    pub(crate) max_running: usize,
    /// Tasks that are known at once, whatever their state.
    pub(crate) max_kept: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cron {
    dir: PathBuf,
    timezone: String,
    calendar: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Plugins {
    /// Methods whose provider may keep root.
    pub(crate) roots: Vec<String>,
    /// Seconds a worker process outlives its last call.
    pub(crate) idle: u64,
    /// Sums of files, one of which a plugin's must be; empty: any.
    trusted_sha256: Vec<String>,
    /// minisign keys, one of which must have signed a plugin; empty: it need not be signed.
    trusted_keys: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Audit {
    /// Empty: in `state_dir`; [`NO_AUDIT`]: there is none.
    file: PathBuf,
    max_bytes: u64,
    keep: u32,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) file: Option<PathBuf>,
}

/// `off`, `error`, `warn`, `info`, `debug` or `trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(pub(crate) LevelFilter);

impl Default for Config {
    fn default() -> Self {
        Self {
            server: vec!["config.cargo.com".to_owned()],
            port: agent_wire::DEFAULT_PORT,
            bootstrap: Bootstrap::Plain,
            host_id: None,
            state_dir: "/var/lib/basicagent".into(),
            run_dir: "/run/basicagent".into(),
            plugin_dirs: PLUGIN_DIRS.iter().map(PathBuf::from).collect(),
            policy: None,
            max_message: agent_wire::DEFAULT_MAX_MESSAGE,
            tls: Tls::default(),
            exec: Exec::default(),
            tasks: Tasks::default(),
            cron: Cron::default(),
            plugins: Plugins::default(),
            audit: Audit::default(),
            log: Log::default(),
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            ca: "/etc/basicagent/ca.pem".into(),
            cert: "/etc/basicagent/agent.pem".into(),
            key: "/etc/basicagent/agent.key".into(),
            server_name: None,
            min_version: TlsVersion::V13,
        }
    }
}

impl Default for Exec {
    fn default() -> Self {
        Self {
            shell: "/bin/bash".into(),
            max_running: 64,
            max_queued: 1024,
            max_output: 1 << 20,
            grace: 2,
            default_group: GroupRule::Primary,
        }
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self { keep_days: 7, max_bytes: 1 << 30, max_running: 128, max_kept: 16_384 }
    }
}

impl Default for Cron {
    fn default() -> Self {
        Self { dir: "/etc/basicagent/cron.d".into(), timezone: String::new(), calendar: String::new() }
    }
}

impl Default for Plugins {
    fn default() -> Self {
        Self {
            roots: vec!["getinfo.users".to_owned()],
            idle: 30,
            trusted_sha256: Vec::new(),
            trusted_keys: Vec::new(),
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self { file: PathBuf::new(), max_bytes: 10 << 20, keep: 5 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level(LevelFilter::Info), file: None }
    }
}

impl Config {
    /// Reads the file, lays over it what flags and environment say, and checks the whole. Without a `path` the file is
    /// [`DEFAULT_PATH`], if it is there.
    ///
    /// # Errors
    /// [`Error::File`] when the file can't be read, [`Error::Config`] with the line or key otherwise.
    pub(crate) fn load(path: Option<&Path>, lay_over: impl FnOnce(&mut Self)) -> Result<Self, Error> {
        let mut config = match path {
            Some(path) => Self::read(path)?,
            None if Path::new(DEFAULT_PATH).exists() => Self::read(Path::new(DEFAULT_PATH))?,
            None => Self::default(),
        };
        lay_over(&mut config);
        config.check()?;
        Ok(config)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        toml::from_str(&text).map_err(|error| Error::Config(format!("{}: {error}", path.display())))
    }

    /// What no type can say. The checks name the key as the file has it.
    fn check(&self) -> Result<(), Error> {
        let refuse = |key: &str, why: &str| Err(Error::Config(format!("{key}: {why}")));
        if self.server.is_empty() || self.server.len() > MAX_SERVERS {
            return refuse("server", &format!("1 to {MAX_SERVERS} names or addresses"));
        }
        for server in &self.server {
            Server::parse(server)?;
        }
        if self.port == 0 {
            return refuse("port", "must be from 1 to 65535");
        }
        if self.host_id.as_deref().is_some_and(|id| !Init::is_hostname(id)) {
            return refuse("host_id", "1 to 128 letters, digits, '.', '_' or '-'");
        }
        if let Some(name) = &self.tls.server_name
            && ServerName::try_from(name.as_str()).is_err()
        {
            return refuse("tls.server_name", "must be a DNS name or an address");
        }
        let paths =
            [("state_dir", &self.state_dir), ("run_dir", &self.run_dir), ("exec.shell", &self.exec.shell)];
        let plugin_dirs = self.plugin_dirs.iter().map(|dir| ("plugin_dirs", dir));
        let policy = self.policy.iter().map(|path| ("policy", path));
        let is_path = !self.audit.file.as_os_str().is_empty() && self.audit.file != Path::new(NO_AUDIT);
        let audit = is_path.then_some(("audit.file", &self.audit.file));
        for (key, path) in paths.into_iter().chain(plugin_dirs).chain(policy).chain(audit) {
            if !path.is_absolute() {
                return refuse(key, &format!("must be an absolute path, not \"{}\"", path.display()));
            }
        }
        let max_output = usize::try_from(MAX_OUTPUT).unwrap_or(usize::MAX);
        let ranges = [
            ("max_message", self.max_message, 1024, 64 << 20),
            ("exec.max_running", self.exec.max_running, 1, 4096),
            ("exec.max_queued", self.exec.max_queued, 0, 65_536),
            ("exec.max_output", self.exec.max_output, 1, max_output),
            ("tasks.max_running", self.tasks.max_running, 1, 4096),
            ("tasks.max_kept", self.tasks.max_kept, 1, 1 << 20),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return refuse(key, &format!("must be from {least} to {most}, not {value}"));
            }
        }
        let whole = [
            ("tasks.keep_days", u64::from(self.tasks.keep_days), 1, 3650),
            ("tasks.max_bytes", self.tasks.max_bytes, 1 << 20, 1 << 50),
            ("audit.max_bytes", self.audit.max_bytes, 64 << 10, 1 << 40),
            ("audit.keep", u64::from(self.audit.keep), 0, 100),
        ];
        for (key, value, least, most) in whole {
            if !(least..=most).contains(&value) {
                return refuse(key, &format!("must be from {least} to {most}, not {value}"));
            }
        }
        if self.exec.grace > 60 {
            return refuse("exec.grace", "must be at most 60 seconds");
        }
        if !(1..=3600).contains(&self.plugins.idle) {
            return refuse("plugins.idle", "must be from 1 to 3600 seconds");
        }
        if let Err(why) = Trust::new(&self.plugins.trusted_sha256, &[]) {
            return refuse("plugins.trusted_sha256", &why);
        }
        if let Err(why) = Trust::new(&[], &self.plugins.trusted_keys) {
            return refuse("plugins.trusted_keys", &why);
        }
        Ok(())
    }

    /// The configured servers, in order.
    pub(crate) fn servers(&self) -> Vec<Server> {
        self.server.iter().filter_map(|text| Server::parse(text).ok()).collect()
    }

    /// As the audit log takes it.
    pub(crate) fn audit(&self) -> audit::Settings {
        let file = match self.audit.file.as_os_str().to_str() {
            Some(NO_AUDIT) => None,
            Some("") => Some(self.state_dir.join("audit.log")),
            _ => Some(self.audit.file.clone()),
        };
        audit::Settings { file, max_bytes: self.audit.max_bytes, keep: self.audit.keep }
    }

    /// What tasks get.
    pub(crate) fn task_settings(&self) -> task::Settings {
        task::Settings {
            max_running: u32::try_from(self.tasks.max_running).unwrap_or(task::MAX_RUNNING),
            max_kept: self.tasks.max_kept,
            max_bytes: self.tasks.max_bytes,
            keep: Duration::from_secs(u64::from(self.tasks.keep_days) * 24 * 3600),
            max_output: self.exec.max_output as u64,
        }
    }

    /// What plugins get.
    ///
    /// # Errors
    /// [`Error::Config`]: a sum or a key that is none, which a checked configuration does not have.
    pub(crate) fn plugin_settings(&self) -> Result<plugin::Settings, Error> {
        let Plugins { roots, idle, trusted_sha256, trusted_keys } = &self.plugins;
        Ok(plugin::Settings {
            dirs: self.plugin_dirs.clone(),
            roots: roots.clone(),
            idle: Duration::from_secs(*idle),
            trust: Trust::new(trusted_sha256, trusted_keys).map_err(Error::Config)?,
        })
    }

    /// What schedules get.
    pub(crate) fn schedule_settings(&self) -> schedule::Settings {
        let Cron { dir, timezone, calendar } = self.cron.clone();
        schedule::Settings { dir, timezone, calendar }
    }

    /// Whether a channel opened under `other` must be opened anew under this configuration.
    pub(crate) fn moves_link(&self, other: &Self) -> bool {
        self.server != other.server
            || self.port != other.port
            || self.bootstrap != other.bootstrap
            || self.max_message != other.max_message
            || self.tls != other.tls
    }
}

impl Exec {
    /// As exec takes it.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            shell: self.shell.clone(),
            max_running: self.max_running,
            max_queued: self.max_queued,
            max_output: self.max_output,
            grace: Duration::from_secs(self.grace),
            default_group: match self.default_group {
                GroupRule::Primary => DefaultGroup::Primary,
                GroupRule::Root => DefaultGroup::Root,
            },
        }
    }
}

/// One item of `server`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// An address, with its own port or none.
    Address(Endpoint),
    /// A name to resolve, with its own port or none.
    Name(String, Option<u16>),
}

impl Server {
    /// Reads `name`, `name:port`, or an address in any form of §1.
    fn parse(text: &str) -> Result<Self, Error> {
        if let Some(endpoint) = Endpoint::parse(text) {
            return Ok(Self::Address(endpoint));
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, port.parse().ok().filter(|port| *port != 0).map(Some)),
            None => (text, Some(None)),
        };
        match (ServerName::try_from(name), port) {
            (Ok(ServerName::DnsName(_)), Some(port)) => Ok(Self::Name(name.to_owned(), port)),
            _ => Err(Error::Config(format!(
                "server: \"{}\" is neither a name nor an address",
                agent_wire::json::quote(text)
            ))),
        }
    }

    /// The name that the server's certificate must carry, unless `tls.server_name` says another.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Address(endpoint) => endpoint.ip.to_string(),
            Self::Name(name, _) => name.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            D::Error::custom(
                "log.level must be \"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
            )
        })
    }
}

/// A string, or a list of strings.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list of strings")
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![text.to_owned()])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                list.push(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_any(OneOrMany)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn the_shipped_example_is_valid_and_says_the_defaults() {
        let shipped = include_str!("../../examples/config/agent.toml");
        assert_eq!(parse(shipped).unwrap(), Config::default());
    }

    #[test]
    fn servers_are_names_or_addresses_one_or_many() {
        let config = parse("server = ['a.example', 'b.example:81', '10.0.0.1', '[fd00::1]:82']").unwrap();
        let names: Vec<String> = config.servers().iter().map(Server::name).collect();
        assert_eq!(names, ["a.example", "b.example", "10.0.0.1", "fd00::1"]);
        assert_eq!(parse("server = 'a.example'").unwrap().servers().len(), 1);
    }

    #[test]
    fn the_audit_log_is_in_the_state_directory_or_where_it_is_said_or_nowhere() {
        let table = [
            ("", Some("/var/lib/basicagent/audit.log")),
            ("state_dir = '/s'\n", Some("/s/audit.log")),
            ("[audit]\nfile = '/var/log/audit'", Some("/var/log/audit")),
            ("[audit]\nfile = 'none'", None),
        ];
        for (text, file) in table {
            assert_eq!(parse(text).unwrap().audit().file.as_deref(), file.map(Path::new), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let table = [
            ("sever = 'x'", "line 1"),
            ("[exec]\nshel = '/bin/sh'", "line 2"),
            ("port = 0", "port"),
            ("port = 70000", "line 1"),
            ("server = []", "server"),
            ("server = 'a b'", "server"),
            ("bootstrap = 'maybe'", "bootstrap"),
            ("host_id = 'a/b'", "host_id"),
            ("state_dir = 'var'", "state_dir"),
            ("plugin_dirs = ['lib']", "plugin_dirs"),
            ("policy = 'policy.toml'", "policy"),
            ("policy = ''", "policy"),
            ("[audit]\nfile = 'audit.log'", "audit.file"),
            ("[audit]\nmax_bytes = 1", "audit.max_bytes"),
            ("[audit]\nkeep = 101", "audit.keep"),
            ("[tasks]\nkeep_days = 0", "tasks.keep_days"),
            ("[tasks]\nmax_bytes = 4096", "tasks.max_bytes"),
            ("[tasks]\nmax_running = 0", "tasks.max_running"),
            ("[tasks]\nmax_kept = 10000000", "tasks.max_kept"),
            ("[exec]\nmax_running = 0", "exec.max_running"),
            ("[log]\nlevel = 'loud'", "log.level"),
            ("[tls]\nserver_name = 'a b'", "tls.server_name"),
            ("[plugins]\ntrusted_sha256 = ['00']", "plugins.trusted_sha256"),
            ("[plugins]\ntrusted_keys = ['RWQ']", "plugins.trusted_keys"),
        ];
        for (text, word) in table {
            let error = parse(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
