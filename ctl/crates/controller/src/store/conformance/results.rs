//! The results of hosts: what every store must do with them.

use super::{Database, HOST_BYTES};
use crate::store::{Acknowledgement, Arrival, MAX_PAGE_BYTES, Outcome, Store};
use agent_wire::message::EventKind;
use std::collections::BTreeSet;
use std::time::Duration;
use test_support::DEADLINE;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

/// The end of the acknowledgements that a test sees.
pub(super) struct Sender {
    reports: UnboundedSender<(String, Outcome)>,
    reported: UnboundedReceiver<(String, Outcome)>,
}

impl Sender {
    pub(super) fn new() -> Self {
        let (reports, reported) = unbounded_channel();
        Self { reports, reported }
    }

    /// Delivers an event.
    async fn send(&self, store: &dyn Store, host: &str, task: &str, event: &str) {
        let (reports, id) = (self.reports.clone(), task.to_owned());
        let arrival = Arrival {
            host: host.to_owned(),
            kind: EventKind::Task,
            task: task.to_owned(),
            event: event.to_owned(),
            acknowledgement: Acknowledgement::new(move |outcome| {
                // The test may have ended.
                let _ = reports.send((id, outcome));
            }),
        };
        store.put(arrival).await;
    }

    /// Waits for the next report, which must be that `task` is stored.
    async fn stored(&mut self, task: &str) {
        let report = timeout(DEADLINE, self.reported.recv()).await;
        assert_eq!(report.expect("no report in time"), Some((task.to_owned(), Outcome::Stored)));
    }

    /// Delivers an event and waits until it is stored.
    pub(super) async fn store(&mut self, store: &dyn Store, host: &str, task: &str, event: &str) {
        self.send(store, host, task, event).await;
        self.stored(task).await;
    }
}

async fn tasks(store: &dyn Store, host: &str, after: i64, limit: usize) -> Vec<String> {
    let page = store.results(host, after, limit).await.unwrap();
    page.into_iter().map(|row| row.task).collect()
}

pub(in crate::store) async fn a_stored_result_is_acknowledged_and_read_verbatim<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let event = "{\"id\":\"t/1\", \"n\":18446744073709551617,\n\"e\":\"\\u00e9\u{1f980}\"}";
    let before = std::time::SystemTime::now();
    sender.send(&*store, "h", "t/1", event).await;
    sender.stored("t/1").await;
    // No wait in between: an acknowledged result can be read.
    assert_eq!(store.result("h", "t/1").await.unwrap().as_deref(), Some(event));
    assert_eq!(store.result_size("h", "t/1").await.unwrap(), Some(event.len()));
    assert_eq!(store.result_size("h", "t/2").await.unwrap(), None);
    let page = store.results("h", 0, 10).await.unwrap();
    assert_eq!((page.len(), page[0].task.as_str(), page[0].event.as_str()), (1, "t/1", event));
    let since_1970 = before.duration_since(std::time::UNIX_EPOCH).unwrap();
    let received = Duration::from_millis(page[0].received.try_into().unwrap());
    assert!(received + Duration::from_millis(1) > since_1970 && received < since_1970 + DEADLINE);
    assert_eq!(store.result("h", "t/2").await.unwrap(), None);
    assert_eq!(store.results("nobody", 0, 10).await.unwrap(), []);
    store.close().await;
}

pub(in crate::store) async fn an_event_is_stored_once_and_another_run_of_its_task_beside_it<
    D: Database,
>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    sender.store(&*store, "h", "t", "{\"run\":1}").await;
    let first = store.results("h", 0, 10).await.unwrap();
    // Also twice in one batch, and in any order.
    for event in ["{\"run\":1}", "{\"run\":2}", "{\"run\":3}", "{\"run\":2}", "{\"run\":1}"] {
        sender.send(&*store, "h", "t", event).await;
    }
    for _ in 0..5 {
        sender.stored("t").await;
    }
    let page = store.results("h", 0, 10).await.unwrap();
    assert_eq!(page[0], first[0]);
    let events: Vec<&str> = page.iter().map(|row| &*row.event).collect();
    assert_eq!(events, ["{\"run\":1}", "{\"run\":2}", "{\"run\":3}"]);
    assert_eq!(store.result("h", "t").await.unwrap().as_deref(), Some("{\"run\":3}"));
    store.close().await;
}

pub(in crate::store) async fn a_host_beyond_its_bound_is_not_acknowledged_and_others_are<
    D: Database,
