//! Nodes on one database: who leads, what they hear of each other, and what becomes of one that ends.

use crate::store::conformance::{Database, HOST_BYTES};
use crate::store::postgres::{Address, PostgresStore, Seat};
use crate::store::{Bounds, CaFiles, Events as _, NodeCard, NodeRow, Nodes as _, Store};
use fleet::audit::Event;
use std::sync::Arc;
use std::time::Duration;
use test_support::{PostgresDatabase, PostgresServer, eventually};

/// A database that one node uses beside others.
struct OfANode(PostgresDatabase<'static>);

impl Database for OfANode {
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
        Arc::new(PostgresStore::open(address, seat("a"), bounds).await.unwrap())
    }
}

mod as_every_store_does {
    use super::OfANode;
    crate::store::conformance::suite!(OfANode);
}

fn seat(name: &str) -> Seat {
    Seat::Node(NodeCard {
        id: format!("id of {name}"),
        name: name.to_owned(),
        version: "1".to_owned(),
        agents: format!("{name}.example:7443"),
        http: format!("https://{name}.example"),
    })
}

async fn open(database: &PostgresDatabase<'_>, seat: Seat) -> Arc<PostgresStore> {
    let address = Address::parse(database.url(), None).unwrap();
    Arc::new(PostgresStore::open(address, seat, Bounds::generous()).await.unwrap())
}

fn event(action: &str) -> Event {
    Event {
        actor: "test".to_owned(),
        source: None,
        action: action.to_owned(),
        hosts: Vec::new(),
        detail: None,
    }
}

async fn leads(node: &PostgresStore, wanted: bool) {
    let mut leads = node.leads();
    let led = tokio::time::timeout(Duration::from_secs(60), leads.wait_for(|it| *it == wanted));
    led.await.expect("in time").expect("the store is there");
}

/// Ends a node as kill -9 does: nothing is given back but its session.
fn kill(node: &PostgresStore) {
    node.tasks.lock().drain(..).for_each(|task| task.abort());
}

