//! Messages at their bounds.

use super::*;
use agent_wire::DEFAULT_MAX_MESSAGE;
use agent_wire::Params;
use agent_wire::message::{MAX_PLAN, Signed as Received};
use fleet::Digest;
use fleet::run::plan::Proof;
use fleet::run::{MAX_REQUEST, MAX_SIGNATURE, MAX_SIGNATURES, MAX_TARGETS, NotAfter, RunState};

fn row() -> RunRow {
    RunRow {
        number: 1,
        id: "0195f3a2c7b070008a4e5d1c2b3a4f60".to_owned(),
        state: RunState::Running,
        end: None,
        why: None,
        request: String::new(),
        options: String::new(),
        selector: None,
        hash: Digest::of(b"a plan").to_string(),
        counts: fleet::run::Counts::default(),
        created_by: "alice".to_owned(),
        created_at: 1_795_860_000_000,
        valid_until: 1_795_946_400_000,
        not_after: Some(1_795_950_000_000),
        applied_by: None,
        applied_at: None,
        ended_at: None,
        change: 0,
    }
}

/// Makes the largest request that a run can have.
fn largest() -> Request {
    let of = |bytes: usize| {
        let fields = json!({ "method": "async.bash", "cmd": "true", "stdin": "x".repeat(bytes) });
        let Value::Object(fields) = fields else { unreachable!() };
        Request::parse(fields)
    };
    let spare = MAX_REQUEST - of(0).unwrap().canonical().len();
    assert!(of(spare + 1).is_err());
    of(spare).unwrap()
}

#[test]
fn the_largest_signed_request_is_one_that_agents_read() {
    let host = "h".repeat(128);
    let hosts: Vec<Arc<str>> =
        (0..1000).map(|n| format!("host-{n}").into()).chain([host.as_str().into()]).collect();
    // Each character needs the longest escape of JSON.
    let signatures = vec!["\u{1}".repeat(MAX_SIGNATURE); MAX_SIGNATURES];
    let row = row();
    let signed = Signed::new(&row, NotAfter::After(60), json!(signatures), &hosts);
    let brief = Brief::new(&row, largest(), 1_795_950_000_000, Some(signed));
    let AgentRequest { line, .. } = brief.message(Ask::Start, &host);
    assert!(line.len() > 900 << 10, "{}", line.len());
    // The largest tree has ten levels more.
    let levels = MAX_TARGETS.next_power_of_two().ilog2() as usize;
    assert!(line.len() + 67 * levels < DEFAULT_MAX_MESSAGE, "{}", line.len());
    let message = parse_object(std::str::from_utf8(&line).unwrap().trim_end()).unwrap();
    let received = Received::parse(Params::new(&message)).unwrap();
    assert_eq!(received.signatures, signatures);
    let plan = received.plan.unwrap();
    let bytes = serde_json::to_vec(&plan).unwrap().len();
    assert!(bytes + 67 * levels < MAX_PLAN, "{bytes}");
    let proof: Proof = serde_json::from_value(plan["proof"].clone()).unwrap();
    let root = fleet::run::plan::HostTree::new(hosts).root();
    assert!(proof.holds(&host, &root), "{proof:?}");
    assert!(!proof.holds("host-1", &root), "each host has its own proof");
}
