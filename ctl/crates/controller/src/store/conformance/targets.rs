//! Targets of runs: what every store must do with them.

use super::Database;
use super::results::Sender;
use super::runs::{NOW, applied, ended, equation, event, go};
use crate::store::{MoveTo, RunRow, TargetMove, TargetQuery};
use fleet::run::{End, EndState, TargetState, task_id};
use test_support::DEADLINE;
use tokio::sync::broadcast::error::RecvError;

pub(in crate::store) async fn a_result_ends_its_target_in_the_transaction_that_stores_it<
    D: Database,
>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let run = applied(&*store, "r", &["a", "b", "c"]).await;
    let task = task_id("r");
    go(&*store, &run, 0, MoveTo::Sent).await;
    sender.store(&*store, "a", &task, &event(0, "x")).await;
    // No wait in between.
    let target = store.target("r", "a").await.unwrap().unwrap();
    assert_eq!((target.state, target.code), (TargetState::Ended(EndState::Succeeded), Some(0)));
    assert_eq!(store.target_result("r", "a").await.unwrap(), Some(event(0, "x")));
    // A redelivery, and a result before anybody has heard that it was sent.
    sender.store(&*store, "a", &task, &event(0, "x")).await;
    assert_eq!(store.target("r", "a").await.unwrap().unwrap(), target);
    sender.store(&*store, "b", &task, &event(7, "x")).await;
    let failed = store.target("r", "b").await.unwrap().unwrap();
    assert_eq!((failed.state, failed.code), (TargetState::Ended(EndState::Failed), Some(7)));
    // A second run of the task on a reinstalled host, a host that is no target, no such run.
    sender.store(&*store, "a", &task, &event(1, "y")).await;
    assert_eq!(store.target("r", "a").await.unwrap().unwrap(), target);
    sender.store(&*store, "z", &task, &event(0, "x")).await;
    sender.store(&*store, "c", &task_id("none"), &event(0, "x")).await;
    assert_eq!(equation(&*store, "r").await, "3 = 1 waiting + 1 succeeded + 1 failed");
    store.close().await;
}

pub(in crate::store) async fn a_result_corrects_an_end_that_was_only_assumed<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let run = applied(&*store, "r", &["a", "b"]).await;
    go(&*store, &run, 0, ended(EndState::Interrupted)).await;
    sender.store(&*store, "a", &task_id("r"), &event(3, "")).await;
    let target = store.target("r", "a").await.unwrap().unwrap();
    assert_eq!((target.state, target.why), (TargetState::Ended(EndState::Failed), None));
    assert_eq!(equation(&*store, "r").await, "2 = 1 waiting + 1 failed");
    store.close().await;
}

pub(in crate::store) async fn a_reply_is_kept_as_the_result_of_its_target<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let run = applied(&*store, "r", &["a", "b", "c"]).await;
    let reply = r#"{"resp":"success","retcode":0,"data":{"release":"6.1"}}"#;
    for position in 0..2 {
        let end = End::new(EndState::Succeeded).with_code(0);
        assert!(
            go(&*store, &run, position, MoveTo::Replied { end, reply: reply.to_owned() }).await
        );
    }
    assert_eq!(store.target_result("r", "b").await.unwrap().as_deref(), Some(reply));
    assert_eq!(store.target_result("r", "c").await.unwrap(), None);
    let groups = store.outputs("r", 9).await.unwrap();
    assert_eq!((groups.len(), groups[0].count, &*groups[0].head), (1, 2, r#"{"release":"6.1"}"#));
    store.close().await;
}

pub(in crate::store) async fn targets_are_found_by_state_stage_and_output_in_pages<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let run = applied(&*store, "r", &["a", "b", "c", "d"]).await;
    go(&*store, &run, 3, ended(EndState::Refused)).await;
    for (host, output) in [("a", "same"), ("b", "other"), ("c", "same")] {
        sender.store(&*store, host, &task_id("r"), &event(0, output)).await;
    }
    let hosts = async |query: TargetQuery| {
        let found = store.targets(TargetQuery { run: "r".to_owned(), ..query }).await.unwrap();
        found.into_iter().map(|target| target.host).collect::<Vec<_>>()
    };
    let all = || TargetQuery { limit: 9, ..Default::default() };
    assert_eq!(hosts(all()).await, ["a", "b", "c", "d"]);
    assert_eq!(hosts(TargetQuery { after: Some(1), limit: 1, ..all() }).await, ["c"]);
    assert_eq!(hosts(TargetQuery { stage: Some(0), ..all() }).await, ["a"]);
    let succeeded = Some(TargetState::Ended(EndState::Succeeded));
    let second = TargetQuery { stage: Some(1), state: succeeded, ..all() };
    assert_eq!(hosts(second).await, ["b", "c"]);
    let groups = store.outputs("r", 9).await.unwrap();
    let found: Vec<_> =
        groups.iter().map(|group| (&*group.head, group.count, group.hosts.len())).collect();
    assert_eq!(found, [("same", 2, 2), ("other", 1, 1)]);
    let output = Some(groups[0].digest.clone());
    assert_eq!(hosts(TargetQuery { output, ..all() }).await, ["a", "c"]);
    assert_eq!(hosts(TargetQuery { output: Some("xyz".to_owned()), ..all() }).await, [""; 0]);
    store.close().await;
}

