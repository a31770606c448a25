//! Keeps a second controller out of the database: one session holds a lock, and each change checks
//! that nobody has held it since.
//!
//! The lock ends with its session, so a controller that is killed leaves none behind. Who takes it
//! waits until the changes of the one before have ended, and then counts the database's epoch up;
//! a change reads the epoch within its transaction, under a lock that it shares with other changes.
//! So a controller that has lost its session, and does not know it yet, writes nothing. When the
//! lock is back, the store reads again what it knows by heart.

use super::address::Address;
use super::core::Core;
use super::error::{DbError, Failure};
use super::lock::{CLASS, CONTROLLER, WRITERS};
use super::mark::Marks;
use super::pool::{CONNECT, configure};
use crate::error::Error;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;

/// How long a controller that starts waits for another one to end.
const START_WAIT: Duration = Duration::from_secs(10);

/// The wait before the first try to take the lock again; each one after it doubles the wait.
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);

/// The longest of these waits.
const LAST_BACK_OFF: Duration = Duration::from_secs(5);

/// The sentence for whoever wants to write while the lock is not held.
const LOST: &str = "the controller has lost its hold on the database, which another controller may \
                    have now; it takes it again as soon as it can";

/// Whether this controller may write.
#[derive(Debug)]
pub(super) struct Hold {
    /// The tenure, while the lock is held.
    tenure: Mutex<Option<Tenure>>,
    /// Why it is not, as the last try to take it has found.
    absence: Mutex<Option<String>>,
    /// Someone has found that it is not.
    doubted: Notify,
    begin: String,
}

/// The time from when a controller takes the lock until it loses it.
#[derive(Clone, Debug)]
pub(super) struct Tenure {
    /// The database's epoch, which a change must find.
    pub(super) epoch: i64,
    /// The marks of its transactions.
    pub(super) marks: Arc<Marks>,
}

/// The session that holds the lock.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    connection: JoinHandle<()>,
}

impl Default for Hold {
    fn default() -> Self {
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; \
             SELECT pg_advisory_xact_lock_shared({CLASS}, {WRITERS})"
        );
        Self { tenure: Mutex::new(None), absence: Mutex::new(None), doubted: Notify::new(), begin }
    }
}

impl Hold {
    /// Returns the tenure.
    ///
    /// # Errors
    /// While the lock is not held.
    pub(super) fn tenure(&self) -> Result<Tenure, DbError> {
        self.tenure.lock().clone().ok_or_else(|| self.nobody())
    }

    /// Returns the statements that begin a change; the statement after them sees what the lock has
    /// waited for.
    pub(super) fn begin(&self) -> &str {
        &self.begin
    }

    /// Returns the error while the lock is not held.
    pub(super) fn nobody(&self) -> DbError {
        DbError::Unreachable(LOST.to_owned())
    }

    /// Returns why the lock is not held at present; `None` while it is.
    pub(super) fn absence(&self) -> Option<String> {
        if self.tenure.lock().is_some() {
            return None;
        }
        Some(self.absence.lock().clone().unwrap_or_else(|| LOST.to_owned()))
    }

    /// Notes why the lock cannot be taken.
    fn is_absent(&self, why: &str) {
        *self.absence.lock() = Some(why.to_owned());
    }

    /// Notes that a change which wanted this epoch has found another one.
    pub(super) fn doubt(&self, epoch: i64) {
        let mut known = self.tenure.lock();
        if known.as_ref().is_some_and(|known| known.epoch == epoch) {
            *known = None;
            self.doubted.notify_one();
        }
    }

    /// Notes that the session is lost.
    fn is_lost(&self) {
        *self.tenure.lock() = None;
    }

    /// Notes the tenure that a session has begun.
    pub(super) fn is_held(&self, tenure: Tenure) {
        *self.absence.lock() = None;
        *self.tenure.lock() = Some(tenure);
    }
}

impl Session {
    /// Opens a session that holds nothing yet.
    ///
    /// # Errors
    /// When the server cannot be reached in time: a sentence.
    pub(super) async fn open(address: &Address) -> Result<Self, String> {
        match timeout(CONNECT, address.connector().open(address.config())).await {
            Err(_) => Err(format!("{address} does not answer within {} s", CONNECT.as_secs())),
            Ok(Err(error)) => Err(address.cannot_connect(&error)),
            Ok(Ok((client, connection))) => {
                let session = Self { client, connection };
                match configure(&session.client).await {
                    Ok(()) => Ok(session),
                    Err(error) => Err(address.cannot_connect(&error)),
                }
            }
        }
    }

