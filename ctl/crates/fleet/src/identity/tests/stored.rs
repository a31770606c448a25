//! The form of a record in the database.

use super::*;

/// What the database holds must be read by later versions.
#[test]
fn the_stored_form_of_a_record_is_pinned() {
    let mut record = host();
    record.token = Some(token("aaaaaaaaaaaa"));
    record.machine = Some(Digest::from_bytes([0x11; 32]));
    record.state =
        HostState::Quarantined(QuarantineReason::OlderKey(Digest::from_bytes([0x22; 32])));
    let keys = record.keys.as_mut().unwrap();
    keys.current = Digest::from_bytes([0x33; 32]);
    keys.older = vec![OlderKey { key: Digest::from_bytes([0x44; 32]), superseded: true }];
    keys.certificate = None;
    let [one, two, three, four] = ["11", "22", "33", "44"].map(|pair| pair.repeat(32));
    let wanted = serde_json::json!({
        "id": "fresh",
        "state": {"quarantined": {"older_key": two}},
        "keys": {
            "current": three,
            "generation": 1,
            "confirmed": true,
            "previous": null,
            "older": [{"key": four, "superseded": true}],
            "certificate": null,
            "newest": 0,
            "settled": false,
            "vouched": null,
        },
        "machine": one,
        "token": "aaaaaaaaaaaa",
    });
    assert_eq!(serde_json::to_value(&record).unwrap(), wanted);
    assert_eq!(serde_json::from_value::<HostRecord>(wanted).unwrap(), record);
    for (state, wanted) in [
        (HostState::Active, serde_json::json!("active")),
        (HostState::Banned, serde_json::json!("banned")),
        (HostState::Pending(PendingReason::Lost), serde_json::json!({"pending": "lost"})),
    ] {
        assert_eq!(serde_json::to_value(state).unwrap(), wanted);
    }
}
