//! Damage of the database file, as SQLite reports it.

use crate::store::health::Health;

/// What an operator does about damage.
const REMEDY: &str =
    "stop the controller, then restore a backup or repair it with sqlite3's .recover";

/// Notes that the file is damaged.
pub(super) fn found(health: &Health, why: &str) {
    health.damaged(why, REMEDY);
}

/// Notes the error of a query if it means damage.
pub(super) fn note(health: &Health, error: &rusqlite::Error) {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let code = error.sqlite_error_code();
    let missing_table = matches!(error, rusqlite::Error::SqliteFailure(_, Some(text))
        if text.starts_with("no such table") || text.starts_with("no such column"));
    if matches!(code, Some(DatabaseCorrupt | NotADatabase)) || missing_table {
        found(health, &error.to_string());
    }
}