/// Waits until a node knows of the others what `wanted` says.
async fn knows(node: &PostgresStore, what: &str, wanted: impl Fn(&[NodeRow]) -> bool) {
    let rows = node.nodes();
    eventually(what, || wanted(&rows.borrow())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_leads_and_another_one_when_it_stops() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let first = open(&database, seat("first")).await;
    leads(&first, true).await;
    let second = open(&database, seat("second")).await;
    knows(&second, "both are seen", |rows| rows.iter().filter(|row| row.is_alive).count() == 2)
        .await;
    let names: Vec<String> =
        second.nodes().borrow().iter().map(|row| row.card.name.clone()).collect();
    assert_eq!(names, ["first", "second"]);
    assert!(!*second.leads().borrow());

    first.decline_lead();
    first.give_up_lead().await.unwrap();
    leads(&second, true).await;
    assert!(!*first.leads().borrow());
    second.close().await;
    leads(&first, true).await;
    knows(&first, "the second has stopped", |rows| rows.iter().any(|row| !row.is_alive)).await;
    let gone = first.nodes().borrow().iter().find(|row| !row.is_alive).unwrap().number;
    assert!(first.remove_node(first.node().unwrap()).await.is_err(), "it runs");
    first.remove_node(gone).await.unwrap();
    knows(&first, "it is forgotten", |rows| rows.len() == 1).await;
    first.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_and_the_only_controller_keep_each_other_out() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let try_open = async |seat: Seat| {
        let address = Address::parse(database.url(), None).unwrap();
        PostgresStore::open(address, seat, Bounds::generous()).await
    };
    let alone = open(&database, Seat::Alone).await;
    let told = try_open(seat("node")).await.unwrap_err().to_string();
    assert!(told.contains("without --bus uses it"), "{told}");
    alone.close().await;
    let node = open(&database, seat("node")).await;
    let told = try_open(Seat::Alone).await.unwrap_err().to_string();
    assert!(told.contains("another BasicAgentController uses it"), "{told}");
    let told = try_open(seat("node")).await.unwrap_err().to_string();
    assert!(told.contains("the id of this state directory"), "{told}");
    node.close().await;
    open(&database, Seat::Alone).await.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_hears_what_others_change() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let first = open(&database, seat("first")).await;
    let second = open(&database, seat("second")).await;
    let newest = second.newest_event();
    for number in 0..100 {
        let sequence = first.begin(event(&format!("{number}")), number).await.unwrap();
        // As the bus says.
        second.look();
        eventually("the news", || *newest.borrow() == sequence).await;
    }
    // Each node heard of the other's, and none of its own twice.
    let sequence = second.begin(event("own"), 1).await.unwrap();
    let heard = first.newest_event();
    eventually("the news of the second", || *heard.borrow() == sequence).await;
    first.close().await;
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_node_leaves_behind_is_settled_by_another_one() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let (first, second) =
        (open(&database, seat("first")).await, open(&database, seat("second")).await);
    leads(&first, true).await;
    let number = first.node().unwrap();
    let (left, goes_on) = (
        first.begin(event("left"), 1).await.unwrap(),
        second.begin(event("goes on"), 1).await.unwrap(),
    );
    // A change that is under way when the node ends, on a machine that has lost its network.
    let stuck = first.core.try_begin().await.unwrap();
    let sql = "UPDATE nodes SET name = 'stuck' WHERE name = 'third'";
    stuck.sql.run(sql, &[]).await.unwrap();
    kill(&first);
    leads(&second, true).await;
    knows(&second, "it has gone", |rows| {
        rows.iter().any(|row| row.number == number && !row.is_alive)
    })
    .await;
    eventually("it is settled", || {
        database.sql("SELECT is_settled FROM nodes WHERE name = 'first'") == "t"
    })
    .await;
    let open = database.sql("SELECT sequence FROM open_events");
    assert_eq!(open, goes_on.to_string(), "{left} is unknown");
    // Whatever it still does comes to nothing.
    assert!(first.core.commit(stuck).await.is_err());
    assert!(first.begin(event("late"), 2).await.is_err());
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_tenure_was_ended_writes_nothing_and_begins_another_one() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let node = open(&database, seat("node")).await;
    leads(&node, true).await;
    let tenure = node.core.hold.tenure().unwrap();
    let begun = node.core.try_begin().await.unwrap();
    database.sql("UPDATE nodes SET epoch = 0");
    assert!(node.core.try_begin().await.is_err(), "its epoch is another one");
    begun.roll_back().await;
    eventually("a new tenure", || {
        node.core.hold.tenure().is_ok_and(|new| new.epoch > tenure.epoch)
    })
    .await;
    node.begin(event("again"), 1).await.unwrap();
    node.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_node_is_taken_for_gone_after_a_time_without_a_database() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let database = server.create();
    let (first, second) =
        (open(&database, seat("first")).await, open(&database, seat("second")).await);
    let opened = first.begin(event("goes on"), 1).await.unwrap();
    server.kill();
    let has_place = |store: &PostgresStore| store.core.hold.tenure().is_ok();
    eventually("both know it", || !has_place(&first) && !has_place(&second)).await;
    server.start_again();
    eventually("both are back", || has_place(&first) && has_place(&second)).await;
    knows(&second, "both are seen", |rows| rows.iter().filter(|row| row.is_alive).count() == 2)
        .await;
    assert_eq!(database.sql("SELECT sequence FROM open_events"), opened.to_string());
    first.close().await;
    second.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_removed_while_it_was_cut_off_comes_back_with_its_number() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let node = open(&database, seat("node")).await;
    let number = node.node();
    let tenure = node.core.hold.tenure().unwrap();
    database.sql("DELETE FROM marks; DELETE FROM nodes");
    eventually("a new tenure", || {
        node.core.hold.tenure().is_ok_and(|new| new.epoch > tenure.epoch)
    })
    .await;
    assert_eq!(node.node(), number);
    node.begin(event("again"), 1).await.unwrap();
    node.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_at_a_time_changes_the_ca_and_a_killed_one_keeps_no_claim() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = server.create();
    let (first, second) =
        (open(&database, seat("first")).await, open(&database, seat("second")).await);
    let files = |version| CaFiles { version, texts: format!("{version}") };
    assert!(!first.claim_ca().await.unwrap(), "no node has put its files there");
    assert!(first.put_ca_files(files(1)).await.unwrap());
    assert!(!second.put_ca_files(files(1)).await.unwrap());
    assert!(first.claim_ca().await.unwrap());
    assert!(!second.claim_ca().await.unwrap());
    assert!(!first.claim_ca().await.unwrap(), "another request of the same node");
    second.release_ca().await.unwrap();
    assert!(!second.claim_ca().await.unwrap(), "it was not its own");
    first.release_ca().await.unwrap();
    assert!(second.claim_ca().await.unwrap());
    assert!(second.put_ca_files(files(2)).await.unwrap());
    assert!(!first.put_ca_files(files(2)).await.unwrap(), "another one was faster");
    kill(&second);
    let claimed = "SELECT claimed_by IS NULL FROM ca";
    eventually("the claim ends", || database.sql(claimed) == "t").await;
    assert!(first.claim_ca().await.unwrap());
    first.close().await;
}
