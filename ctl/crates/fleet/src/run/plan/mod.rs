//! The bytes that a plan's hash covers, and the proof that a host is in a plan.
//!
//! Whoever signs a plan signs these bytes. docs/plans.md describes them, with an example that a test
//! here checks.

mod canonical;
mod merkle;

pub use canonical::canonical;
pub use merkle::{HostTree, Proof};

use super::request::Request;
use crate::{Digest, UnixMillis};

/// The first bytes of every plan: no signature for another purpose can be one of a plan.
const PREFIX: &[u8] = b"BasicAgent plan\n";

/// The version of the form.
const VERSION: u8 = 1;

/// A plan as its hash covers it: which request, to which hosts, when, under which id.
#[derive(Clone, Copy, Debug)]
pub struct PlanBytes<'a> {
    /// The id of the plan and of its run.
    pub run: &'a str,
    /// What is asked.
    pub request: &'a Request,
    /// The root of the hosts' tree.
    pub hosts: Digest,
    /// The number of hosts.
    pub size: u32,
    /// From when on a host may accept the request.
    pub valid_from: UnixMillis,
    /// Until when.
    pub valid_until: UnixMillis,
}

impl PlanBytes<'_> {
    /// Returns the bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let request = self.request.canonical();
        let mut bytes = Vec::with_capacity(PREFIX.len() + request.len() + self.run.len() + 80);
        bytes.extend_from_slice(PREFIX);
        bytes.push(VERSION);
        for text in [self.run, &request] {
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(&self.size.to_be_bytes());
        bytes.extend_from_slice(self.hosts.as_bytes());
        bytes.extend_from_slice(&self.valid_from.to_be_bytes());
        bytes.extend_from_slice(&self.valid_until.to_be_bytes());
        bytes
    }

    /// Returns the plan's hash: the SHA-256 of the bytes.
    pub fn hash(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The page that describes the bytes.
    const PAGE: &str = include_str!("../../../../../../docs/plans.md");

    fn request(value: Value) -> Request {
        let Value::Object(map) = value else { unreachable!() };
        Request::parse(map).unwrap()
    }

    #[test]
    fn the_example_in_the_documentation_is_true() {
        let request = request(json!({
            "method": "sync.bash", "cmd": "systemctl restart app", "user": "app", "timeout": 60
        }));
        let tree = HostTree::new(["web-1", "web-2", "db-1"]);
        let plan = PlanBytes {
            run: "01964f2e-6b00-7c3a-9d51-0a1b2c3d4e5f",
            request: &request,
            hosts: tree.root(),
            size: tree.size(),
            valid_from: 1_795_860_000_000,
            valid_until: 1_795_950_000_000,
        };
        let hex: String = plan.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let proof = serde_json::to_string(&tree.proof("web-1")).unwrap();
        let (root, hash) = (tree.root().to_string(), plan.hash().to_string());
        let shown: String = PAGE.split_whitespace().collect();
        for wanted in [&request.canonical(), &root, &hash, &hex, &proof] {
            let wanted: String = wanted.split_whitespace().collect();
            assert!(shown.contains(&wanted), "docs/plans.md does not show {wanted}");
        }
    }

    #[test]
    fn the_message_in_the_documentation_proves_the_plan_to_its_host() {
        let message = PAGE.split("What `web-1` gets:").nth(1).unwrap();
        let mut message: serde_json::Map<String, Value> = serde_json::from_str(message).unwrap();
        let plan = message.remove("plan").unwrap();
        for besides in ["id", "not_after", "signatures"] {
            message.remove(besides).unwrap();
        }
        let proof: Proof = serde_json::from_value(plan["proof"].clone()).unwrap();
        let hash_for = |host| {
            let bytes = PlanBytes {
                run: plan["id"].as_str().unwrap(),
                request: &request(Value::Object(message.clone())),
                hosts: proof.root(host).unwrap(),
                size: proof.size,
                valid_from: plan["valid_from"].as_i64().unwrap(),
                valid_until: plan["valid_until"].as_i64().unwrap(),
            };
            bytes.hash().to_string()
        };
        assert_eq!(hash_for("web-1"), plan["hash"]);
        assert_ne!(hash_for("web-2"), plan["hash"]);
    }

    #[test]
    fn each_part_of_a_plan_changes_its_hash() {
        let (one, two) = (
            request(json!({"method": "sync.bash", "cmd": "id"})),
            request(json!({"method": "sync.bash", "cmd": "ls"})),
        );
        let plan = PlanBytes {
            run: "a",
            request: &one,
            hosts: HostTree::new(["a"]).root(),
            size: 1,
            valid_from: 1,
            valid_until: 2,
        };
        let others = [
            PlanBytes { run: "b", ..plan },
            PlanBytes { request: &two, ..plan },
            PlanBytes { hosts: HostTree::new(["b"]).root(), ..plan },
            PlanBytes { size: 2, ..plan },
            PlanBytes { valid_from: 0, ..plan },
            PlanBytes { valid_until: 3, ..plan },
        ];
        for other in others {
            assert_ne!(other.hash(), plan.hash(), "{other:?}");
        }
    }
}
