//! Labels in tables: `env=prod,role=web`.

use crate::terminal::safe;
use controller_api::Label;
use std::collections::BTreeMap;

/// Returns the labels of a host in one cell.
pub(super) fn of_host(labels: &BTreeMap<String, Label>) -> String {
    joined(labels.iter().map(|(key, label)| (key.as_str(), label.value.as_str())))
}

/// Returns labels in one cell.
pub(super) fn of_token(labels: &BTreeMap<String, String>) -> String {
    joined(labels.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

fn joined<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let labels: Vec<String> = labels.map(|(key, value)| safe(&format!("{key}={value}"))).collect();
    if labels.is_empty() { "-".to_owned() } else { labels.join(",") }
}
