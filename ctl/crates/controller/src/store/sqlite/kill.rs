//! A store that is killed at random moments of enrollments: each host ends up with exactly one
//! identity, and no use of a token is lost or doubled.
//!
//! The parent feeds numbers of hosts to a child (this test binary again), which enrolls each and
//! prints it once the answer is there; the parent kills it and asks again for those without an
//! answer. `make enroll-kills` does it 500 times.

use super::SqliteStore;
use crate::store::Bounds;
use crate::store::conformance::hosts::{Newcomer, terms, token, token_id};
use crate::store::{
    EventQuery, Events as _, HostQuery, Hosts as _, JoinTokens as _, Store as _, StoreError,
};
use fleet::JoinRefusal;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use test_support::Scratch;
use tokio::sync::Semaphore;

/// Names the directory to the child.
const DIR: &str = "BASICAGENT_STORE_DIR";

/// Hosts that are new in each round.
const HOSTS: u32 = 40;

fn open(dir: &Path) -> SqliteStore {
    let keep = Duration::from_secs(400 * 24 * 3600);
    let bounds = Bounds { keep, keep_events: keep, ..Bounds::generous() };
    SqliteStore::open(dir, bounds).unwrap()
}

#[test]
#[ignore = "the child of the test below"]
fn enrolls_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(open(&dir));
        // A few at a time, so that there are many commits to be killed in.
        let turns = Arc::new(Semaphore::new(8));
        let enrolling: Vec<_> = std::io::stdin()
            .lines()
            .map(|line| line.unwrap().parse().unwrap())
            .map(|number: u32| {
                let (store, turns) = (Arc::clone(&store), Arc::clone(&turns));
                tokio::spawn(async move {
                    let _turn = turns.acquire().await.unwrap();
                    // Every third host asks twice at once, as after an answer that was lost.
                    let newcomer = Newcomer::by(1, number).wanting(&format!("web-{number}"));
                    let (first, second) = tokio::join!(newcomer.enroll(&*store), async {
                        match number % 3 {
                            0 => Some(newcomer.enroll(&*store).await),
                            _ => None,
                        }
                    });
                    let host = first.unwrap().host;
                    assert!(second.is_none_or(|second| second.unwrap().host == host));
                    // In one write: half a line would be another answer.
                    let line = format!("enrolled {number} {host}\n");
                    std::io::stderr().write_all(line.as_bytes()).unwrap();
                })
            })
            .collect();
        for one in enrolling {
            one.await.unwrap();
        }
        store.close().await;
    });
}

/// Starts the child and gives it the numbers.
fn start(dir: &Path, numbers: &BTreeSet<u32>) -> Child {
    #[expect(clippy::disallowed_methods, reason = "the child is this test itself")]
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture"])
        .arg("store::sqlite::kill::enrolls_until_it_is_killed")
        .env(DIR, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = numbers.iter().map(|number| format!("{number}\n")).collect();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_host_has_one_identity_however_often_the_store_is_killed() {
    let kills: u32 = std::env::var("BASICAGENT_STORE_KILLS")
        .map_or(10, |kills| kills.parse().expect("BASICAGENT_STORE_KILLS is a number"));
    let scratch = Scratch::new("controller-store");
    let store = open(scratch.path());
    let mut exactly = terms();
    exactly.max_uses = kills * HOSTS;
    store.create_token(token(1, exactly)).await.unwrap();
    store.close().await;
    drop(store);

    let (mut waiting, mut answered) = (BTreeSet::new(), BTreeMap::new());
    let mut cut_short = 0;
    for round in 0..=kills {
        let last = round == kills;
        if !last {
            waiting.extend(round * HOSTS..(round + 1) * HOSTS);
        }
        let mut child = start(scratch.path(), &waiting);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // The moment: a little after some of the answers.
        let answers = if last { u32::MAX } else { random() % (HOSTS + HOSTS / 4) };
        let mut seen = 0;
        let mut log = Vec::new();
        loop {
            if seen == answers {
                std::thread::sleep(Duration::from_micros(u64::from(random() % 4000)));
                child.kill().unwrap();
            }
            let Some(line) = lines.next() else { break };
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            if let ["enrolled", number, host] = words[..] {
                let number: u32 = number.parse().unwrap();
                assert_eq!(answered.insert(number, host.to_owned()), None, "{number}");
                assert!(waiting.remove(&number));
                seen += 1;
            } else {
                log.push(line);
            }
        }
        let status = child.wait().unwrap();
        let killed = status.signal() == Some(nix::libc::SIGKILL);
        assert!(status.success() || killed && !last, "{log:#?}");
        cut_short += u32::from(killed);
    }
    assert!(cut_short > 0 && waiting.is_empty(), "{cut_short} of {kills} rounds were killed");
    check(&open(scratch.path()), &answered).await;
}

/// Checks that every host that got an answer is there, once, and nothing else.
async fn check(store: &SqliteStore, answered: &BTreeMap<u32, String>) {
    let (mut ids, mut after) = (BTreeSet::new(), String::new());
    loop {
        let query = HostQuery { after, limit: 1000, ..Default::default() };
        let page = store.hosts(query).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.identity.id.clone();
        ids.extend(page.into_iter().map(|host| host.identity.id));
    }
    let wanted: BTreeSet<String> = answered.values().cloned().collect();
    assert_eq!(ids, wanted);
    assert_eq!(wanted.len(), answered.len(), "an id was given to two hosts");
    for (number, host) in answered {
        assert_eq!(*host, format!("web-{number}"));
    }
    let token = store.token(&token_id(1)).await.unwrap().unwrap();
    let all = answered.len() as u64;
    assert_eq!((u64::from(token.uses), store.counts().active), (all, all));
    let refused = Newcomer::by(1, u32::MAX).enroll(store).await.unwrap_err();
    assert_eq!(refused, JoinRefusal::UsedUp.into());
    let log = store.verify_events().await.unwrap();
    assert_eq!((log.fault, log.lines), (None, 2 * all));
    let some: Result<_, StoreError> =
        store.events(EventQuery { limit: 1, ..Default::default() }).await;
    assert_eq!(some.unwrap().len(), 1);
    store.close().await;
}

/// Returns a random number.
fn random() -> u32 {
    getrandom::u32().unwrap()
}
