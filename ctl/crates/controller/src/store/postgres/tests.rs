//! The conformance suite on a real server.

use super::{Address, PostgresStore, Seat};
use crate::store::conformance::{self, Database, HOST_BYTES};
use crate::store::{Bounds, Store};
use std::sync::Arc;
use std::time::Duration;
use test_support::{PostgresDatabase, PostgresServer};

/// A database on the server that the tests share.
struct Shared(PostgresDatabase<'static>);

impl Database for Shared {
    fn is_here() -> bool {
        PostgresServer::shared().is_some()
    }

    async fn create() -> Self {
        Self(PostgresServer::shared().unwrap().create())
    }

    async fn open(&self) -> Arc<dyn Store> {
        let keep = Duration::from_secs(24 * 3600);
        let bounds =
            Bounds { keep, keep_events: keep, max_host_bytes: HOST_BYTES, ..Bounds::generous() };
        let address = Address::parse(self.0.url(), None).unwrap();
        Arc::new(PostgresStore::open(address, Seat::Alone, bounds).await.unwrap())
    }
}

conformance::suite!(Shared);