>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let half = format!("\"{}\"", "x".repeat(usize::try_from(HOST_BYTES / 2).unwrap()));
    sender.store(&*store, "h", "first", &half).await;
    sender.send(&*store, "h", "refused", &half).await;
    // A redelivery needs no room, and a small result has it; nor is another host affected.
    sender.store(&*store, "h", "first", &half).await;
    sender.store(&*store, "h", "small", "{}").await;
    sender.store(&*store, "other", "t", &half).await;
    assert_eq!(tasks(&*store, "h", 0, 10).await, ["first"]);
    assert_eq!(store.result("h", "refused").await.unwrap(), None);
    assert_eq!(store.result("h", "small").await.unwrap().as_deref(), Some("{}"));
    store.close().await;
    drop(store);
    // The bound is remembered.
    let store = database.open().await;
    sender.send(&*store, "h", "refused", &half).await;
    sender.store(&*store, "h", "more", "{}").await;
    assert_eq!(store.result("h", "refused").await.unwrap(), None);
    store.close().await;
    assert!(sender.reported.try_recv().is_err());
}

pub(in crate::store) async fn tasks_of_two_hosts_are_two_tasks<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    for host in ["a", "A", "a%", "a "] {
        sender.store(&*store, host, "t", &format!("{{\"host\":\"{host}\"}}")).await;
    }
    for host in ["a", "A", "a%", "a "] {
        let event = store.result(host, "t").await.unwrap().unwrap();
        assert_eq!(event, format!("{{\"host\":\"{host}\"}}"));
        assert_eq!(store.results(host, 0, 10).await.unwrap().len(), 1, "{host:?}");
    }
    store.close().await;
}

pub(in crate::store) async fn pages_follow_the_order_of_arrival<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let all: Vec<String> = (0..25).map(|number| format!("t{number}")).collect();
    for task in &all {
        sender.send(&*store, "h", task, "{}").await;
        sender.send(&*store, "other", task, "{}").await;
    }
    for task in &all {
        sender.stored(task).await;
        sender.stored(task).await;
    }
    let (mut found, mut after) = (Vec::new(), 0);
    loop {
        let page = store.results("h", after, 10).await.unwrap();
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        assert!(page[0].sequence > after && page.is_sorted_by(|a, b| a.sequence < b.sequence));
        after = last.sequence;
        found.extend(page.into_iter().map(|row| row.task));
    }
    assert_eq!(found, all);
    store.close().await;
}

pub(in crate::store) async fn a_page_is_bounded_in_bytes_and_holds_at_least_one_result<
    D: Database,
>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let large = format!("\"{}\"", "x".repeat(MAX_PAGE_BYTES));
    for (task, event) in [("small", "{}"), ("large-1", &*large), ("large-2", &*large)] {
        sender.store(&*store, "h", task, event).await;
    }
    let first = store.results("h", 0, 10).await.unwrap();
    assert_eq!(first.iter().map(|row| &*row.task).collect::<Vec<_>>(), ["small"]);
    assert_eq!(tasks(&*store, "h", first[0].sequence, 10).await, ["large-1"]);
    store.close().await;
}

pub(in crate::store) async fn a_watch_wakes_when_its_result_is_stored<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let mut waiting = [store.watch_result("h", "t"), store.watch_result("h", "t")];
    let mut other = store.watch_result("h", "other");
    sender.store(&*store, "h", "t", "{}").await;
    for watch in &mut waiting {
        timeout(DEADLINE, watch.stored()).await.expect("a watch did not wake");
    }
    assert!(timeout(Duration::from_millis(50), other.stored()).await.is_err());
    store.close().await;
}

pub(in crate::store) async fn closing_stores_what_was_accepted<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    let all: Vec<String> = (0..500).map(|number| format!("t{number}")).collect();
    for task in &all {
        sender.send(&*store, "h", task, "{}").await;
    }
    store.close().await;
    drop(store);
    let mut reported = BTreeSet::new();
    while reported.len() < all.len() {
        let report = timeout(DEADLINE, sender.reported.recv()).await.expect("a report is missing");
        let (task, outcome) = report.expect("the test holds the other end");
        assert_eq!(outcome, Outcome::Stored);
        assert!(reported.insert(task), "reported twice");
    }
    let store = database.open().await;
    assert_eq!(tasks(&*store, "h", 0, 1000).await, all);
    store.close().await;
}

pub(in crate::store) async fn results_and_sequence_numbers_survive_a_restart<D: Database>() {
    let database = D::create().await;
    let mut sender = Sender::new();
    let mut after = 0;
    for round in 0..3 {
        let store = database.open().await;
        assert_eq!(tasks(&*store, "h", 0, 10).await.len(), round);
        sender.store(&*store, "h", &format!("t{round}"), "{}").await;
        let page = store.results("h", after, 10).await.unwrap();
        assert_eq!(page.len(), 1);
        after = page[0].sequence;
        store.close().await;
    }
}

pub(in crate::store) async fn a_result_after_the_close_is_not_acknowledged<D: Database>() {
    let database = D::create().await;
    let (store, mut sender) = (database.open().await, Sender::new());
    store.close().await;
    store.close().await;
    sender.send(&*store, "h", "t", "{}").await;
    drop(store);
    assert!(sender.reported.try_recv().is_err());
    let store = database.open().await;
    assert_eq!(store.result("h", "t").await.unwrap(), None);
    store.close().await;
}
