//! Holds the controller's seat at the database: one session has its locks, and each change checks that
//! nobody has had the seat since.
//!
//! The locks end with their session, so a controller that is killed leaves none behind. A change reads
//! the epoch within its transaction, under a lock that it shares with other changes. So a controller
//! that has lost its session, and does not know it yet, writes nothing. A node also renews its lease
//! over this session. When the seat is back, the store reads again what it knows by heart.

use super::address::Address;
use super::core::Core;
use super::error::DbError;
use super::nodes::lease;
use super::pool::{CONNECT, configure};
use super::seat::{Seat, Tenure};
use crate::error::Error;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::Client;

/// How long a controller that starts waits for another one to end.
const START_WAIT: Duration = Duration::from_secs(10);

/// The wait before the first try to take the seat again; each one after it doubles the wait.
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);

/// The longest of these waits.
const LAST_BACK_OFF: Duration = Duration::from_secs(5);

/// The sentence for whoever wants to write while the seat is not held.
const LOST: &str = "the controller has lost its hold on the database, which another controller may \
                    have now; it takes it again as soon as it can";

/// Whether this controller may write.
#[derive(Debug, Default)]
pub(super) struct Hold {
    /// The tenure, while the seat is held.
    held: Mutex<Option<Held>>,
    /// Why it is not, as the last try to take it has found.
    absence: Mutex<Option<String>>,
    /// Someone has found that it is not.
    doubted: Notify,
}

#[derive(Debug)]
struct Held {
    tenure: Tenure,
    /// The end of a node's lease, if it is not renewed.
    until: Option<Instant>,
}

/// The session that holds the seat.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    connection: JoinHandle<()>,
}

impl Hold {
    /// Returns the tenure.
    ///
    /// # Errors
    /// While the seat is not held.
    pub(super) fn tenure(&self) -> Result<Tenure, DbError> {
        let held = self.held.lock();
        let goes_on = |held: &&Held| held.until.is_none_or(|until| Instant::now() < until);
        let held = held.as_ref().filter(goes_on);
        held.map(|held| held.tenure.clone()).ok_or_else(|| self.nobody())
    }

    /// Returns the error while the seat is not held.
    pub(super) fn nobody(&self) -> DbError {
        DbError::Unreachable(LOST.to_owned())
    }

    /// Returns why the seat is not held at present; `None` while it is.
    pub(super) fn absence(&self) -> Option<String> {
        if self.tenure().is_ok() {
            return None;
        }
        Some(self.absence.lock().clone().unwrap_or_else(|| LOST.to_owned()))
    }

    /// Notes why the seat cannot be taken.
    fn is_absent(&self, why: &str) {
        *self.absence.lock() = Some(why.to_owned());
    }

    /// Notes that a change which wanted this epoch has found another one.
    pub(super) fn doubt(&self, epoch: i64) {
        let mut held = self.held.lock();
        if held.as_ref().is_some_and(|held| held.tenure.epoch == epoch) {
            *held = None;
            self.doubted.notify_one();
        }
    }

    /// Notes that the session is lost.
    fn is_lost(&self) {
        *self.held.lock() = None;
    }

    /// Notes the tenure that a session has begun; a node's lease ends then.
    pub(super) fn is_held(&self, tenure: Tenure, until: Option<Instant>) {
        *self.absence.lock() = None;
        *self.held.lock() = Some(Held { tenure, until });
    }

    /// Notes that the lease of this epoch has been renewed.
    pub(super) fn renewed(&self, epoch: i64, until: Instant) {
        if let Some(held) = &mut *self.held.lock()
            && held.tenure.epoch == epoch
        {
            held.until = Some(until);
        }
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

    /// Takes the seat when the controller starts.
    ///
    /// # Errors
    /// When it is not free: a sentence that says who has it.
    pub(super) async fn take_at_start(
        &self,
        address: &Address,
        seat: &Seat,
    ) -> Result<Tenure, Error> {
        let error = match seat.take(&self.client, Some(START_WAIT), None).await {
            Ok(tenure) => return Ok(tenure),
            Err(error) => error,
        };
        let why = seat.taken_by(&self.client, &error).await.unwrap_or_else(|| error.to_string());
        Err(Error::Database { database: address.to_string(), why })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Follows the session: when it is lost, takes the seat again. Ends when the store closes.
pub(super) async fn keep(core: Weak<Core>, mut session: Session, mut stop: watch::Receiver<bool>) {
    loop {
        let Some(hold) = core.upgrade().map(|core| Arc::clone(&core.hold)) else { return };
        let Session { client, connection } = &mut session;
        tokio::select! {
            _ = connection => {}
            () = hold.doubted.notified() => {}
            why = lease::renew(&core, client) => log::debug!("the lease ends: {why}"),
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

/// Takes the seat again, as soon as that is possible. `None` when the store is gone.
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
    let taken = core.seat.take(&session.client, None, core.nodes.number()).await;
    let tenure = taken.map_err(|error| error.to_string())?;
    core.start(tenure).await.map_err(|error| error.to_string())?;
    Ok(session)
}
