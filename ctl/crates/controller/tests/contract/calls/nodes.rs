//! Calls about the nodes of a site.

use crate::document::{Call, Document};
use crate::support::Controller;
use serde_json::json;
use test_support::{NatsServer, PostgresServer, wait_some, wait_until};

/// The calls that need a site of several nodes.
const OF_A_SITE: [&str; 3] = ["nodes_drain", "nodes_resume", "nodes_remove"];

/// Calls them on a site of two nodes; returns those that were not called, since PostgreSQL or NATS is
/// not installed.
pub(super) fn all(alone: &Controller, document: &Document) -> &'static [&'static str] {
    let client = document.client(alone, Some(alone.bearer()));
    let list = client.get(&Call::with_examples("nodes_list"));
    assert_eq!(list["nodes"].as_array().unwrap().len(), 1, "{list}");
    for operation in OF_A_SITE {
        assert_eq!(client.call(&Call::with_examples(operation)).status, 404, "{operation}");
    }
    let (Some(server), Some(bus)) = (PostgresServer::shared(), NatsServer::start("")) else {
        return &OF_A_SITE;
    };
    let (database, url) = (server.create(), bus.url());
    let start = |name: &str| {
        let flags = ["--database", database.url(), "--bus", &url, "--node-name", name];
        Controller::start_own(&flags)
    };
    let (first, mut second) = (start("first"), start("second"));
    let client = document.client(&first, Some(first.bearer()));
    let number = wait_some("the other node", || {
        let list = client.get(&Call::with_examples("nodes_list"));
        let rows = list["nodes"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == "second").and_then(|row| row["number"].as_i64())
    });
    let on = |operation: &str| Call {
        segments: vec![("node", number.to_string())],
        ..Call::with_examples(operation)
    };
    assert_eq!(client.get(&on("nodes_drain"))["drained"], json!(true));
    assert_eq!(client.get(&on("nodes_resume"))["drained"], json!(false));
    assert_eq!(client.call(&on("nodes_remove")).status, 409, "it runs");
    second.signal("-TERM");
    assert!(second.wait().success());
    wait_until("it is removed", || client.call(&on("nodes_remove")).status == 204);
    &[]
}
