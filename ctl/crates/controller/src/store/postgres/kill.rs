//! A server that is killed at random moments under a load of changes: each acknowledged one is
//! there, each failed one is not, and nothing is there twice.
//!
//! `KILLS=200 cargo test … store::postgres::kill` does it for longer.

use super::{Address, PostgresStore, Seat};
use crate::store::{
    Acknowledgement, Arrival, Bounds, Events as _, Results as _, Store as _, StoreError,
};
use agent_wire::message::EventKind;
use fleet::audit::{Event, Outcome};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};
use test_support::{PostgresServer, eventually};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const NOW: i64 = 1_795_000_000_000;

/// Tasks that make changes.
const WRITERS: u32 = 8;

/// The longest time between two kills.
const MAX_PAUSE: u64 = 400;

/// Changes that are acknowledged after each kill before the next one.
const AT_LEAST: u32 = 40;

/// The answer that a caller got for a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Done,
    Failed,
    Unknown,
}

/// The load, and the answers that it got.
#[derive(Default)]
struct Load {
    over: AtomicBool,
    done: AtomicU32,
    told: Mutex<BTreeMap<String, Told>>,
}

impl Load {
    /// Writes one event after the other, each under a name of its own.
    async fn events(self: Arc<Self>, store: Arc<PostgresStore>, writer: u32) {
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let actor = format!("{writer}-{number}");
            let event = Event {
                actor: actor.clone(),
                action: "hosts.label".to_owned(),
                ..Event::default()
            };
            let told = match store.record(event, Outcome::Succeeded, NOW).await {
                Ok(_) => Told::Done,
                Err(error) => self.failed(&error).await,
            };
            self.done.fetch_add(u32::from(told == Told::Done), Ordering::Relaxed);
            self.told.lock().insert(actor, told);
        }
    }

    async fn failed(&self, error: &StoreError) -> Told {
        // As a client does.
        sleep(Duration::from_millis(10)).await;
        let text = error.to_string();
        let is_unknown = ["may have happened", "may still happen"].map(|part| text.contains(part));
        if is_unknown.contains(&true) { Told::Unknown } else { Told::Failed }
    }

    /// Delivers one result after the other; returns how many were acknowledged, which are all.
    async fn results(self: Arc<Self>, store: Arc<PostgresStore>) -> u32 {
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return number;
            }
            let (sender, acknowledged) = oneshot::channel();
            store
                .put(Arrival {
                    host: "host-1".to_owned(),
                    kind: EventKind::Task,
                    task: format!("task-{number}"),
                    event: format!("{{\"id\":\"task-{number}\"}}"),
                    acknowledgement: Acknowledgement::new(move |outcome| {
                        sender.send(outcome).unwrap();
                    }),
                })
                .await;
            assert_eq!(acknowledged.await, Ok(crate::store::Outcome::Stored));
        }
        unreachable!("the load ends before the numbers do")
    }
}

/// Numbers that a seed repeats (SplitMix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_there_as_they_were_told_whenever_the_server_is_killed() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let kills: u32 = std::env::var("KILLS").map_or(2, |text| text.parse().unwrap());
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = std::env::var("SEED").map_or(since.as_secs(), |text| text.parse().unwrap());
    println!("SEED={seed}");
    let mut rng = Rng(seed);
    let database = server.create();
    let address = Address::parse(database.url(), None).unwrap();
    let store =
        Arc::new(PostgresStore::open(address, Seat::Alone, Bounds::generous()).await.unwrap());
    let load: Arc<Load> = Arc::default();
    let writers: Vec<JoinHandle<()>> = (0..WRITERS)
        .map(|writer| tokio::spawn(Arc::clone(&load).events(Arc::clone(&store), writer)))
        .collect();
    let results = tokio::spawn(Arc::clone(&load).results(Arc::clone(&store)));
    for kill in 0..=kills {
        let before = load.done.load(Ordering::Relaxed);
        eventually("changes are made", || load.done.load(Ordering::Relaxed) >= before + AT_LEAST)
            .await;
        if kill < kills {
            sleep(Duration::from_millis(rng.below(MAX_PAUSE))).await;
            tokio::task::block_in_place(|| {
                server.kill();
                server.start_again();
            });
        }
    }
    load.over.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let results = results.await.unwrap();

    let stored = database.sql("SELECT actor, count(*) FROM events WHERE ends IS NULL GROUP BY 1");
    let mut stored: BTreeMap<&str, u32> = stored
        .lines()
        .map(|line| line.split_once('|').unwrap())
        .map(|(actor, count)| (actor, count.parse().unwrap()))
        .collect();
    let mut counts = BTreeMap::new();
    for (actor, told) in &*load.told.lock() {
        let there = stored.remove(&**actor).unwrap_or_default();
        let is_right = match told {
            Told::Done => there == 1,
            Told::Failed => there == 0,
            Told::Unknown => there <= 1,
        };
        assert!(is_right, "{actor} is there {there} times: {told:?}");
        *counts.entry(format!("{told:?}")).or_insert(0_u32) += 1;
    }
    println!("{kills} kills, {results} results, changes: {counts:?}");
    assert_eq!(stored, BTreeMap::new());
    let acknowledged = format!("{results}|{results}");
    assert_eq!(database.sql("SELECT count(*), count(DISTINCT task) FROM results"), acknowledged);
    assert_eq!(store.verify_events().await.unwrap().fault, None);
    store.close().await;
}
