//! Measurements of the store alone. They assert nothing about time, so they are no tests: run
//! `make bench-store`.

mod history;

use super::SqliteStore;
use crate::store::Bounds;
use crate::store::work::{audit, connect, enroll, rate};
use crate::store::{EventQuery, Events as _, HostQuery, Hosts as _, LabelChange, Store as _};
use fleet::{LabelKey, LabelValue, Selector};
use std::sync::Arc;
use std::time::{Duration, Instant};
use test_support::Scratch;

fn open(scratch: &Scratch) -> Arc<SqliteStore> {
    let keep = Duration::from_secs(30 * 24 * 3600);
    let bounds = Bounds { keep, keep_events: keep, ..Bounds::generous() };
    Arc::new(SqliteStore::open(scratch.path(), bounds).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: make bench-store"]
async fn changes_per_second() {
    let scratch = Scratch::new("controller-store");
    let store = open(&scratch);
    enroll("SQLite", &store, 20_000, 64).await;
    connect("SQLite", &store, 18_000).await;
    for width in [1, 16] {
        audit("SQLite", &store, width).await;
    }
    let begun = Instant::now();
    let verified = store.verify_events().await.unwrap();
    assert_eq!(verified.fault, None);
    println!("audit log of {} lines verified in {:.2?}", verified.lines, begun.elapsed());
    store.close().await;
}

/// Runs `work` 200 times; prints how long it took.
async fn spread<T>(what: &str, work: impl AsyncFn() -> T) -> T {
    let (mut took, mut last) = (Vec::new(), None);
    while took.len() < 200 {
        let begun = Instant::now();
        last = Some(work().await);
        took.push(begun.elapsed());
    }
    took.sort();
    println!("{what}: p50 {:.1?}, p99 {:.1?}, max {:.1?}", took[100], took[198], took[199]);
    last.unwrap()
}

/// Searches for names, counts, and lists labels in use, as the console does.
async fn searches(store: &SqliteStore) {
    for (search, selector) in [
        ("host", ""),
        ("host-0999", ""),
        ("99999", ""),
        ("7", ""),
        ("nothing", ""),
        ("host", "rack=r7"),
        ("99999", "role=mail"),
        ("host-0", "half=1,role=ci"),
    ] {
        let query = |limit| HostQuery {
            search: Some(search.to_owned()),
            selector: Some(Selector::parse(selector).unwrap()),
            limit,
            ..HostQuery::default()
        };
        let page = async || store.hosts(query(100)).await.unwrap().len();
        spread(&format!("hosts named {search:?} of {selector:?}"), page).await;
        let count = async || store.host_ids(query(10_001)).await.unwrap().len();
        let found = spread(&format!("count of {search:?}, {selector:?}"), count).await;
        println!("  {found} found");
    }
    spread("keys in use", async || store.label_keys("", 50).await.unwrap()).await;
    spread("values in use", async || store.label_values("rack", "r1", 50).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: make bench-store"]
async fn pages_of_100000_hosts() {
    let scratch = Scratch::new("controller-store");
    let store = open(&scratch);
    enroll("SQLite", &store, 100_000, 256).await;
    let to = Arc::clone(&store);
    rate("labels set", 100_000, 256, move |number| {
        let store = Arc::clone(&to);
        async move {
            let label = |key: &str, value: String| {
                (LabelKey::new(key).unwrap(), LabelValue::new(&value).unwrap())
            };
            let mut set = std::collections::BTreeMap::from([
                label("role", ["web", "db", "mail", "ci"][number as usize % 4].to_owned()),
                label("rack", format!("r{}", number % 1000)),
                label("half", (number / 50_000).to_string()),
            ]);
            if number % 10_000 == 9_999 {
                set.extend([label("rare", String::new())]);
            }
            let change = LabelChange { set, remove: Vec::new() };
            store.set_labels(&format!("host-{number:06}"), change).await.unwrap();
        }
    })
    .await;
    for text in [
        "",
        "env=prod",
        "role=web",
        "role in (web,db),!rare",
        "rack=r7",
        "rack=r7,role=mail",
        "rare",
        "!rare,role!=web",
        "half=0,role notin (web,db,mail,ci)",
        "role=web,rack=r1",
        "env!=prod",
        "half=1,half=0",
        "none=x",
    ] {
        let selector = Selector::parse(text).unwrap();
        let (mut took, mut found, mut after) = (Vec::new(), 0, String::new());
        while took.len() < 200 {
            let query = HostQuery {
                selector: Some(selector.clone()),
                after: std::mem::take(&mut after),
                limit: 100,
                ..HostQuery::default()
            };
            let begun = Instant::now();
            let page = store.hosts(query).await.unwrap();
            took.push(begun.elapsed());
            found += page.len();
            after = page.last().map(|host| host.identity.id.clone()).unwrap_or_default();
        }
        took.sort();
        println!(
            "hosts {text:?}: p50 {:.1?}, p99 {:.1?}, max {:.1?} ({found} hosts in 200 pages)",
            took[100], took[198], took[199]
        );
    }
    searches(&store).await;
    let query =
        EventQuery { host: Some("host-050000".to_owned()), limit: 100, ..Default::default() };
    let begun = Instant::now();
    assert_eq!(store.events(query).await.unwrap().len(), 1);
    println!("events of a host: {:.1?}", begun.elapsed());
    store.close().await;
}
