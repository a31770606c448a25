//! A run that is followed: whatever happens to the client's connection, it learns each target's last
//! state, in order.

use super::*;
use crate::store::{Apply, LastAdmin, MoveTo, NewPlan, NewTarget, OperatorChange, TargetMove};
use fleet::run::{End, EndState, RunEnd};
use hyper::body::Body as _;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::Pin;

/// Targets of the run.
const TARGETS: u32 = 2000;

/// Times that the client's connection is cut.
const CUTS: usize = 200;

impl Server {
    /// Stores a plan with so many targets, and returns its number and id.
    pub(super) async fn plan(&self, targets: u32) -> (i64, String) {
        let target = |number: u32| NewTarget {
            host: format!("h-{number}"),
            stage: 0,
            budgets: Vec::new(),
            answer: "queued".to_owned(),
            why: None,
        };
        let plan = NewPlan {
            id: "0195f3a2c7b070008a4e5d1c2b3a4f60".to_owned(),
            request: r#"{"cmd":"true","max_output":65536,"method":"async.bash"}"#.to_owned(),
            options: "{}".to_owned(),
            selector: Some(String::new()),
            hash: "00".repeat(32),
            created_by: "ann".to_owned(),
            created_at: 1,
            valid_until: 4_000_000_000_000,
            targets: (0..targets).map(target).collect(),
            left_out: Vec::new(),
        };
        let row = self.store.insert_plan(plan).await.unwrap();
        (row.number, row.id)
    }

    /// Stores a run with so many targets, and returns its number and id.
    async fn run(&self, targets: u32) -> (i64, String) {
        let (number, id) = self.plan(targets).await;
        let apply = Apply {
            by: "ann".to_owned(),
            at: 2,
            not_after: 4_000_000_000_000,
            signatures: Vec::new(),
        };
        self.store.apply(&id, apply).await.unwrap();
        (number, id)
    }

    /// Opens the stream of a run's events, behind this event.
    async fn follow(&self, run: &str, token: &str, last: Option<&str>) -> Response {
        let mut request = Request::builder()
            .uri(path::run_events(run))
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Some(last) = last {
            request = request.header(controller_api::LAST_EVENT_ID, last);
        }
        let request = request.body(Body::empty()).unwrap();
        TowerToHyperService::new(self.router.clone()).call(request).await.unwrap()
    }
}

/// Returns the next chunk of a body.
async fn chunk(body: &mut Body) -> Option<String> {
    let frame = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await?;
    Some(String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap())
}

/// What a client has learned from the events.
#[derive(Default)]
struct Client {
    last: Option<String>,
    states: BTreeMap<String, String>,
    /// The last target's change that the stream has sent.
    change: u64,
    /// The state in the last event about the run.
    run: String,
    /// The kind of problem that ended the stream.
    problem: Option<String>,
}

impl Client {
    /// Takes events as a browser does: an id counts with its event.
    fn take(&mut self, text: &str) {
        for event in text.split_terminator("\n\n") {
            let field = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let Some(data) = field("data") else { continue };
            let data: Value = serde_json::from_str(data).unwrap();
            match field("event").unwrap() {
                "target" => {
                    let change = data["change"].as_u64().unwrap();
                    assert!(change > self.change, "{change} after {}", self.change);
                    self.change = change;
                    let host = data["host"].as_str().unwrap().to_owned();
                    self.states.insert(host, data["state"].as_str().unwrap().to_owned());
                }
                "run" => data["state"].as_str().unwrap().clone_into(&mut self.run),
                "problem" => self.problem = Some(data["type"].as_str().unwrap().to_owned()),
                other => panic!("{other}"),
            }
            if let Some(id) = field("id") {
                self.last = Some(id.to_owned());
            }
        }
    }
}

