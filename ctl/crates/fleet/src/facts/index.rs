//! What people look for by name: packages, services, certificates. The store keeps these entries of
//! each document in an index.

use serde_json::Value;
use std::collections::BTreeSet;

/// A kind of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Installed packages: the key is the name, the value `MANAGER VERSION`.
    Package,
    /// Services: the key is the name, the value the state.
    Service,
    /// Certificates: the key is the end of the validity (RFC 3339, UTC), the value
    /// `SHA-256 SUBJECT`.
    Certificate,
}

/// The most bytes of a key and of a value.
const MAX_TEXT: usize = 256;

/// The most entries of one document.
const MAX_ENTRIES: usize = 50_000;

impl Kind {
    /// Returns the kind of entries in a method's documents.
    pub fn of(method: &str) -> Option<Self> {
        match method {
            "getinfo.packages" => Some(Self::Package),
            "getinfo.services" => Some(Self::Service),
            "getinfo.certificates" => Some(Self::Certificate),
            _ => None,
        }
    }

    /// Returns the method whose documents have these entries.
    pub const fn method(self) -> &'static str {
        match self {
            Self::Package => "getinfo.packages",
            Self::Service => "getinfo.services",
            Self::Certificate => "getinfo.certificates",
        }
    }

    /// Returns the kind's number in the database.
    pub const fn number(self) -> i64 {
        match self {
            Self::Package => 1,
            Self::Service => 2,
            Self::Certificate => 3,
        }
    }

    const fn list(self) -> &'static str {
        match self {
            Self::Package => "packages",
            Self::Service => "services",
            Self::Certificate => "certificates",
        }
    }
}

/// A key and a value.
pub type Entry = (String, String);

/// Returns the entries of a document.
pub fn entries(kind: Kind, document: &Value) -> BTreeSet<Entry> {
    let list = document.get(kind.list()).and_then(Value::as_array);
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(cut);
    let entry = |value: &Value| match kind {
        // A package whose files are gone, but not its configuration, is not installed.
        Kind::Package if value.get("status").is_some_and(|status| status != "installed") => None,
        Kind::Package => Some((
            text(value, "name")?,
            format!("{} {}", text(value, "manager")?, text(value, "version")?),
        )),
        Kind::Service => Some((text(value, "name")?, text(value, "state")?)),
        Kind::Certificate => Some((
            text(value, "not_after")?,
            format!("{} {}", text(value, "sha256")?, text(value, "subject").unwrap_or_default()),
        )),
    };
    list.into_iter().flatten().take(MAX_ENTRIES).filter_map(entry).collect()
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_installed_packages_are_found_by_name() {
        let document = json!({"packages": [
            {"manager": "dpkg", "name": "a", "version": "1", "status": "installed"},
            {"manager": "dpkg", "name": "b", "version": "1", "status": "config-files"},
            {"manager": "rpm", "name": "c", "version": "2-1"},
            {"name": "d"}, 7
        ]});
        let found: Vec<Entry> = entries(Kind::Package, &document).into_iter().collect();
        let wanted = [("a", "dpkg 1"), ("c", "rpm 2-1")];
        assert_eq!(found, wanted.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert!(entries(Kind::Service, &document).is_empty());
    }
}
