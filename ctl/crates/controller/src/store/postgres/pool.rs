//! The connections to the server: a bounded number, kept while they are good, made again with
//! back-off when they are not.

use super::address::Address;
use super::error::DbError;
use super::sql::Sql;
use super::tls::Connector;
use deadpool_postgres::{
    ClientWrapper, Connect, Hook, HookError, Manager, ManagerConfig, PoolError, RecyclingMethod,
    Runtime, TimeoutType,
};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config};

/// Connections for queries and changes.
pub(super) const CONNECTIONS: usize = 16;

/// The longest wait for a free connection.
const FREE_WAIT: Duration = Duration::from_secs(5);

/// The longest time that it takes to connect, with TLS and authentication.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// The wait after the first connection that fails; each one after it doubles the wait.
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);

/// The longest of these waits.
const LAST_BACK_OFF: Duration = Duration::from_secs(5);

/// What each connection asks of the server. Plans hold for all values, so that tests see the plans
/// that run: for a value that is newer than its statistics (a run that has just been stored),
/// PostgreSQL takes a table of 18,000 rows for one of a few. No statement is long enough to be worth
/// compiling, which takes longer than it runs. Then bounds on how long a statement runs, waits for a
/// lock, and leaves a transaction open, all shorter than our own wait for an answer. The server looks
/// whether this machine is still there: otherwise the lock of one that lost power would stay for two
/// hours (tcp(7), tcp_keepalive_time). A commit is on disk when it is answered, also where the
/// server's default is not to wait; a stricter one stays.
const SETTINGS: &str = "\
    SET plan_cache_mode = force_generic_plan; \
    SET jit = off; \
    SET statement_timeout = '10s'; \
    SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '15s'; \
    SET tcp_keepalives_idle = 10; \
    SET tcp_keepalives_interval = 5; \
    SET tcp_keepalives_count = 2; \
    SET tcp_user_timeout = '20s'; \
    SET default_transaction_isolation = 'read committed'; \
    SET client_min_messages = 'warning'; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// The connections.
#[derive(Debug)]
pub(super) struct Pool {
    pool: deadpool_postgres::Pool,
    address: Arc<Address>,
    trouble: Mutex<Trouble>,
}

/// Connections that failed, since the last one that did not.
#[derive(Debug, Default)]
struct Trouble {
    failures: u32,
    /// The time until which no connection is tried, and why.
    pause: Option<(Instant, String)>,
}

impl Pool {
    /// Makes a pool without a connection.
    pub(super) fn new(address: Arc<Address>, connector: Connector) -> Self {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(address.config().clone(), connector, config);
        let pool = deadpool_postgres::Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(FREE_WAIT))
            .create_timeout(Some(CONNECT))
            .recycle_timeout(Some(CONNECT))
            .post_create(Hook::async_fn(|client: &mut ClientWrapper, _| {
                Box::pin(async move { configure(client).await.map_err(HookError::Backend) })
            }))
            .build()
            .expect("the pool has a runtime");
        Self { pool, address, trouble: Mutex::default() }
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// When no connection is free in time; at once after the server could not be reached.
    pub(super) async fn get(&self) -> Result<Sql, DbError> {
        if let Some(why) = self.pause() {
            return Err(DbError::Unreachable(why));
        }
        match self.pool.get().await {
            Ok(client) => {
                *self.trouble.lock() = Trouble::default();
                Ok(Sql::new(client))
            }
            Err(PoolError::Timeout(TimeoutType::Wait)) => Err(DbError::Unreachable(format!(
                "all {CONNECTIONS} connections were in use for {} s",
                FREE_WAIT.as_secs()
            ))),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Returns why no connection is tried at present.
    fn pause(&self) -> Option<String> {
        let trouble = self.trouble.lock();
        let (until, why) = trouble.pause.as_ref()?;
        (Instant::now() < *until).then(|| why.clone())
    }

    /// Notes that a connection could not be made.
    fn failed(&self, error: PoolError) -> DbError {
        let why = match error {
            PoolError::Timeout(_) => {
                format!("{} does not answer within {} s", self.address, CONNECT.as_secs())
            }
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => {
                self.address.cannot_connect(&error)
            }
            PoolError::Closed => return DbError::Unreachable("the store has stopped".to_owned()),
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => error.to_string(),
        };
        let mut trouble = self.trouble.lock();
        let wait = FIRST_BACK_OFF.saturating_mul(1 << trouble.failures.min(10)).min(LAST_BACK_OFF);
        trouble.failures += 1;
        trouble.pause = Some((Instant::now() + wait, why.clone()));
        DbError::Unreachable(why)
    }

    /// Closes every connection; those on loan when they come back.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// Gives a new connection its bounds.
pub(super) async fn configure(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(SETTINGS).await
}

impl Connect for Connector {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<
        Box<
            dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>>
                + Send
                + '_,
        >,
    > {
        let config = config.clone();
        Box::pin(async move { self.open(&config).await })
    }
}
