//! A disk that is full or cannot be written, and files that are damaged: a sentence for each, and
//! nothing done by halves.

use super::{SqliteStore, file};
use crate::error::Error;
use crate::store::Bounds;
use crate::store::conformance::hosts::{NOW, Newcomer, key, terms, token, token_id};
use crate::store::{
    ChannelProof, Events as _, Hosts as _, JoinTokens as _, NewChannel, Store as _, StoreError,
};
use fleet::IdentityRefusal;
use fleet::audit::Event;
use fleet::identity::{Connection, Standing};
use std::path::Path;
use std::time::Duration;
use test_support::{Scratch, is_inside, run};

fn open(dir: &Path) -> Result<SqliteStore, Error> {
    let keep = Duration::from_secs(400 * 24 * 3600);
    let bounds = Bounds { keep, keep_events: keep, ..Bounds::generous() };
    SqliteStore::open(dir, bounds)
}

/// Opens a store in which web-1 has joined.
async fn with_host(dir: &Path) -> SqliteStore {
    let store = open(dir).unwrap();
    let mut many = terms();
    many.max_uses = 10_000;
    store.create_token(token(1, many)).await.unwrap();
    Newcomer::by(1, 1).wanting("web-1").enroll(&store).await.unwrap();
    store
}

async fn connect(
    store: &SqliteStore,
    host: &str,
    of_key: u32,
) -> Result<Result<Connection, IdentityRefusal>, StoreError> {
    store
        .connected(NewChannel {
            host: host.to_owned(),
            proof: ChannelProof::Own { key: key(of_key), not_before: NOW },
            address: "192.0.2.7:4711".parse().unwrap(),
            version: None,
            boot: None,
            ca_version: None,
            now: NOW,
        })
        .await
}

/// Returns whether this test runs where it may mount, and mounts a disk of its own.
fn on_a_small_disk(test: &str, dir: &Path) -> bool {
    let words = ["unshare", "-m", "--propagation", "private"].map(str::to_owned);
    let test = format!("store::sqlite::faults::{test}");
    let inside = is_inside(&test, &words);
    if inside {
        std::fs::create_dir(dir).unwrap();
        run(&["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", dir.to_str().unwrap()]);
    }
    inside
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_changes_whole_and_keeps_nobody_out() {
    let scratch = Scratch::new("controller-store");
    let dir = scratch.file("state");
    if !on_a_small_disk("a_full_disk_refuses_changes_whole_and_keeps_nobody_out", &dir) {
        return;
    }
    let store = with_host(&dir).await;
    let mut joined = 1;
    let full = loop {
        match store.enroll(Newcomer::by(1, joined + 1).0).await {
            Ok(admitted) => assert!(admitted.unwrap().new),
            Err(error) => break error,
        }
        joined += 1;
    };
    assert!(matches!(&full, StoreError::Full(why) if why.contains("make room")), "{full}");
    // Whatever the last enrollment left free, this needs more.
    let large = Event { detail: Some("x".repeat(512 << 10)), ..Event::default() };
    let refused = store.begin(large, NOW).await.unwrap_err();
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    // Reading works, and so does connecting; a stranger is a stranger all the same.
    assert_eq!(store.token(&token_id(1)).await.unwrap().unwrap().uses, joined);
    assert_eq!(store.counts().active, u64::from(joined));
    let connected = connect(&store, "web-1", 1).await.unwrap();
    assert_eq!(connected.unwrap().standing, Standing::Active);
    let stranger = connect(&store, "web-1", joined + 1).await.unwrap();
    assert_eq!(stranger, Err(IdentityRefusal::Unknown));
    // An operator would have to know of these; there may be room for a few.
    let mut strangers = 0;
    let refused = loop {
        match connect(&store, &format!("lost-{strangers}"), 4000 + strangers).await {
            Ok(judged) => assert_eq!(judged.unwrap().standing, Standing::Pending),
            Err(error) => break error,
        }
        strangers += 1;
        assert!(strangers < 100, "strangers are noted on a full disk");
    };
    assert!(matches!(refused, StoreError::Full(_)), "{refused}");
    let log = store.verify_events().await.unwrap();
    assert_eq!((log.fault, log.lines), (None, 2 * u64::from(joined + strangers)));

    run(&["mount", "-o", "remount,size=32m", dir.to_str().unwrap()]);
    assert!(store.enroll(Newcomer::by(1, joined + 1).0).await.unwrap().unwrap().new);
    assert_eq!(store.token(&token_id(1)).await.unwrap().unwrap().uses, joined + 1);
    store.close().await;
    let check = file::open(&dir).unwrap();
    let sound: String = check.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_written_is_named_and_keeps_nobody_out() {
    let scratch = Scratch::new("controller-store");
    let dir = scratch.file("state");
    if !on_a_small_disk("a_disk_that_cannot_be_written_is_named_and_keeps_nobody_out", &dir) {
        return;
    }
    let store = with_host(&dir).await;
    store.close().await;
    drop(store);
    let mount = dir.to_str().unwrap();
    run(&["mount", "-o", "remount,ro", mount]);
    let why = open(&dir).unwrap_err().to_string();
    assert!(why.contains(mount) && why.contains("ead-only"), "{why}");
    run(&["mount", "-o", "remount,rw", mount]);
    let store = open(&dir).unwrap();
    assert_eq!(store.counts().active, 1);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_named_and_left_as_it_is() {
    let scratch = Scratch::new("controller-store");
    let store = with_host(scratch.path()).await;
    for of_key in 2..200 {
        Newcomer::by(1, of_key).enroll(&store).await.unwrap();
    }
    store.close().await;
    drop(store);
    let path = scratch.file("results.db");
    let whole = std::fs::read(&path).unwrap();
    let half = &whole[..whole.len() / 2];
    let mut header = whole.clone();
    header[..100].fill(0xff);
    let mut schema = whole.clone();
    schema[100..4096].fill(0xff);
    for (damaged, what) in [(half, "half"), (&header, "header"), (&schema, "schema")] {
        std::fs::write(&path, damaged).unwrap();
        match open(scratch.path()) {
            Err(error) => {
                let why = error.to_string();
                assert!(why.contains("results.db"), "{what}: {why}");
                assert!(why.contains("restore a backup"), "{what}: {why}");
            }
            // Damage behind the first pages is found by the check that runs beside.
            Ok(store) => {
                test_support::eventually("the damage to be found", || {
                    store.health.problem().is_some_and(|why| why.contains("damaged"))
                })
                .await;
                store.close().await;
            }
        }
        let left = std::fs::read(&path).unwrap();
        assert!(what == "half" || left == damaged, "{what} was changed");
    }
    std::fs::write(&path, &whole).unwrap();
    let store = open(scratch.path()).unwrap();
    assert_eq!(store.counts().active, 199);
    store.close().await;
}
