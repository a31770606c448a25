//! Schedules: what every store must do with them.

use super::Database;
use super::hosts::{Newcomer, terms, with_token};
use super::results::Sender;
use crate::store::{Removal, ScheduleChange, ScheduleEntry, ScheduleNote, Store, StoreError};
use fleet::schedule::standing::Outcome;

fn entry(name: &str, cmd: &str) -> ScheduleEntry {
    let entry = format!(r#"{{"name":"{name}","cmd":"{cmd}"}}"#);
    ScheduleEntry { name: name.to_owned(), entry, revision: format!("r-{cmd}") }
}

fn change(put: &[ScheduleEntry], remove: Removal, by: &str) -> ScheduleChange {
    let (put, by) = (put.to_vec(), by.to_owned());
    ScheduleChange { put, remove, adopt: false, expected: None, by, now: crate::audit::now() }
}

async fn names(store: &dyn Store) -> Vec<String> {
    store.schedule_set().await.unwrap().rows.into_iter().map(|row| row.name).collect()
}

pub(in crate::store) async fn a_set_of_schedules_changes_whole_and_keeps_its_versions<
    D: Database,
>() {
    let database = D::create().await;
    let store = database.open().await;
    let generation = store.schedule_generation();
    assert_eq!(store.schedule_set().await.unwrap().generation, 0);
    let first = change(&[entry("a", "1"), entry("b", "1")], Removal::Nothing, "anna");
    assert_eq!(store.change_schedules(first.clone()).await.unwrap(), 1);
    assert_eq!(*generation.borrow(), 1);
    // The same again changes nothing, unless somebody takes a schedule over.
    assert_eq!(store.change_schedules(first.clone()).await.unwrap(), 1);
    let adopted =
        ScheduleChange { adopt: true, ..change(&[entry("b", "1")], Removal::Nothing, "bert") };
    assert_eq!(store.change_schedules(adopted.clone()).await.unwrap(), 2);
    assert_eq!(store.change_schedules(adopted).await.unwrap(), 2);
    let row = store.schedule("b").await.unwrap().unwrap();
    assert_eq!((row.version, &*row.created_by, &*row.changed_by), (2, "anna", "bert"));

    let stale = ScheduleChange { expected: Some(1), ..first.clone() };
    let stale = store.change_schedules(stale).await.unwrap_err();
    assert!(matches!(stale, StoreError::Conflict(_)), "{stale}");
    // What is put beside something that cannot be removed is not stored either.
    let half = change(&[entry("c", "1")], Removal::One("nobody".to_owned()), "anna");
    assert!(store.change_schedules(half).await.is_err());
    assert_eq!(names(&*store).await, ["a", "b"]);
    let pruned = change(&[entry("a", "2")], Removal::Others, "anna");
    assert_eq!(store.change_schedules(pruned).await.unwrap(), 3);
    assert_eq!(names(&*store).await, ["a"]);
    store.close().await;

    let store = database.open().await;
    assert_eq!(*store.schedule_generation().borrow(), 3);
    let versions = store.schedule_versions("b", i64::MAX, 10).await.unwrap();
    let shown: Vec<_> =
        versions.iter().map(|v| (v.version, v.entry.is_some(), v.by.as_str())).collect();
    assert_eq!(shown, [(3, false, "anna"), (2, true, "bert"), (1, true, "anna")]);
    assert_eq!(store.schedule_versions("b", 3, 1).await.unwrap()[0].version, 2);
    // A new schedule of an old name goes on counting.
    let again = change(&[entry("b", "9")], Removal::Nothing, "anna");
    store.change_schedules(again).await.unwrap();
    assert_eq!(store.schedule("b").await.unwrap().unwrap().version, 4);
    assert_eq!(store.schedules("a", 10).await.unwrap().len(), 1);
    store.close().await;
}

fn tried(schedule: &str, outcome: Outcome, revision: &str, drift: Option<&str>) -> ScheduleNote {
    ScheduleNote::Tried {
        schedule: schedule.to_owned(),
        outcome,
        tried: revision.to_owned(),
        applied: (outcome == Outcome::Applied).then(|| revision.to_owned()),
        why: (outcome != Outcome::Applied).then(|| "a reason".to_owned()),
        drift: drift.map(str::to_owned),
    }
}

pub(in crate::store) async fn what_was_tried_on_a_host_is_kept_counted_and_goes_with_the_host<
    D: Database,
>() {
    let (_database, store) = with_token::<D>(terms()).await;
    for (host, key) in [("h-1", 1), ("h-2", 2)] {
        Newcomer::by(1, key).wanting(host).enroll(&*store).await.unwrap();
    }
    let counts = async || -> Vec<(Outcome, String, u64)> {
        let counts = store.schedule_counts("s").await.unwrap();
        counts.into_iter().map(|count| (count.outcome, count.tried, count.hosts)).collect()
    };
    let note = async |host: &str, note: ScheduleNote, now: i64| {
        store.note_schedules(host, vec![note], now).await.unwrap();
    };
    note("h-1", tried("s", Outcome::Applied, "1", None), 10).await;
    note("h-2", tried("s", Outcome::Refused, "1", None), 10).await;
    assert_eq!(
        counts().await,
        [(Outcome::Applied, "1".to_owned(), 1), (Outcome::Refused, "1".to_owned(), 1)]
    );
    // The same again keeps its time; drift stays until there is another.
    note("h-1", tried("s", Outcome::Applied, "1", Some("removed")), 20).await;
    note("h-1", tried("s", Outcome::Applied, "1", None), 30).await;
    let row = store.schedules_of_host("h-1").await.unwrap().remove(0);
    assert_eq!((row.since, row.drift.as_deref(), row.drift_at), (10, Some("removed"), Some(20)));
    note("h-2", tried("s", Outcome::Applied, "1", None), 40).await;
    assert_eq!(counts().await, [(Outcome::Applied, "1".to_owned(), 2)]);
    let page = store.schedule_hosts("s", None, "h-1", 10).await.unwrap();
    assert_eq!((page.len(), page[0].host.as_str(), page[0].since), (1, "h-2", 40));
    store.remove("h-2", 50).await.unwrap();
    // A note that comes too late brings nothing back.
    note("h-2", tried("s", Outcome::Applied, "1", None), 60).await;
    assert_eq!(counts().await, [(Outcome::Applied, "1".to_owned(), 1)]);
    note("h-1", ScheduleNote::Gone { schedule: "s".to_owned() }, 70).await;
    assert!(counts().await.is_empty());
    assert!(store.schedules_of_host("h-1").await.unwrap().is_empty());
    store.close().await;
}

pub(in crate::store) async fn results_are_found_by_schedule_newest_first<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    for (host, task) in [
        ("a", "cron:fleet:backup:2026-01-01T00:00:00Z"),
        ("a", "cron:backup:2026-01-01T00:00:00Z"),
        ("b", "cron:fleet:backup:2026-01-02T00:00:00Z"),
        ("b", "cron:fleet:backup2:2026-01-02T00:00:00Z"),
        ("b", "cron:fleet:backup:run:7"),
    ] {
        sender.store(&*store, host, task, "{}").await;
    }
    let found = store.schedule_results("backup", i64::MAX, 2).await.unwrap();
    let tasks: Vec<_> = found.iter().map(|row| (row.host.as_str(), row.task.as_str())).collect();
    assert_eq!(
        tasks,
        [("b", "cron:fleet:backup:run:7"), ("b", "cron:fleet:backup:2026-01-02T00:00:00Z")]
    );
    let rest = store.schedule_results("backup", found[1].sequence, 10).await.unwrap();
    assert_eq!((rest.len(), rest[0].host.as_str()), (1, "a"));
    assert!(store.schedule_results("back", i64::MAX, 10).await.unwrap().is_empty());
    store.close().await;
}
