//! Commits whose answers are lost, on a real server.

mod proxy;

use super::*;
use crate::store::conformance::hosts::{terms, token, token_id};
use crate::store::postgres::{Address, PostgresStore, Seat};
use crate::store::{
    Acknowledgement, Arrival, Bounds, JoinTokens as _, Outcome as Fate, Results as _, Store as _,
    StoreError,
};
use agent_wire::message::EventKind;
use proxy::{Cut, Gate, Proxy};
use test_support::{PostgresDatabase, PostgresServer, eventually};
use tokio::sync::mpsc::unbounded_channel;

/// A store whose way to the database can be cut.
struct Remote {
    database: PostgresDatabase<'static>,
    proxy: Proxy,
    store: Arc<PostgresStore>,
}

impl Remote {
    /// `None` where PostgreSQL is not installed.
    async fn open() -> Option<Self> {
        let server = PostgresServer::shared()?;
        let (database, proxy) = (server.create(), Proxy::to(server).await);
        let url = format!("postgres://basicagent@127.0.0.1:{}/{}", proxy.port(), database.name());
        let address = Address::parse(&url, None).unwrap();
        let store = PostgresStore::open(address, Seat::Alone, Bounds::generous()).await.unwrap();
        Some(Self { database, proxy, store: Arc::new(store) })
    }

    /// Begins a change, whose commit is cut so.
    fn change(&self, cut: Cut) -> tokio::task::JoinHandle<Result<(), StoreError>> {
        let store = Arc::clone(&self.store);
        self.proxy.cut(cut);
        // Another token of this name would be refused.
        let change = async move { store.create_token(token(1, terms())).await.map(drop) };
        tokio::spawn(change)
    }

    /// Returns how many tokens there are.
    async fn tokens(&self) -> usize {
        self.store.tokens("", 100).await.unwrap().len()
    }

    /// Sends results; returns whether all of them are acknowledged.
    async fn deliver(&self, tasks: std::ops::Range<u32>) {
        let (acknowledged, mut acknowledgements) = unbounded_channel();
        for number in tasks.clone() {
            let acknowledged = acknowledged.clone();
            let report = move |outcome| acknowledged.send(outcome).unwrap();
            self.store
                .put(Arrival {
                    host: "host-1".to_owned(),
                    kind: EventKind::Task,
                    task: format!("task-{number}"),
                    event: format!("{{\"id\":\"task-{number}\"}}"),
                    acknowledgement: Acknowledgement::new(report),
                })
                .await;
        }
        for _ in tasks {
            assert_eq!(acknowledgements.recv().await, Some(Fate::Stored));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_did_not_reach_the_server_is_made_again() {
    let Some(remote) = Remote::open().await else { return };
    remote.change(Cut::Before).await.unwrap().unwrap();
    assert!(remote.proxy.has_cut());
    assert_eq!(remote.tokens().await, 1);
    remote.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_found_and_not_made_again() {
    let Some(remote) = Remote::open().await else { return };
    remote.change(Cut::After).await.unwrap().unwrap();
    assert!(remote.proxy.has_cut());
    assert_eq!(remote.tokens().await, 1);
    assert!(remote.store.token(&token_id(1)).await.unwrap().is_some());
    remote.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_still_on_its_way_is_waited_for() {
    let Some(remote) = Remote::open().await else { return };
    let (gate, is_here, open) = Gate::new();
    let change = remote.change(Cut::Late(gate));
    is_here.await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND wait_event_type = 'Lock'";
    eventually("the outcome is looked for", || remote.database.sql(waiting) == "1").await;
    open.send(()).unwrap();
    change.await.unwrap().unwrap();
    assert_eq!(remote.tokens().await, 1);
    remote.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_cannot_be_found_is_no_acknowledgement() {
    let Some(remote) = Remote::open().await else { return };
    let (gate, is_here, open) = Gate::new();
    let change = remote.change(Cut::AfterGate(gate));
    is_here.await.unwrap();
    // As many other controllers would have done.
    remote.database.sql("DELETE FROM marks");
    open.send(()).unwrap();
    let told = change.await.unwrap().unwrap_err().to_string();
    assert!(told.contains("the change may have happened"), "{told}");
    // The next change finds its mark missing, and the controller takes the database again.
    let again = async || remote.store.create_token(token(2, terms())).await;
    while let Err(error) = again().await {
        assert!(error.to_string().contains("cannot write the database"), "{error}");
        tokio::task::yield_now().await;
    }
    assert_eq!(remote.tokens().await, 2);
    remote.store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_are_stored_once_and_acknowledged_where_their_commit_is_cut() {
    let Some(remote) = Remote::open().await else { return };
    for (round, cut) in [Cut::Before, Cut::After].into_iter().enumerate() {
        let first = u32::try_from(round).unwrap() * 100;
        remote.proxy.cut(cut);
        remote.deliver(first..first + 100).await;
        assert!(remote.proxy.has_cut());
    }
    let stored = "SELECT count(*), count(DISTINCT task), (SELECT sum(bytes) FROM usage) = \
                  (SELECT sum(bytes) FROM usage WHERE host = 'host-1') FROM results";
    assert_eq!(remote.database.sql(stored), "200|200|t");
    remote.store.close().await;
}

#[test]
fn the_row_of_a_lost_transaction_rests_while_others_are_free() {
    let now = Instant::now();
    let free = Mutex::new((1..=3).map(|place| (now, place)).collect());
    let marks = Arc::new(Marks { run: 1, last: AtomicI64::new(0), free });
    let (lost, ended) = (marks.take().unwrap(), marks.take().unwrap());
    let of_lost = lost.place;
    drop(lost);
    ended.end();
    let others: Vec<Mark> = (0..2).map(|_| marks.take().unwrap()).collect();
    assert!(others.iter().all(|mark| mark.place != of_lost), "{others:?}");
    assert_eq!(marks.take().unwrap().place, of_lost);
    let numbers: Vec<i64> = others.iter().map(|mark| mark.number).collect();
    assert_eq!(numbers, [3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_wait_to_be_published_keep_no_row_from_others() {
    let Some(remote) = Remote::open().await else { return };
    let count = u32::try_from(ROWS).unwrap() * 2;
    let publishing = remote.store.core.publishing.lock().await;
    let changes: Vec<_> = (0..count)
        .map(|number| {
            let store = Arc::clone(&remote.store);
            tokio::spawn(async move { store.create_token(token(number, terms())).await.map(drop) })
        })
        .collect();
    eventually("all of them are stored", || {
        remote.database.sql("SELECT count(*) FROM tokens") == count.to_string()
    })
    .await;
    drop(publishing);
    for change in changes {
        change.await.unwrap().unwrap();
    }
}
