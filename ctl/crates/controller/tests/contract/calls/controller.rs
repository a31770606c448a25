//! Calls about the controller itself.

use super::{Call, Client};
use serde_json::json;

/// Calls what a monitor asks.
pub(super) fn probes(client: &Client<'_>) {
    assert_eq!(client.get(&Call::with_examples("probes_health"))["status"], "ok");
    assert_eq!(client.get(&Call::with_examples("probes_ready"))["status"], "ready");
    let metrics = client.call(&Call::with_examples("metrics_show"));
    assert!(metrics.text.contains("basicagent_handshakes_total"), "{}", metrics.text);
    assert_eq!(client.get(&Call::with_examples("openapi_show"))["openapi"], "3.1.0");
    let system = client.get(&Call::with_examples("system_show"));
    assert_eq!(
        (system["nodes"][0]["this"].as_bool(), &system["problem"]),
        (Some(true), &json!(null))
    );
    assert!(system["database"]["bytes"].as_u64() > Some(4096), "{system}");
}

/// Calls the CA, and rotates it.
pub(super) fn ca(client: &Client<'_>) {
    let before = client.get(&Call::with_examples("ca_show"));
    assert_eq!((before["rotation"].as_str(), &before["hosts"]), (Some("none"), &json!(0)));
    let step = |step: &str| {
        let body = Some(json!({"step": step}));
        client.call(&Call { body, ..Call::with_examples("ca_rotate") })
    };
    assert_eq!(step("retire").status, 409, "nothing is to be retired");
    for (name, rotation, roots) in
        [("init", "initiated", 2), ("issue", "issuing", 2), ("retire", "none", 1)]
    {
        let after = step(name);
        assert_eq!(after.status, 200, "{}", after.text);
        let after = after.json();
        assert_eq!(after["rotation"], rotation, "{after}");
        assert_eq!(after["roots"].as_array().unwrap().len(), roots, "{after}");
    }
    let now = client.get(&Call::with_examples("ca_show"));
    assert_ne!(now["roots"][0]["fingerprint"], before["roots"][0]["fingerprint"]);
}

/// Calls the audit log, which by now has events of many kinds.
pub(super) fn events(client: &Client<'_>) {
    let page = |query: &str| {
        let query = query.to_owned();
        client.get(&Call { query, ..Call::with_examples("events_list") })
    };
    let first = page("limit=1");
    let second = page(&format!("limit=1&after={}", first["next"]));
    assert!(first["events"][0]["sequence"].as_u64() < second["events"][0]["sequence"].as_u64());
    let all = page("limit=1000");
    assert!(all["events"].as_array().unwrap().len() > 10, "{all}");
    let newest = page("limit=1&newest=true");
    let before = page(&format!("limit=1&newest=true&after={}", newest["next"]));
    assert!(newest["events"][0]["sequence"].as_u64() > before["events"][0]["sequence"].as_u64());
    let time = newest["events"][0]["time"].as_str().unwrap().to_owned();
    let earlier = page(&format!("limit=1000&until={time}"));
    assert!(!earlier["events"].as_array().unwrap().is_empty(), "{earlier}");
    assert!(
        earlier["events"].as_array().unwrap().iter().all(|event| event["time"] != time.as_str())
    );
    let since = page(&format!("since={time}"));
    assert_eq!(since["events"][0]["time"], time.as_str());
    for wrong in ["after=9223372036854775808", "since=yesterday", "newest=1"] {
        let query = wrong.to_owned();
        assert_eq!(client.call(&Call { query, ..Call::with_examples("events_list") }).status, 400);
    }
    let of_host = page("host=host-1&actor=token-file");
    assert_eq!(of_host["events"][0]["hosts"][0], "host-1");
    let verified = client.get(&Call::with_examples("events_verify"));
    assert_eq!(verified["intact"], true, "{verified}");
}
