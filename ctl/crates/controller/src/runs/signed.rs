//! What a host gets beside a request whose plan people have signed: the signatures, and enough to
//! compute the plan's hash itself (docs/plans.md). So it can check that the signatures are for this
//! request and for this host, whatever the controller claims.

use crate::store::RunRow;
use fleet::UnixMillis;
use fleet::run::NotAfter;
use fleet::run::plan::HostTree;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The signatures of a run, and the proofs of its hosts.
#[derive(Debug)]
pub(super) struct Signed {
    id: String,
    hash: String,
    valid_from: UnixMillis,
    valid_until: UnixMillis,
    signatures: Value,
    hosts: HostTree,
}

impl Signed {
    /// Makes the proofs of all hosts of a run. The tree takes 80 bytes a host while the run is
    /// active.
    pub(super) fn new(
        row: &RunRow,
        not_after: NotAfter,
        signatures: Value,
        hosts: &[Arc<str>],
    ) -> Self {
        Self {
            id: row.id.clone(),
            hash: row.hash.clone(),
            valid_from: row.created_at,
            valid_until: not_after.latest(row.created_at),
            signatures,
            hosts: HostTree::new(hosts.iter().map(Arc::clone)),
        }
    }

    /// Returns the fields beside the request to a host.
    pub(super) fn besides(&self, host: &str) -> Map<String, Value> {
        let plan = json!({
            "id": self.id,
            "hash": self.hash,
            "valid_from": self.valid_from,
            "valid_until": self.valid_until,
            "proof": self.hosts.proof(host),
        });
        Map::from_iter([
            ("signatures".to_owned(), self.signatures.clone()),
            ("plan".to_owned(), plan),
        ])
    }
}
