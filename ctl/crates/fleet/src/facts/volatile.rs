//! Values that differ in every answer of a host that has not changed: counters, free memory, the
//! time. A document without them is the same as long as the host is, so that the log of changes
//! holds changes only.
//!
//! `MEMBERS` lists them for each provider, as JSON pointers (RFC 6901) in which `*` stands for
//! every element of a list. The controller keeps the newest whole answer beside the document,
//! without history; of an answer that may repeat, it keeps the digest instead.

use serde_json::Value;

/// The volatile members of each provider's answer, and how often they differ.
const MEMBERS: &[(&str, Pace, &[&str])] = &[
    ("getinfo.os", Pace::Always, &["/uptime_seconds"]),
    // The boot's id says which boot it is; its time moves whenever the clock is corrected. How many
    // use a module changes with what runs.
    (
        "getinfo.kernel",
        Pace::Always,
        &["/boot/uptime_seconds", "/boot/time", "/boot/time_epoch", "/modules/*/refcount"],
    ),
    (
        "getinfo.cpu",
        Pace::Always,
        &[
            "/times",
            "/counters",
            "/load",
            "/blocked",
            "/frequency/current_hz",
            "/numa_nodes/*/memory_free_bytes",
            "/processors/*/times",
            "/processors/*/frequency/current_hz",
        ],
    ),
    (
        "getinfo.memory",
        Pace::Always,
        &[
            "/available_bytes",
            "/used_bytes",
            "/free_bytes",
            "/buffers_bytes",
            "/cached_bytes",
            "/shared_bytes",
            "/active_bytes",
            "/inactive_bytes",
            "/unevictable_bytes",
            "/locked_bytes",
            "/anonymous_bytes",
            "/mapped_bytes",
            "/dirty_bytes",
            "/writeback_bytes",
            "/slab_bytes",
            "/slab_reclaimable_bytes",
            "/slab_unreclaimable_bytes",
            "/kernel_stack_bytes",
            "/page_tables_bytes",
            "/percpu_bytes",
            "/committed_bytes",
            "/swap_free_bytes",
            "/swap_used_bytes",
            "/swap_cached_bytes",
            "/swaps/*/used_bytes",
            "/hugepages/free",
            "/hugepages/reserved",
            "/hugepages/surplus",
            "/hugepages/anonymous_bytes",
            "/pressure",
            "/cgroup/used_bytes",
        ],
    ),
    ("getinfo.disks", Pace::Always, &["/devices/*/io"]),
    (
        "getinfo.mounts",
        Pace::Always,
        &[
            "/mounts/*/usage/available_bytes",
            "/mounts/*/usage/free_bytes",
            "/mounts/*/usage/used_bytes",
            "/mounts/*/usage/used_percent",
            "/mounts/*/usage/inodes",
            "/mounts/*/usage/inodes_free",
            "/mounts/*/usage/inodes_used",
        ],
    ),
    (
        "getinfo.network",
        Pace::Always,
        &[
            "/interfaces/*/statistics",
            "/interfaces/*/addresses/*/valid_seconds",
            "/interfaces/*/addresses/*/preferred_seconds",
        ],
    ),
    (
        "getinfo.hardware",
        Pace::Rarely,
        &[
            "/thermal_zones/*/temperature_celsius",
            "/power_supplies/*/capacity_percent",
            "/power_supplies/*/energy_microwatt_hours",
        ],
    ),
    (
        "getinfo.time",
        Pace::Always,
        &[
            "/time",
            "/epoch",
            "/nanoseconds",
            "/local_time",
            "/uptime_seconds",
            "/boot_time",
            "/boot_epoch",
            "/rtc",
            "/synchronization/last_time",
            "/synchronization/last_epoch",
        ],
    ),
    ("getinfo.services", Pace::Rarely, &["/services/*/pids"]),
    ("getinfo.certificates", Pace::Rarely, &["/certificates/*/days_left"]),
];

/// How often a provider's volatile members differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// In every answer: to tell the host what is known saves nothing.
    Always,
    /// Less often than a host is asked.
    Rarely,
}

/// Returns whether two answers of a host that has not changed may be the same, so that it is worth
/// while to tell the host which answer is known.
pub fn may_repeat(method: &str) -> bool {
    members(method).is_none_or(|(pace, _)| pace == Pace::Rarely)
}

