//! The bounds on active runs, as a client meets them.

use super::*;
use crate::runs::{MAX_ACTIVE_RUNS, MAX_ACTIVE_TARGETS};
use crate::store::{ChannelProof, NewChannel};
use fleet::run::{Counts, TargetState};

/// Targets of the plan.
const TARGETS: u32 = 2;

/// Applies a plan; returns the status, and what the response says.
async fn apply(server: &Server, plan: &str) -> (StatusCode, serde_json::Value) {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path::plan_apply(plan))
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Body::empty())
        .unwrap();
    let response = TowerToHyperService::new(server.router.clone()).call(request).await.unwrap();
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        assert!(response.headers().contains_key(header::RETRY_AFTER));
    }
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_run_that_there_is_no_room_for_is_kept_as_a_plan() {
    let server = Server::new();
    server.runs.gauges().set(MAX_ACTIVE_RUNS, Counts::default());
    let channel = NewChannel {
        host: "host-1".to_owned(),
        proof: ChannelProof::Foreign { unknown: UnknownHosts::Accept },
        address: "192.0.2.7:1".parse().unwrap(),
        version: None,
        boot: None,
        ca_version: None,
        now: 1,
    };
    server.store.connected(channel).await.unwrap().unwrap();
    let request = Request::builder()
        .method(Method::POST)
        .uri(path::RUNS)
        .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
        .body(Body::from(r#"{"request":{"method":"agent.ping"},"hosts":["host-1"]}"#))
        .unwrap();
    let response = TowerToHyperService::new(server.router.clone()).call(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("256 runs are active") && detail.contains("cancel one"), "{detail}");
    let plan = detail.split("the plan ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let row = server.store.run(&plan).await.unwrap().unwrap();
    assert_eq!((row.applied_at, row.counts.total()), (None, 1));
    server.runs.gauges().set(MAX_ACTIVE_RUNS - 1, Counts::default());
    let (status, run) = apply(&server, &plan).await;
    assert_eq!((status, &run["id"]), (StatusCode::OK, &plan.into()), "{run}");
}

#[tokio::test]
async fn a_plan_is_applied_only_while_there_is_room_for_its_run() {
    let server = Server::new();
    let (_, plan) = server.plan(TARGETS).await;
    let busy = |targets: usize| {
        let mut counts = Counts::default();
        counts.add(TargetState::Running, u32::try_from(targets).unwrap());
        counts
    };
    let room = MAX_ACTIVE_TARGETS - TARGETS as usize;
    for (runs, targets, sentence) in
        [(MAX_ACTIVE_RUNS, 0, "runs are active"), (1, room + 1, "would have more than")]
    {
        server.runs.gauges().set(runs, busy(targets));
        let (status, problem) = apply(&server, &plan).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(sentence), "{problem}");
        assert_eq!(server.store.run(&plan).await.unwrap().unwrap().applied_at, None);
    }
    server.runs.gauges().set(MAX_ACTIVE_RUNS - 1, busy(room));
    let (status, run) = apply(&server, &plan).await;
    assert_eq!(status, StatusCode::OK, "{run}");
    // Applied again, it takes no more room.
    server.runs.gauges().set(MAX_ACTIVE_RUNS, busy(MAX_ACTIVE_TARGETS));
    assert_eq!(apply(&server, &plan).await, (status, run));
}
