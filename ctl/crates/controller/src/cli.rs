//! The command-line flags and their valid combinations.

mod migrate;
mod settings;

use crate::agents::Redirect;
use crate::store::Address;
use clap::{Parser, Subcommand, ValueEnum, value_parser};
use fleet::IpNetwork;
use fleet::facts::{FactLabel, FactLabelError, method_name};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

pub(crate) use migrate::Migrate;

/// The API's address without `--http`.
const DEFAULT_HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7480);

/// The server that agents connect to.
///
/// Agents connect to --listen; operators use the HTTP API on --http. To try it, run
/// `BasicAgentController --dev DIR` and follow the steps that it prints.
#[derive(Debug, Parser)]
#[command(
    name = "BasicAgentController",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The address where agents connect, plain bootstrap and TLS on one port; repeatable
    /// [default: [::]:7443; with --dev 127.0.0.1:7443]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Vec<SocketAddr>,

    /// The address of the HTTP API: plain HTTP on loopback; HTTPS elsewhere, with --http-cert,
    /// with --cert, or with a certificate of the controller's own CA
    #[arg(long, value_name = "ADDR:PORT", default_value_t = DEFAULT_HTTP)]
    pub(crate) http: SocketAddr,

    /// The certificate chain of the HTTP API, PEM: makes it HTTPS on loopback too
    #[arg(long, value_name = "FILE", requires = "http_key")]
    pub(crate) http_cert: Option<PathBuf>,

    /// The private key of the HTTP API's certificate, PEM
    #[arg(long, value_name = "FILE", requires = "http_cert")]
    pub(crate) http_key: Option<PathBuf>,

    /// Redirect every agent to these addresses, which it tries in order
    #[arg(long, value_name = "ADDR[:PORT],…", value_parser = Redirect::parse)]
    pub(crate) redirect_to: Option<Redirect>,

    /// A name or address in the server's certificate, which the controller's own CA signs;
    /// repeatable [default: the host's name, localhost, 127.0.0.1 and ::1]
    #[arg(long, value_name = "NAME", conflicts_with = "cert")]
    pub(crate) name: Vec<String>,

    /// A certificate chain for the server that another CA signed, PEM
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The private key of --cert, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// The CAs of --cert, PEM: hosts that join trust them; without this flag none can join
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) server_ca: Option<PathBuf>,

    /// A CA of your own PKI, PEM: agents with its certificates may connect without joining
    #[arg(long, visible_alias = "client-ca", value_name = "FILE")]
    pub(crate) agent_ca: Option<PathBuf>,

    /// What a host with a certificate of --agent-ca may do when it connects for the first time:
    /// everything, nothing until an operator approves it, or not even connect
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = Unknown::Accept)]
    pub(crate) unknown: Unknown,

    /// The life of a joined host's certificate, which renews itself after half of it
    #[arg(
        long,
        value_name = "HOURS",
        default_value_t = 168,
        value_parser = value_parser!(u16).range(1..=720)
    )]
    pub(crate) certificate_hours: u16,

    /// A host whose certificate expired this many days ago at most gets a new one by itself; a
    /// later one waits for an operator
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 90,
        value_parser = value_parser!(u16).range(0..=3650)
    )]
    pub(crate) recover_days: u16,

    /// Where the key of the controller's own root is: a file, or "offline" where it is put back
    /// only while it is needed [default: beside the root, in the state directory]
    #[arg(long, value_name = "FILE|offline")]
    pub(crate) root_key: Option<PathBuf>,

    /// Hosts that may join in a second, from all addresses
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        value_parser = value_parser!(u32).range(1..=100_000)
    )]
    pub(crate) enroll_rate: u32,

    /// Hosts that may join in a second from one address (of IPv6, one /64); a token can allow more
    #[arg(
        long,
        value_name = "N",
        default_value_t = 5,
        value_parser = value_parser!(u32).range(1..=10_000)
    )]
    pub(crate) enroll_rate_per_address: u32,

    /// The file with a token of the HTTP API whose holder may do everything; if missing, it is
    /// created with a new token, for its owner only
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// A file with roles of your own, TOML; read again at SIGHUP
    #[arg(long, value_name = "FILE")]
    pub(crate) roles: Option<PathBuf>,

    /// The directory for the results of tasks, for its owner only
    /// [default: /var/lib/basicagent-controller; with --dev DIR/state]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// The PostgreSQL database that holds hosts, results, runs, people and the audit log:
    /// postgres://USER@HOST/NAME, with TLS unless HOST is this machine; a password comes from
    /// --database-password-file, PGPASSWORD or ~/.pgpass [default: a file in the state directory]
    #[arg(long, value_name = "URL", value_parser = database)]
    pub(crate) database: Option<String>,

    /// The file with the password for --database, for its owner only
    #[arg(long, value_name = "FILE", requires = "database")]
    pub(crate) database_password_file: Option<PathBuf>,

    /// Be one of several controllers, the nodes of a site, that share --database; they tell each other
    /// of changes over NATS servers: nats://HOST:PORT on this machine, tls://HOST:PORT elsewhere
    #[arg(long, value_name = "URL,…", requires = "database")]
    pub(crate) bus: Option<String>,

    /// The CAs of the servers of --bus, PEM
    #[arg(long, value_name = "FILE", requires = "bus")]
    pub(crate) bus_ca: Option<PathBuf>,

    /// What this node shows the servers of --bus: credentials (.creds) or the seed of an nkey, for its
    /// owner only
    #[arg(long, value_name = "FILE", requires = "bus")]
    pub(crate) bus_credentials: Option<PathBuf>,

    /// The name of this node, for people [default: the host's name]
    #[arg(long, value_name = "NAME", requires = "bus")]
    pub(crate) node_name: Option<String>,

    /// Where agents reach this node; the other nodes send them here by it [default: the host's name,
    /// with the port of --listen]
    #[arg(long, value_name = "ADDR[:PORT],…", requires = "bus", value_parser = Redirect::parse)]
    pub(crate) advertise: Option<Redirect>,

    /// Delete a result after this many days
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 30,
        value_parser = value_parser!(u16).range(1..=3650)
    )]
    pub(crate) keep_days: u16,

    /// Delete lines of the audit log after this many days
    #[arg(long, value_name = "DAYS", default_value_t = 400, value_parser = value_parser!(u16).range(1..))]
    pub(crate) audit_days: u16,

    /// Delete a run and its list of hosts this many days after it ended
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = value_parser!(u16).range(1..))]
    pub(crate) run_days: u16,

    /// Keep at most about this many MiB of runs and their lists of hosts; the oldest that have ended
    /// are deleted [default: a quarter of --max-store-mib]
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_run_mib: Option<u64>,

    /// Store at most this many MiB of results of all hosts; agents keep further ones
    /// [default: 16384, or three quarters of the file system if that is less]
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_store_mib: Option<u64>,

    /// Store at most this many MiB of results of one host; its agent keeps further ones
    /// [default: 1024, or an eighth of all if that is less, but at least 64]
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_host_mib: Option<u64>,

    /// Ask each host for its facts when it connects and after this many hours, a little more or less;
    /// 0 asks on request only
    #[arg(
        long,
        value_name = "HOURS",
        default_value_t = 6,
        value_parser = value_parser!(u16).range(0..=720)
    )]
    pub(crate) facts_hours: u16,

    /// Forget after this many days which facts a host had before those of now
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 30,
        value_parser = value_parser!(u16).range(1..=3650)
    )]
    pub(crate) facts_days: u16,

    /// Store at most about this many MiB of facts; the oldest of former times are deleted
    /// [default: a quarter of --max-store-mib]
    #[arg(long, value_name = "MIB", value_parser = value_parser!(u64).range(1..=1 << 30))]
    pub(crate) max_facts_mib: Option<u64>,

    /// Ask at most this many hosts in a second for their facts
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        value_parser = value_parser!(u32).range(1..=10_000)
    )]
    pub(crate) facts_rate: u32,

    /// The providers whose facts are kept [default: os,kernel,cpu,memory,disks,mounts,network,
    /// hardware,time,services,packages,certificates]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = provider)]
    pub(crate) facts_methods: Vec<String>,

    /// The labels that are set from facts, by their key or as KEY=PROVIDER.MEMBER; "none" for none
    /// [default: os.id,os.version_id,arch,kernel.release,virtualization,hostname,agent.version]
    #[arg(long, value_name = "LABEL,…", value_delimiter = ',')]
    pub(crate) fact_labels: Vec<LabelFlag>,

    /// Serve with everything in DIR, creating what is missing: state, API token, a join token, and an
    /// agent's config; for trials
    #[arg(long, value_name = "DIR", conflicts_with_all = ["cert", "key", "agent_ca"])]
    pub(crate) dev: Option<PathBuf>,

    /// Check the flags and the files that they name, print problems, and exit; makes nothing and opens
    /// no port
    #[arg(long)]
    pub(crate) check_config: bool,

    /// Write the addresses in use to FILE, as JSON, once all ports are open
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,

    /// The maximum number of connected agents
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100_000,
        value_parser = value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) max_connections: u32,

    /// The maximum number of connections from one address (of IPv6, one /64) that are not sessions
    /// yet [default: 512, or less where few files can be open]
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(4..))]
    pub(crate) max_opening_per_address: Option<u16>,

    /// The maximum number of TLS handshakes a second; agents beyond it are told to come back later
    /// [default: 1000 for each processor]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) handshake_rate: Option<u32>,

    /// Load balancers, as addresses or networks, whose connections to either port begin with a PROXY
    /// header of version 2, which names the address that counts; from others it is rejected
    #[arg(long, value_name = "CIDR,…", value_delimiter = ',')]
    pub(crate) proxy_from: Vec<IpNetwork>,
}