/// Moves each target to its end, some by some; one in seven fails.
async fn work(store: Arc<dyn Store>, run: i64) {
    let places: Vec<u32> = (0..TARGETS).collect();
    for (places, at) in places.chunks(40).zip(10..) {
        let moved = |to: &dyn Fn(u32) -> MoveTo| -> Vec<TargetMove> {
            places.iter().map(|one| TargetMove { run, position: *one, to: to(*one) }).collect()
        };
        let ended = |place: u32| {
            let state =
                if place.is_multiple_of(7) { EndState::Failed } else { EndState::Succeeded };
            MoveTo::Ended(End { state, code: None, why: None })
        };
        for moves in [moved(&|_| MoveTo::Sent), moved(&|_| MoveTo::Running), moved(&ended)] {
            store.move_targets(moves, at).await.unwrap();
            tokio::task::yield_now().await;
        }
    }
    store.end_run(run, RunEnd::Completed, None, 1000).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_cut_off_again_and_again_learns_each_last_state_in_order() {
    let server = Server::new();
    let (number, run) = server.run(TARGETS).await;
    let working = tokio::spawn(work(Arc::clone(&server.store), number));
    let mut client = Client::default();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for cut in 0..=CUTS {
        let response = server.follow(&run, TOKEN, client.last.as_deref()).await;
        if response.status() == StatusCode::NO_CONTENT {
            break;
        }
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        // xorshift: the same cuts each time.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut events =
            if cut == CUTS { usize::MAX } else { usize::try_from(random % 24).unwrap() };
        while let Some(text) = chunk(&mut body).await {
            let mut whole: Vec<&str> = text.split_inclusive("\n\n").collect();
            whole.truncate(events);
            events -= whole.len();
            client.take(&whole.concat());
            if events == 0 {
                break;
            }
        }
    }
    working.await.unwrap();
    assert_eq!(client.run, "ended");
    let expected: BTreeMap<String, String> = (0..TARGETS)
        .map(|place| {
            let state = if place.is_multiple_of(7) { "failed" } else { "succeeded" };
            (format!("h-{place}"), state.to_owned())
        })
        .collect();
    assert_eq!(client.states, expected);
    let resumed = server.follow(&run, TOKEN, client.last.as_deref()).await;
    assert_eq!(resumed.status(), StatusCode::NO_CONTENT, "nothing is left to tell");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_go_on_where_the_pages_of_changes_end() {
    let server = Server::new();
    let (number, run) = server.run(TARGETS).await;
    let working = tokio::spawn(work(Arc::clone(&server.store), number));
    let (mut seen, mut after) = (BTreeSet::new(), 0);
    while seen.len() < 500 {
        let path = format!("{}?limit=100&wait=10&gather=20&after={after}", path::run_changes(&run));
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {TOKEN}"))
            .body(Body::empty())
            .unwrap();
        let service = TowerToHyperService::new(server.router.clone());
        let body = service.call(request).await.unwrap().into_body();
        let page = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let page: Value = serde_json::from_slice(&page).unwrap();
        for target in page["targets"].as_array().unwrap() {
            seen.insert(target["host"].as_str().unwrap().to_owned());
        }
        after = page["next"].as_u64().unwrap();
    }
    let response = server.follow(&run, TOKEN, Some(&after.to_string())).await;
    let text = axum::body::to_bytes(response.into_body(), 64 << 20).await.unwrap();
    let mut client = Client { change: after, ..Client::default() };
    client.take(std::str::from_utf8(&text).unwrap());
    working.await.unwrap();
    assert_eq!(client.run, "ended");
    seen.extend(client.states.into_keys());
    assert_eq!(seen.len(), TARGETS as usize, "no target is between the pages and the events");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_operator_may_not_read_runs_anymore() {
    let server = Server::new();
    let (number, run) = server.run(TARGETS).await;
    let token = server.operator("viewer").await;
    let mut body = server.follow(&run, &token, None).await.into_body();
    let mut client = Client::default();
    client.take(&chunk(&mut body).await.unwrap());
    assert_eq!(client.run, "running");
    let change = OperatorChange { roles: Some(Vec::new()), ..OperatorChange::default() };
    server.store.change_operator("viewer", change, LastAdmin::MayGo).await.unwrap();
    // What happens a second after the last look at the roles is not told without another look.
    for position in 0..TARGETS {
        let moves = vec![TargetMove { run: number, position, to: MoveTo::Sent }];
        server.store.move_targets(moves, 10).await.unwrap();
        let Some(text) = chunk(&mut body).await else { break };
        client.take(&text);
    }
    assert_eq!(client.problem.as_deref(), Some("urn:basicagent:problem:forbidden"));
    assert!(client.states.len() < 100, "{:?}", client.states);
}
