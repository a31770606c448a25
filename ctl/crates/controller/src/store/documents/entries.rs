//! What documents are found by: a document's own rows say what it has beyond its base and what it
//! lacks.

use crate::store::{DocumentNumber, FoundEntries};
use fleet::facts::index::{self, Entry, Kind};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

/// Returns the entries of a document's text.
pub(in crate::store) fn of_text(kind: Kind, text: &str) -> BTreeSet<Entry> {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    index::entries(kind, &value)
}

/// Returns which of some documents, each with its base, have which entries. A row is an entry, the
/// document that it is of, and whether that has it or lacks it.
pub(in crate::store) fn found(
    rows: impl IntoIterator<Item = (Entry, DocumentNumber, bool)>,
    documents: impl IntoIterator<Item = (DocumentNumber, Option<DocumentNumber>)>,
) -> FoundEntries {
    let mut own: HashMap<DocumentNumber, Vec<(Entry, bool)>> = HashMap::new();
    for (entry, document, present) in rows {
        own.entry(document).or_default().push((entry, present));
    }
    let mut found = FoundEntries::new();
    for (document, base) in documents {
        let changes = own.get(&document).map(Vec::as_slice).unwrap_or_default();
        let lacks = |entry: &Entry| changes.iter().any(|(other, has)| !has && other == entry);
        let of_base = base.and_then(|base| own.get(&base)).map(Vec::as_slice).unwrap_or_default();
        let of_base = of_base.iter().map(|(entry, _)| entry).filter(|entry| !lacks(entry));
        let added = changes.iter().filter(|(_, has)| *has).map(|(entry, _)| entry);
        let has: Vec<Entry> = of_base.chain(added).cloned().collect();
        if !has.is_empty() {
            found.insert(document, has);
        }
    }
    found
}
