//! The schema's history: refinery applies each migration once, in order, and keeps their list in
//! the table `refinery_schema_history`.
//!
//! One controller at a time migrates: it holds a lock meanwhile. A file is never changed once it is
//! released; a change of the schema is a new file with a number above all others.

use super::address::Address;
use super::error::Sentence;
use super::hold::Session;
use super::lock::{CLASS, SCHEMA};
use crate::error::Error;
use refinery::{Migration, Runner};

/// The migrations, by name and content.
const MIGRATIONS: &[(&str, &str)] = &[
    ("V1__core", include_str!("migrations/V1__core.sql")),
    ("V2__hosts", include_str!("migrations/V2__hosts.sql")),
    ("V3__people", include_str!("migrations/V3__people.sql")),
    ("V101__runs", include_str!("migrations/V101__runs.sql")),
    ("V102__facts", include_str!("migrations/V102__facts.sql")),
    ("V103__schedules", include_str!("migrations/V103__schedules.sql")),
    ("V104__marks", include_str!("migrations/V104__marks.sql")),
    ("V105__nodes", include_str!("migrations/V105__nodes.sql")),
];

/// Brings the schema up to date.
///
/// # Errors
/// When the database cannot be used, or a newer version of the controller has migrated it.
pub(super) async fn apply(session: &mut Session, address: &Address) -> Result<(), Error> {
    let unusable = |why: String| Error::Database { database: address.to_string(), why };
    let client = session.client();
    let failed = |error: tokio_postgres::Error| unusable(Sentence(&error).to_string());
    let encoding = client.query_one("SHOW server_encoding", &[]).await.map_err(failed)?;
    let encoding: String = encoding.try_get(0).map_err(failed)?;
    if encoding != "UTF8" {
        return Err(unusable(format!(
            "its encoding is {encoding}; make a database with UTF8: createdb -E UTF8 -T template0"
        )));
    }
    let lock = format!(
        "SET statement_timeout = 0; SET lock_timeout = '30s'; \
         SELECT pg_advisory_lock({CLASS}, {SCHEMA})"
    );
    client.batch_execute(&lock).await.map_err(failed)?;
    let migrations = known().map_err(|error| unusable(error.to_string()))?;
    let newest = migrations.iter().map(Migration::version).max().unwrap_or_default();
    let runner = Runner::new(&migrations);
    let applied = match runner.run_async(client).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let last = runner.get_last_applied_migration_async(client).await.ok().flatten();
            let newer = last.filter(|last| last.version() > newest);
            Err(unusable(match newer {
                Some(last) => format!(
                    "made by a newer version of the controller: its schema is {}, this version \
                     knows {newest}; upgrade the controller or choose another database",
                    last.version()
                ),
                None => format!("cannot migrate its schema: {}", chain(&error)),
            }))
        }
    };
    let unlock = format!("SELECT pg_advisory_unlock({CLASS}, {SCHEMA})");
    client.batch_execute(&unlock).await.map_err(failed)?;
    applied
}

fn known() -> Result<Vec<Migration>, refinery::Error> {
    MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect()
}

/// Writes an error with its causes.
fn chain(error: &refinery::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        match error.downcast_ref::<tokio_postgres::Error>() {
            Some(error) => {
                text.push_str(&Sentence(error).to_string());
                break;
            }
            None => text.push_str(&error.to_string()),
        }
        cause = error.source();
    }
    text
}