    /// Returns the connection, for statements only.
    pub(super) fn client_ref(&self) -> &Client {
        &self.client
    }

    /// Returns the connection.
    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Takes the lock, waiting for another controller at most so long, or for ever; returns the
    /// tenure that begins.
    pub(super) async fn take(&self, wait: Option<Duration>) -> Result<Tenure, DbError> {
        let most = wait.map_or(0, |wait| wait.as_millis());
        let take = format!(
            "SET statement_timeout = 0; SET lock_timeout = {most}; \
             SELECT pg_advisory_lock({CLASS}, {CONTROLLER}); \
             SELECT pg_advisory_lock({CLASS}, {WRITERS})"
        );
        self.client.batch_execute(&take).await?;
        // Committed before changes may begin again.
        let count = "UPDATE controller SET epoch = epoch + 1 RETURNING epoch";
        let epoch = self.client.query_one(count, &[]).await?.try_get(0)?;
        let marks = Arc::new(Marks::make(&self.client, epoch).await?);
        let give_back = format!("SELECT pg_advisory_unlock({CLASS}, {WRITERS})");
        self.client.batch_execute(&give_back).await?;
        Ok(Tenure { epoch, marks })
    }

    /// Takes the lock when the controller starts.
    ///
    /// # Errors
    /// When another controller has it: a sentence that says which.
    pub(super) async fn take_at_start(&self, address: &Address) -> Result<Tenure, Error> {
        match self.take(Some(START_WAIT)).await {
            Ok(tenure) => Ok(tenure),
            Err(error) if error.failure() == Failure::Slow => {
                let holder = self.holder().await.unwrap_or_else(|_| "unknown".to_owned());
                Err(Error::Database {
                    database: address.to_string(),
                    why: format!(
                        "another BasicAgentController uses it ({holder}); stop that one, or choose \
                         another database"
                    ),
                })
            }
            Err(error) => {
                Err(Error::Database { database: address.to_string(), why: error.to_string() })
            }
        }
    }

    /// Returns who has the lock.
    async fn holder(&self) -> Result<String, DbError> {
        let found = self
            .client
            .query_opt(
                "SELECT a.application_name, coalesce(host(a.client_addr), 'a local socket'), a.pid \
                 FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                 WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1::int8::oid \
                 AND l.objid = $2::int8::oid AND a.datname = current_database()",
                &[&i64::from(CLASS), &i64::from(CONTROLLER)],
            )
            .await?;
        let Some(row) = found else { return Ok("which has just ended".to_owned()) };
        let (name, from, pid): (String, String, i32) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(format!("{name}, from {from}, the server's process {pid}"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Follows the session: when it is lost, takes the lock again. Ends when the store closes.
pub(super) async fn keep(core: Weak<Core>, mut session: Session, mut stop: watch::Receiver<bool>) {
    loop {
        let Some(hold) = core.upgrade().map(|core| Arc::clone(&core.hold)) else { return };
        tokio::select! {
            _ = &mut session.connection => {}
            () = hold.doubted.notified() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        hold.is_lost();
        if let Some(core) = core.upgrade() {
            core.hold_lost();
        }
        drop(session);
        session = tokio::select! {
            again = again(&core) => match again {
                Some(again) => again,
                None => return,
            },
            _ = stop.wait_for(|stop| *stop) => return,
        };
    }
}

/// Takes the lock again, as soon as that is possible. `None` when the store is gone.
async fn again(core: &Weak<Core>) -> Option<Session> {
    let mut wait = FIRST_BACK_OFF;
    loop {
        let core = core.upgrade()?;
        match try_again(&core).await {
            Ok(session) => {
                log::info!("{}: the controller holds the database again", core.address);
                return Some(session);
            }
            Err(why) => {
                log::debug!("cannot hold the database: {why}");
                core.hold.is_absent(&why);
            }
        }
        drop(core);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LAST_BACK_OFF);
    }
}

async fn try_again(core: &Arc<Core>) -> Result<Session, String> {
    let session = Session::open(&core.address).await?;
    let tenure = session.take(None).await.map_err(|error| error.to_string())?;
    core.start(tenure).await.map_err(|error| error.to_string())?;
    Ok(session)
}