/// Returns the document of an answer: its text without the volatile members. `None`: the answer has
/// none of them, and its text is the document, to the byte.
pub fn document(method: &str, answer: &str) -> Option<String> {
    let (_, members) = members(method)?;
    let mut value: Value = serde_json::from_str(answer).ok()?;
    let mut removed = false;
    for member in members {
        removed |= remove(&mut value, member);
    }
    removed.then(|| value.to_string())
}

/// Returns the pointers of a provider's volatile members.
pub fn pointers(method: &str) -> &'static [&'static str] {
    members(method).map(|(_, members)| members).unwrap_or_default()
}

fn members(method: &str) -> Option<(Pace, &'static [&'static str])> {
    MEMBERS.iter().find(|(name, ..)| *name == method).map(|(_, pace, members)| (*pace, *members))
}

/// Removes the members that a pointer names; returns whether there was one.
fn remove(value: &mut Value, pointer: &str) -> bool {
    let Some(rest) = pointer.strip_prefix('/') else { return false };
    let (name, below) = match rest.find('/') {
        Some(at) => (&rest[..at], Some(&rest[at..])),
        None => (rest, None),
    };
    match (value, below) {
        (Value::Object(members), None) => members.remove(name).is_some(),
        (Value::Object(members), Some(below)) => {
            members.get_mut(name).is_some_and(|value| remove(value, below))
        }
        (Value::Array(elements), Some(below)) if name == "*" => {
            elements.iter_mut().fold(false, |removed, element| remove(element, below) | removed)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_the_answer_without_what_always_differs() {
        let answer = |used: u32| {
            format!(
                r#"{{"mounts":[{{"target":"/","usage":{{"size_bytes":9,"used_bytes":{used}}}}},{{"target":"/proc","usage":null}}]}}"#
            )
        };
        let wanted = r#"{"mounts":[{"target":"/","usage":{"size_bytes":9}},{"target":"/proc","usage":null}]}"#;
        for used in [1, 2] {
            assert_eq!(document("getinfo.mounts", &answer(used)).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn an_answer_without_volatile_members_stays_as_it_is_to_the_byte() {
        for (method, answer) in [
            ("getinfo.packages", r#"{"b": 1,  "a":2}"#),
            ("getinfo.os", r#"{"b": 1,  "a":2}"#),
            ("getinfo.acme", r#"{"uptime_seconds":1}"#),
            ("getinfo.os", "[1]"),
            ("getinfo.os", "not JSON"),
        ] {
            assert_eq!(document(method, answer), None, "{method} {answer}");
        }
    }

    /// Finds the schema of the member that a pointer names.
    fn described<'a>(schema: &'a Value, at: &'a Value, pointer: &str) -> Option<&'a Value> {
        if let Some(name) = at.get("$ref").and_then(Value::as_str) {
            return described(schema, schema.pointer(name.strip_prefix('#')?)?, pointer);
        }
        let choices = ["anyOf", "oneOf"].iter().filter_map(|name| at.get(*name)?.as_array());
        let within = choices.flatten().find_map(|choice| described(schema, choice, pointer));
        let Some(rest) = pointer.strip_prefix('/') else { return Some(at) };
        let (name, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let member = if name == "*" {
            at.get("items")
        } else {
            at.get("properties").and_then(|p| p.get(name))
        };
        within.or_else(|| described(schema, member?, below))
    }

    #[test]
    fn every_volatile_member_is_one_that_the_provider_describes() {
        for (method, _, pointers) in MEMBERS {
            let file = format!(
                "{}/../../../plugins/{}/schema.json",
                env!("CARGO_MANIFEST_DIR"),
                crate::facts::short_name(method)
            );
            let text = std::fs::read_to_string(&file).unwrap();
            let schema: Value = serde_json::from_str(&text).unwrap();
            for pointer in *pointers {
                assert!(described(&schema, &schema, pointer).is_some(), "{method} {pointer}");
            }
        }
        assert!(may_repeat("getinfo.packages") && may_repeat("getinfo.certificates"));
        assert!(!may_repeat("getinfo.memory"));
    }
}