pub(in crate::store) async fn changes_follow_a_cursor_and_are_published<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let mut published = store.run_changes();
    let run = applied(&*store, "r", &["a", "b"]).await;
    let other = applied(&*store, "other", &["a"]).await;
    go(&*store, &run, 1, MoveTo::Sent).await;
    go(&*store, &other, 0, MoveTo::Sent).await;
    sender.store(&*store, "a", &task_id("r"), &event(0, "x")).await;
    let seen = store.changes("r", 0, 9).await.unwrap();
    let hosts: Vec<_> = seen.iter().map(|target| &*target.host).collect();
    assert_eq!(hosts, ["b", "a"]);
    assert_eq!(store.run("r").await.unwrap().unwrap().change, seen[1].change);
    assert_eq!(store.changes("r", seen[0].change, 9).await.unwrap(), seen[1..]);
    assert_eq!(store.changes("r", 0, 1).await.unwrap(), seen[..1]);
    assert_eq!(store.changes("r", seen[1].change, 9).await.unwrap(), []);
    let mut of_targets = Vec::new();
    while let Ok(batch) = published.try_recv() {
        of_targets.extend(batch.iter().filter(|change| &*change.run == "r").cloned());
    }
    assert!(of_targets.is_sorted_by(|one, next| one.change < next.change), "{of_targets:?}");
    let moves: Vec<_> = of_targets.iter().filter_map(|change| change.target).collect();
    let ended = TargetState::Ended(EndState::Succeeded);
    assert_eq!(moves, [(1, TargetState::Sent), (0, ended)]);
    // The numbers go on after a restart.
    store.close().await;
    drop(store);
    let store = database.open().await;
    go(&*store, &run, 1, MoveTo::Running).await;
    assert!(store.changes("r", seen[1].change, 9).await.unwrap().len() == 1);
    store.close().await;
}

pub(in crate::store) async fn a_follower_misses_nothing_while_several_runs_go_on<D: Database>() {
    const HOSTS: u32 = 60;
    let database = D::create().await;
    let store = &*database.open().await;
    let hosts: Vec<String> = (0..HOSTS).map(|number| format!("h{number}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut runs = Vec::new();
    for id in ["r0", "r1", "r2"] {
        runs.push(applied(store, id, &hosts).await);
    }
    let send = async |run: &RunRow| {
        for first in (0..HOSTS).step_by(7) {
            let part = (first..HOSTS).take(7);
            let sent = |position| TargetMove { run: run.number, position, to: MoveTo::Sent };
            store.move_targets(part.map(sent).collect(), NOW).await.unwrap();
        }
    };
    let report = async |run: &RunRow| {
        let mut sender = Sender::new();
        for host in hosts.iter().rev() {
            sender.store(store, host, &task_id(&run.id), &event(0, host)).await;
        }
    };
    // Reads behind its cursor only, until every target has ended.
    let follow = async |run: &RunRow| {
        let (mut after, mut ended, mut news) = (0, 0, store.run_changes());
        while ended < HOSTS {
            let page = store.changes(&run.id, after, 9).await.unwrap();
            for target in &page {
                assert!(target.change > after);
                after = target.change;
                ended += u32::from(target.state.end().is_some());
            }
            if page.len() == 9 || ended == HOSTS {
                continue;
            }
            // One that lags looks, too.
            assert_ne!(news.recv().await, Err(RecvError::Closed));
        }
    };
    let all = runs.iter().map(async |run| tokio::join!(send(run), report(run), follow(run)));
    let waited = tokio::time::timeout(DEADLINE, futures_util::future::join_all(all)).await;
    assert!(waited.is_ok(), "a follower waits for a change that it has missed");
    for run in &runs {
        assert_eq!(equation(store, &run.id).await, format!("{HOSTS} = {HOSTS} succeeded"));
    }
    store.close().await;
}
