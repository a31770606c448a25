//! Calls about join tokens.

use super::{Call, Client};
use serde_json::json;

/// Calls every operation about join tokens.
pub(super) fn all(client: &Client<'_>) {
    let new = Call {
        body: Some(json!({
            "expires_in": 3600, "max_uses": 10, "labels": {"env": "prod"},
            "networks": ["10.0.0.0/8"], "approval": true, "note": "rack 7",
        })),
        headers: vec![("Idempotency-Key", "token-1".to_owned())],
        ..Call::with_examples("tokens_create")
    };
    let created = client.call(&new);
    assert_eq!(created.status, 201, "{}", created.text);
    let created = created.json();
    let id = created["token"]["id"].as_str().unwrap();
    let secret = created["secret"].as_str().unwrap();
    assert!(secret.starts_with("bat1."), "{created}");
    assert!(created["join"].as_str().unwrap().ends_with(secret), "{created}");
    // The secret is shown once.
    let again = client.call(&new);
    assert_eq!((again.status, again.text.contains(secret)), (409, false), "{}", again.text);
    let other = Call { body: Some(json!({"max_uses": 2})), ..new.clone() };
    assert_eq!(client.call(&other).status, 422);
    let bad = Call { body: Some(json!({"max_uses": 0})), ..Call::with_examples("tokens_create") };
    assert_eq!(client.call(&bad).status, 400);

    let on_token = |operation: &str| Call {
        segments: vec![("token", id.to_owned())],
        ..Call::with_examples(operation)
    };
    let shown = client.call(&on_token("tokens_show"));
    assert!(!shown.text.contains(secret), "{}", shown.text);
    let listed = Call { query: "limit=1".to_owned(), ..Call::with_examples("tokens_list") };
    assert_eq!(client.get(&listed)["tokens"][0]["id"], id);
    let revoke = Call { query: "with_hosts=true".to_owned(), ..on_token("tokens_revoke") };
    assert!(client.get(&revoke)["token"]["revoked_at"].is_string());
    assert_eq!(client.call(&Call::with_examples("tokens_show")).status, 404);
}