/// What the program does in place of serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Migrate(Migrate),
}

/// A label from facts; `None` for the word "none".
#[derive(Clone, Debug)]
pub(crate) struct LabelFlag(Option<FactLabel>);

impl FromStr for LabelFlag {
    type Err = FactLabelError;

    fn from_str(text: &str) -> Result<Self, FactLabelError> {
        if text == "none" { Ok(Self(None)) } else { text.parse().map(|label| Self(Some(label))) }
    }
}

/// Reads the URL of a database. What it says is looked at when the database is opened.
fn database(text: &str) -> Result<String, String> {
    if Address::is_meant(text) {
        return Ok(text.to_owned());
    }
    Err("a URL like postgres://USER@HOST/NAME is wanted; without --database, a file in the state \
         directory is used"
        .to_owned())
}

/// Reads a provider's name.
fn provider(text: &str) -> Result<String, &'static str> {
    method_name(text).ok_or("must be a provider's name, as in os or getinfo.os")
}

/// What becomes of a host of another PKI that is seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unknown {
    /// It is active.
    Accept,
    /// An operator approves it.
    Pending,
    /// It is refused.
    Refuse,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn flags_that_need_or_exclude_each_other_are_checked() {
        assert!(Flags::try_parse_from(["x", "--cert", "a"]).is_err());
        assert!(Flags::try_parse_from(["x", "--cert", "a", "--key", "b", "--name", "c"]).is_err());
        assert!(Flags::try_parse_from(["x", "--server-ca", "a"]).is_err());
        let flags = Flags::try_parse_from(["x", "--cert", "a", "--key", "b", "--client-ca", "c"]);
        assert!(flags.unwrap().tls_files().agent_ca.is_some());
        assert!(Flags::try_parse_from(["x", "--dev", "d", "--cert", "a"]).is_err());
        let migrate = ["x", "migrate", "--from", "sqlite:s", "--to", "postgres://h/d"];
        assert!(Flags::try_parse_from(migrate).unwrap().command.is_some());
        assert!(Flags::try_parse_from(&migrate[..4]).is_err());
        assert!(Flags::try_parse_from([&["x", "--dev", "d"], &migrate[1..]].concat()).is_err());
    }
}
