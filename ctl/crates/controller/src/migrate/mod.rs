//! `BasicAgentController migrate`: moves a site from its SQLite file into a PostgreSQL database.
//!
//! 1. The lock of the state directory keeps a controller off the source, the lock of the database
//!    one off the target, until the end. The source is only read; it must have the current schema.
//! 2. `plan` pairs the tables and columns of both schemas as they are found, with a short list of
//!    differences. One that neither schema nor list explains is an error, so none is forgotten.
//! 3. The target gets its schema from the store's own migrations, and must be empty.
//! 4. Everything else is one transaction: `copy` streams each table by COPY, in pieces of bounded
//!    size; `target` sets the identity columns. Where it ends early, the target is empty as before.
//! 5. `verify` reads both sides again and compares, for each table, the count and the sum of the rows'
//!    SHA-256 over a canonical form (`value`); `locate` then names the row that differs. `audit`
//!    checks the chain of the audit log on both sides.
//! 6. The commit brings a marker with it, on which no controller starts. Then the source becomes
//!    results.db.migrated, on which none starts either; then the marker goes. So at each moment at
//!    most one of the two is a site, and a repeated migrate finishes what was cut off.

mod audit;
mod copy;
mod error;
mod locate;
mod plan;
mod progress;
mod read;
mod target;
#[cfg(test)]
mod tests;
mod value;
mod verify;

use crate::cli::Migrate;
use crate::signals::Signals;
use crate::store::{Address, MigrationSource, MigrationTarget};
use error::MigrateError;
use plan::Plan;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Moves a site, and returns the exit status: 0 when it is moved.
pub(crate) async fn run(flags: &Migrate, signals: &mut Signals) -> ExitCode {
    match migrate(flags, signals).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Says why the site is not moved, and returns the exit status.
pub(crate) fn failed(error: &dyn std::error::Error) -> ExitCode {
    progress::say(&format!("BasicAgentController: {error}"));
    ExitCode::FAILURE
}

async fn migrate(flags: &Migrate, signals: &mut Signals) -> Result<(), MigrateError> {
    let dir = &flags.from;
    let password_file = flags.database_password_file.as_deref();
    let address = Address::parse(&flags.to, password_file).map_err(error::of_address)?;
    let shown = address.to_string();
    let begun = Instant::now();
    // Until the commit, a signal ends everything; the server undoes the transaction.
    let (mut source, target, moved) = tokio::select! {
        prepared = prepare(dir, address) => prepared?,
        signal = signals.end() => return Err(MigrateError::Stopped(signal)),
    };
    let rows = moved.rows;
    finish(&mut source, &target, moved.is_new).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let text = format!(
        "moved {} rows of {} tables in {seconds:.0} s; counts and hashes are the same on both \
         sides\n\nNext: start the controller with the same flags and\n    --state-dir {} --database \
         {shown}\nThe CA stays in the state directory, which belongs into the backup with the \
         database.\n{} is the site as it was: keep it as a backup. No controller starts on it.\n",
        progress::grouped(rows),
        moved.tables,
        dir.display(),
        source.kept().display(),
    );
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// A site whose copy has been compared with its source.
struct Moved {
    tables: usize,
    rows: u64,
    /// It was copied now, and must be committed; otherwise an earlier run has done so.
    is_new: bool,
}

/// Makes the copy the site; each step leaves at most one of the two for a controller to start on.
async fn finish(
    source: &mut MigrationSource,
    target: &MigrationTarget,
    is_new: bool,
) -> Result<(), MigrateError> {
    if is_new {
        target.commit().await?;
        source.retire()?;
    }
    target.finish().await?;
    Ok(source.settle()?)
}

/// Copies the site in a transaction that stays open, and verifies the copy.
async fn prepare(
    dir: &Path,
    address: Address,
) -> Result<(MigrationSource, MigrationTarget, Moved), MigrateError> {
    let opened = dir.to_owned();
    progress::say("checking the source");
    let source = error::joined(tokio::task::spawn_blocking(move || MigrationSource::open(&opened)))
        .await??;
    let target = MigrationTarget::open(address).await?;
    let plan = Plan::read(&source.connect()?, &target).await?;
    let is_unfinished = target.is_unfinished().await?;
    let is_new = !source.is_moved();
    match (is_new, is_unfinished) {
        (false, false) => return Err(MigrateError::MovedAlready(source.kept())),
        (true, false) => target::is_empty(&target, &plan).await?,
        (_, true) => progress::say("an earlier migration was cut off; finishing it"),
    }
    if is_new {
        target::begin(&target, &plan).await?;
        for table in &plan.tables {
            copy::copy(&source, &target, table).await?;
        }
        target::end(&target, &source, &plan).await?;
    }
    let mut rows = 0;
    for table in &plan.tables {
        rows += verify::compare(&source, &target, table).await?;
    }
    audit::compare(&source, &target).await?;
    Ok((source, target, Moved { tables: plan.tables.len(), rows, is_new }))
}

/// A table of the plan, which the threads that read it share.
type SharedTable = Arc<plan::Table>;
