//! What a server gives a host that joins, and what the agent keeps of it: no bytes break the
//! readers.

use super::key::HostKey;
use super::{Leaf, Record};

/// Checks bytes as a certificate in DER, and as each file of the identity.
pub fn identity(bytes: &[u8]) {
    for leaf in [Leaf::parse(bytes), Leaf::read(bytes)].into_iter().flatten() {
        let renewal = leaf.renewal();
        let is_ordered = leaf.not_before <= leaf.not_after;
        assert!(!is_ordered || (leaf.not_before..=leaf.not_after).contains(&renewal), "{leaf:?}");
        assert!(!leaf.public.is_empty());
    }
    if let Some(key) = HostKey::read(bytes) {
        assert!(key.request().is_ok() && uuid::Uuid::parse_str(&key.renewal_id()).is_ok());
    }
    if let Some(record) = Record::parse(bytes) {
        assert_eq!(Record::parse(&record.to_bytes()), Some(record));
    }
}
