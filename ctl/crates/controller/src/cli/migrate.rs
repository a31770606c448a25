//! The flags of `BasicAgentController migrate`.

use clap::Args;
use std::path::PathBuf;

/// Move a site from the SQLite file of a state directory into a PostgreSQL database
///
/// The controller must be stopped, and the database must exist and be empty. Everything but the CA
/// is copied in one transaction, and then compared by counts and hashes. Until that is done, nothing
/// has changed on either side: a migration that was cut off is run again. In the end results.db is
/// called results.db.migrated, and controllers start with --database only.
#[derive(Args, Debug)]
#[command(after_help = AFTER)]
pub(crate) struct Migrate {
    /// The state directory of the site
    #[arg(long, value_name = "sqlite:STATE_DIR", value_parser = source)]
    pub(crate) from: PathBuf,

    /// The database, as for --database of the controller
    #[arg(long, value_name = "URL", value_parser = super::database)]
    pub(crate) to: String,

    /// The file with the password for --to, for its owner only
    #[arg(long, value_name = "FILE")]
    pub(crate) database_password_file: Option<PathBuf>,
}

const AFTER: &str = "\
Exit status: 0 the site is moved; 1 it is not, and standard error says why; 2 wrong usage

Examples:
  systemctl stop basicagent-controller
  BasicAgentController migrate --from sqlite:/var/lib/basicagent-controller \\
      --to postgres://basicagent@db.example/basicagent?sslrootcert=/etc/ssl/db.pem \\
      --database-password-file /etc/basicagent-controller/database-password";

/// Reads what --from names.
fn source(text: &str) -> Result<PathBuf, &'static str> {
    let wanted = "give it as sqlite:STATE_DIR, with the directory of --state-dir";
    match text.strip_prefix("sqlite:") {
        Some(dir) if !dir.is_empty() => Ok(PathBuf::from(dir)),
        _ => Err(wanted),
    }
}
