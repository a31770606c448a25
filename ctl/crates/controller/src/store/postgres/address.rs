//! Where the database is: the URL of `--database`, and how it is shown.

use super::error::Sentence;
use super::password;
use super::pool::CONNECT;
use super::tls::Connector;
use crate::error::Error;
use nix::unistd::gethostname;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;

/// The folder of the server's socket, where the URL names no host.
const SOCKETS: &str = "/var/run/postgresql";

/// What stands in front of the URL's parts.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Unanswered bytes end a connection after this time.
const UNANSWERED: Duration = Duration::from_secs(10);

/// A silent server is asked whether it is there after this time, and then twice more.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// The time between these questions.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// The database, and how to get there.
pub(crate) struct Address {
    config: Config,
    connector: Connector,
    /// Without the password.
    shown: String,
}

impl Address {
    /// Returns whether a value of `--database` names a PostgreSQL database.
    pub(crate) fn is_meant(database: &str) -> bool {
        SCHEMES.iter().any(|scheme| database.starts_with(scheme))
    }

    /// Reads a URL. The password comes from `password_file`, PGPASSWORD or ~/.pgpass.
    ///
    /// # Errors
    /// When the URL is wrong, or a file cannot be read or trusted.
    pub(crate) fn parse(url: &str, password_file: Option<&Path>) -> Result<Self, Error> {
        let Parts { plain, tls } = Parts::of(url)?;
        let mut config = Config::from_str(&plain).map_err(|error| {
            // Its sentence names the part that is wrong, not the URL.
            wrong(&Sentence(&error).to_string())
        })?;
        if config.get_hosts().is_empty() {
            config.host_path(SOCKETS);
        }
        let tls = tls.decide(config.get_hosts())?;
        let connector = match &tls {
            Some(files) => {
                config.ssl_mode(SslMode::Require);
                let own = files.own.as_ref().map(|(certificate, key)| (&**certificate, &**key));
                Connector::tls(&files.roots, own)?
            }
            None => {
                config.ssl_mode(SslMode::Disable);
                Connector::Plain
            }
        };
        config
            .connect_timeout(CONNECT)
            .tcp_user_timeout(UNANSWERED)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE_INTERVAL)
            .keepalives_retries(2)
            // Among several hosts, the primary.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .application_name(application());
        let shown = shown(&config);
        if let Some(password) = password::find(&config, password_file)? {
            config.password(password);
        }
        Ok(Self { config, connector, shown })
    }

    /// Returns the settings of a connection.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Returns how connections are made.
    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Returns a sentence that says why no connection was made, and what to do.
    pub(super) fn cannot_connect(&self, error: &tokio_postgres::Error) -> String {
        let advice = match error.code() {
            Some(&SqlState::INVALID_PASSWORD) => {
                "; check --database-password-file, PGPASSWORD or ~/.pgpass"
            }
            Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
                "; check the user, and the server's pg_hba.conf"
            }
            Some(&SqlState::INVALID_CATALOG_NAME) => {
                "; create it: createdb -E UTF8 -T template0 NAME"
            }
            Some(&SqlState::TOO_MANY_CONNECTIONS) => "; raise the server's max_connections",
            Some(&SqlState::CANNOT_CONNECT_NOW) => "; the server is starting or stopping",
            Some(_) => "",
            None => "; check that the server runs and can be reached there",
        };
        format!("cannot connect to {self}: {}{advice}", Sentence(error))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.shown).finish()
    }
}

/// Returns how the server's lists of connections name this controller.
fn application() -> String {
    let host = gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let host = host.split('.').next().unwrap_or_default();
    format!("BasicAgentController {host}").trim_end().chars().take(60).collect()
}

fn shown(config: &Config) -> String {
    let ports = config.get_ports();
    let host = |(at, host): (usize, &Host)| {
        let name = match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]"),
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        };
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        format!("{name}:{port}")
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let user = config.get_user().map(|user| format!("{user}@")).unwrap_or_default();
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{user}{}/{name}", hosts.join(","))
}

fn wrong(why: &str) -> Error {
    Error::Flags(format!(
        "--database: {why}; give it as postgres://USER@HOST:PORT/NAME?sslmode=verify-full&\
         sslrootcert=FILE"
    ))
}

/// A URL, taken apart.
struct Parts {
    /// What tokio-postgres reads.
    plain: String,
    tls: TlsParameters,
}

