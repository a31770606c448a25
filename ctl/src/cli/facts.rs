//! The flags of `facts`.

use super::number::duration;
use crate::print::Output;
use clap::{Args, Subcommand};

/// The subcommands of `facts`.
#[derive(Debug, Subcommand)]
pub(crate) enum Facts {
    /// Show the facts of a host, or one of them, now or at another time
    Show(FactsShow),
    /// List the changes of a fact of a host
    Changes(FactsChanges),
    /// Compare the facts of two hosts, or of one host at two times
    Diff(FactsDiff),
    /// List the hosts whose facts have something at a path
    Where(FactsWhere),
    /// List the hosts that have a package installed
    Package(FactsPackage),
    /// List the hosts that have a service
    Service(FactsService),
    /// List the hosts that have certificates that expire soon
    Certificates(FactsCertificates),
    /// Count hosts by a value of their facts
    Count(FactsCount),
    /// Ask hosts for their facts now
    Refresh(FactsRefresh),
}

/// The flag of a question to the hosts themselves.
#[derive(Debug, Args)]
pub(crate) struct Live {
    /// Ask the hosts now, instead of using what they answered last
    #[arg(long)]
    pub(crate) live: bool,
}

/// The flag that chooses hosts.
#[derive(Debug, Args)]
pub(crate) struct Selected {
    /// Only hosts with matching labels: env=prod,role in (web,db),!legacy
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    pub(crate) selector: Option<String>,
}

/// The flags of `facts show`.
#[derive(Debug, Args)]
pub(crate) struct FactsShow {
    /// The host's id
    #[arg(value_name = "HOST")]
    pub(crate) id: String,
    /// The provider, such as os or packages; without one, a list of them
    #[arg(value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// As it was then: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "live")]
    pub(crate) at: Option<String>,
    #[command(flatten)]
    pub(crate) live: Live,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `facts changes`.
#[derive(Debug, Args)]
pub(crate) struct FactsChanges {
    /// The host's id
    #[arg(value_name = "HOST")]
    pub(crate) id: String,
    /// The provider, such as os or packages
    #[arg(value_name = "METHOD")]
    pub(crate) method: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `facts diff`.
#[derive(Debug, Args)]
pub(crate) struct FactsDiff {
    /// A host, or HOST@TIME: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z
    #[arg(value_name = "HOST[@TIME]")]
    pub(crate) from: String,
    /// Another host, or the same one at another time
    #[arg(value_name = "HOST[@TIME]")]
    pub(crate) to: String,
    /// The provider; without one, every provider that both have
    #[arg(value_name = "METHOD")]
    pub(crate) method: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `facts where`.
#[derive(Debug, Args)]
pub(crate) struct FactsWhere {
    /// A JSONPath (RFC 9535) in a provider's answer, whose first name is the provider:
    /// $.packages[?@.name=="openssl"]; or the provider and the rest: network.interfaces[0].mac
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// The provider, where the path does not name it
    #[arg(short = 'm', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    #[command(flatten)]
    pub(crate) selected: Selected,
    #[command(flatten)]
    pub(crate) live: Live,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `facts package`.
#[derive(Debug, Args)]
pub(crate) struct FactsPackage {
    /// The package's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Only versions before this one, as dpkg, rpm or apk orders them
    #[arg(long, value_name = "VERSION")]
    pub(crate) below: Option<String>,
    /// Only versions after this one
    #[arg(long, value_name = "VERSION")]
    pub(crate) above: Option<String>,
    /// Only this version
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["below", "above"])]
    pub(crate) is: Option<String>,
    #[command(flatten)]
    pub(crate) selected: Selected,
    #[command(flatten)]
    pub(crate) live: Live,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `facts service`.
#[derive(Debug, Args)]
pub(crate) struct FactsService {
    /// The service's name, such as ssh.service
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Only in this state, in systemctl's words: enabled, disabled, masked, …
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    #[command(flatten)]
    pub(crate) selected: Selected,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `facts certificates`.
#[derive(Debug, Args)]
pub(crate) struct FactsCertificates {
    /// Certificates that expire within this time, or have expired: 30d, 12h
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = duration::<0, { 100 * 366 * 86_400 }>)]
    pub(crate) within: u64,
    /// Leave out certificates that have expired
    #[arg(long)]
    pub(crate) valid: bool,
    #[command(flatten)]
    pub(crate) selected: Selected,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `facts count`.
#[derive(Debug, Args)]
pub(crate) struct FactsCount {
    /// A path as for `where`, or a label from facts such as os.version_id
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// The provider, where the path does not name it
    #[arg(short = 'm', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,
    #[command(flatten)]
    pub(crate) selected: Selected,
    #[command(flatten)]
    pub(crate) live: Live,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The flags of `facts refresh`.
#[derive(Debug, Args)]
pub(crate) struct FactsRefresh {
    /// The hosts' ids
    #[arg(value_name = "HOST", required_unless_present = "selector", conflicts_with = "selector")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) selected: Selected,
}
