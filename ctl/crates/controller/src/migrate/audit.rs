//! The chain of the audit log, checked on both sides.

use super::error::{self, MigrateError};
use super::progress;
use crate::store::{MigrationSource, MigrationTarget};

/// Checks that the target's chain says what the source's does.
///
/// # Errors
/// When it does not.
pub(super) async fn compare(
    source: &MigrationSource,
    target: &MigrationTarget,
) -> Result<(), MigrateError> {
    progress::say("verifying the audit log");
    let connection = source.connect()?;
    let reading = tokio::task::spawn_blocking(move || MigrationSource::verify_events(&connection));
    let there = target.verify_events().await?;
    let here = error::joined(reading).await?.map_err(error::read("events"))?;
    if here != there {
        let what = match &there.fault {
            Some(fault) => fault.clone(),
            None => format!("its chain ends with entry {}", there.head.sequence),
        };
        return Err(MigrateError::Differs { table: "events".to_owned(), what });
    }
    match &here.fault {
        // The rows are the same, so this is no fault of the move, and no reason against it.
        Some(fault) => progress::say(&format!("warning: before the move already, {fault}")),
        None => progress::say(&format!("the audit log is whole: {} lines", here.lines)),
    }
    Ok(())
}
