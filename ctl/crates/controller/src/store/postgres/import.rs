//! [`MigrationTarget`]: the database as `BasicAgentController migrate` fills it.
//!
//! A marker, a table of its own, says that the copy is complete and its source is not set aside yet:
//! a controller on either would make two sites of one. It comes with the copy's commit and goes when
//! the source has gone; until then no controller starts.

use super::address::Address;
use super::error::{DbError, Sentence};
use super::events;
use super::hold::Session;
use super::migrations;
use super::seat::Seat;
use crate::error::Error;
use crate::store::Verified;
use crate::store::audit_line::LogCheck;
use std::fmt;
use tokio_postgres::Client;

/// What lets the copy take as long as it takes.
const SETTINGS: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                        SET lock_timeout = '30s'";

/// The sentence for a controller that finds the marker.
const UNFINISHED: &str = "a site is being moved into it, and that was cut off; run \
                          BasicAgentController migrate again with the same --from and --to";

/// A database that no controller uses.
pub(crate) struct MigrationTarget {
    address: Address,
    /// Holds the database, so that no controller begins with it.
    session: Session,
}

impl MigrationTarget {
    /// The table whose presence is the marker.
    pub(crate) const MARKER: &'static str = "unfinished_migration";

    /// Opens the database, which must exist; its schema is made or brought up to date.
    ///
    /// # Errors
    /// When the server cannot be reached, a controller uses the database, or its schema cannot be
    /// migrated.
    pub(crate) async fn open(address: Address) -> Result<Self, Error> {
        let unusable = |why: String| Error::Database { database: address.to_string(), why };
        let mut session = Session::open(&address).await.map_err(unusable)?;
        migrations::apply(&mut session, &address).await?;
        session.take_at_start(&address, &Seat::Alone).await?;
        let target = Self { address, session };
        target.run("cannot prepare the session", SETTINGS).await?;
        Ok(target)
    }

    /// Returns the connection.
    pub(crate) fn client(&self) -> &Client {
        self.session.client_ref()
    }

    /// Returns whether the marker is there.
    ///
    /// # Errors
    /// When the server does not say.
    pub(crate) async fn is_unfinished(&self) -> Result<bool, Error> {
        is_unfinished(self.client()).await.map_err(|error| self.failed("cannot be read", &error))
    }

    /// Commits the copy, with the marker.
    ///
    /// # Errors
    /// When the server does not confirm it; whether it is committed is unknown then, and a repeated
    /// migration finds out.
    pub(crate) async fn commit(&self) -> Result<(), Error> {
        let marker = Self::MARKER;
        let text = format!(
            "CREATE TABLE IF NOT EXISTS {marker} (since timestamptz DEFAULT now()); COMMIT"
        );
        self.run("the copy was not confirmed; run the migration again", &text).await
    }

    /// Removes the marker: from here on, controllers start.
    ///
    /// # Errors
    /// When the server does not confirm it.
    pub(crate) async fn finish(&self) -> Result<(), Error> {
        let text = format!("DROP TABLE {}", Self::MARKER);
        self.run("the copy is complete, but still marked; run the migration again", &text).await
    }

    /// Checks the chain of the audit log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn verify_events(&self) -> Result<Verified, Error> {
        verify(self.client()).await.map_err(|error| Error::Database {
            database: self.address.to_string(),
            why: format!("the audit log cannot be read: {error}"),
        })
    }

    async fn run(&self, doing: &str, text: &str) -> Result<(), Error> {
        let ran = self.client().batch_execute(text).await;
        ran.map_err(|error| self.failed(doing, &error))
    }

    fn failed(&self, doing: &str, error: &tokio_postgres::Error) -> Error {
        let why = format!("{doing}: {}", Sentence(error));
        Error::Database { database: self.address.to_string(), why }
    }
}

impl fmt::Display for MigrationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// Refuses a database with the marker.
///
/// # Errors
/// When it has it: a sentence that says what to do.
pub(super) async fn refuse_unfinished(client: &Client) -> Result<(), String> {
    match is_unfinished(client).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(UNFINISHED.to_owned()),
        Err(error) => Err(Sentence(&error).to_string()),
    }
}

async fn verify(client: &Client) -> Result<Verified, DbError> {
    let mut check = LogCheck::begin(events::chain_by(client).await?);
    while let Some((after, last)) = check.next() {
        check.take(events::lines_by(client, after, last).await?);
    }
    Ok(check.found())
}

async fn is_unfinished(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let query = "SELECT to_regclass($1) IS NOT NULL";
    client.query_one(query, &[&MigrationTarget::MARKER]).await?.try_get(0)
}