/// The parameters of TLS, with libpq's names.
#[derive(Default)]
struct TlsParameters {
    mode: Option<String>,
    roots: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// The files of a connection over TLS.
struct TlsFiles {
    roots: PathBuf,
    own: Option<(PathBuf, PathBuf)>,
}

impl Parts {
    fn of(url: &str) -> Result<Self, Error> {
        let rest = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| wrong("not a postgres:// URL"))?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let user = place.split('/').next().unwrap_or_default().rsplit_once('@');
        if user.is_some_and(|(user, _)| user.contains(':')) {
            return Err(password_in_url());
        }
        let mut tls = TlsParameters::default();
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let text = || decoded(value).ok_or_else(|| wrong(&format!("{name} is not UTF-8")));
            match name {
                "sslmode" => tls.mode = Some(text()?),
                "sslrootcert" => tls.roots = Some(text()?.into()),
                "sslcert" => tls.certificate = Some(text()?.into()),
                "sslkey" => tls.key = Some(text()?.into()),
                "password" => return Err(password_in_url()),
                _ => kept.push(parameter),
            }
        }
        let plain = format!("{}{place}?{}", SCHEMES[0], kept.join("&"));
        Ok(Self { plain, tls })
    }
}

fn password_in_url() -> Error {
    Error::Flags(
        "--database: a password in the URL could be seen by every user of this host; put it into \
         a file (--database-password-file), PGPASSWORD or ~/.pgpass"
            .to_owned(),
    )
}

/// Decodes %XX.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = others.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &others[2..];
    }
    String::from_utf8(bytes).ok()
}

impl TlsParameters {
    /// Returns the files of TLS; `None` for a connection in the clear.
    fn decide(self, hosts: &[Host]) -> Result<Option<TlsFiles>, Error> {
        let is_here = |host: &Host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        };
        match self.mode.as_deref() {
            Some("disable") => return Ok(None),
            Some("verify-full") => {}
            None if hosts.iter().all(is_here) => return Ok(None),
            None => {}
            Some(other) => {
                return Err(wrong(&format!(
                    "sslmode={other} does not make the server prove its name; use verify-full, or \
                     disable where the network is trusted"
                )));
            }
        }
        let Some(roots) = self.roots else {
            return Err(wrong(
                "a server on another host must prove its name: sslrootcert=FILE is missing (or \
                 sslmode=disable where the network is trusted)",
            ));
        };
        let own = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(wrong("sslcert and sslkey belong together")),
        };
        Ok(Some(TlsFiles { roots, own }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<String, String> {
        let address = Address::parse(url, None).map_err(|error| error.to_string())?;
        let debug = format!("{address:?} {:?}", address.config());
        assert!(!debug.contains("hunter2"), "{debug}");
        Ok(address.to_string())
    }

    #[test]
    fn a_url_is_shown_without_secrets_and_a_wrong_one_says_what_to_do() {
        for (url, shown) in [
            ("postgres://ba@127.0.0.1:5433/fleet", "postgres://ba@127.0.0.1:5433/fleet"),
            ("postgresql://ba@[::1]/fleet", "postgres://ba@[::1]:5432/fleet"),
            ("postgres://ba@/fleet", "postgres://ba@/var/run/postgresql:5432/fleet"),
            ("postgres://ba@localhost", "postgres://ba@localhost:5432/ba"),
            (
                "postgres://ba@a.example,b.example:6000/x?sslmode=disable",
                "postgres://ba@a.example:5432,b.example:6000/x",
            ),
            ("postgres:///x?host=/run/pg&port=1&user=ba", "postgres://ba@/run/pg:1/x"),
        ] {
            assert_eq!(parse(url).as_deref(), Ok(shown), "{url}");
        }
        for (url, why) in [
            ("postgres://ba:hunter2@localhost/x", "--database-password-file"),
            ("postgres://ba@localhost/x?password=hunter2", "--database-password-file"),
            ("postgres://ba@db.example/x", "sslrootcert=FILE is missing"),
            ("postgres://ba@db.example/x?sslmode=require", "does not make the server prove"),
            ("postgres://ba@localhost:port/x", "postgres://USER@HOST"),
            ("postgres://ba@localhost/x?wrong=1", "wrong"),
            ("postgres://ba@db.example/x?sslmode=verify-full&sslrootcert=/no%2Fsuch", "/no/such"),
        ] {
            let told = parse(url).unwrap_err();
            assert!(told.contains(why) && !told.contains("hunter2"), "{url}: {told}");
        }
    }
}
