//! The columns of the list that the operator chooses: labels, and parts of facts.
//!
//! A column is a label's key, as `os.id`, or `METHOD:PATH`, as `memory:$.ram.total_bytes`: then the
//! facts of the page's hosts are asked.

use crate::session::Session;
use crate::units;
use axum::http::Method;
use controller_api::{FactMatches, FactSearch, Host, path};
use std::collections::HashMap;

/// The columns of a list that names none.
pub(super) const DEFAULT: &str = "os.id,os.version_id";

/// Columns of a list.
const MAX_COLUMNS: usize = 8;

/// Columns of them that need facts.
const MAX_FACTS: usize = 2;

/// Characters of a value.
const MAX_VALUE: usize = 80;

/// A column.
pub(super) struct Column {
    pub(super) name: String,
    /// Why it is empty, if it could not be asked for.
    pub(super) problem: Option<String>,
    kind: Kind,
}

enum Kind {
    Label,
    /// The values by host.
    Fact(HashMap<String, String>),
}

/// Reads the columns and asks for the facts among them.
pub(super) async fn read(session: &Session, text: &str, hosts: &[Host]) -> Vec<Column> {
    let (mut columns, mut facts) = (Vec::new(), 0);
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()).take(MAX_COLUMNS) {
        let mut column = Column { name: name.to_owned(), problem: None, kind: Kind::Label };
        if let Some((method, place)) = name.split_once(':') {
            facts += 1;
            column.kind = Kind::Fact(HashMap::new());
            if facts > MAX_FACTS {
                column.problem = Some(format!("A list has at most {MAX_FACTS} columns of facts."));
            } else if !hosts.is_empty() {
                match ask(session, method, place, hosts).await {
                    Ok(values) => column.kind = Kind::Fact(values),
                    Err(problem) => column.problem = Some(problem),
                }
            }
        }
        columns.push(column);
    }
    columns
}

async fn ask(
    session: &Session,
    method: &str,
    place: &str,
    hosts: &[Host],
) -> Result<HashMap<String, String>, String> {
    let ids: Vec<&str> = hosts.iter().map(|host| host.id.as_str()).collect();
    let search = FactSearch {
        path: place.to_owned(),
        method: Some(method.to_owned()),
        selector: Some(format!("host in ({})", ids.join(","))),
        limit: Some(ids.len()),
        ..FactSearch::default()
    };
    // It changes nothing, though it is a POST.
    let csrf = session.me.csrf.clone().unwrap_or_default();
    let found: FactMatches = session
        .api
        .send(Method::POST, path::FACTS_WHERE, &search, &csrf)
        .await
        .map_err(|failure| failure.sentence())?;
    let value = |found: controller_api::FactMatch| {
        let first = found.values.first()?;
        Some((found.host, shown(first.get())))
    };
    Ok(found.hosts.into_iter().filter_map(value).collect())
}

/// Returns a value of JSON as a cell shows it.
fn shown(json: &str) -> String {
    match serde_json::from_str::<String>(json) {
        Ok(text) => units::line(&text, MAX_VALUE),
        Err(_) => units::line(json, MAX_VALUE),
    }
}

impl Column {
    /// Returns the cell of a host.
    pub(super) fn value(&self, host: &Host) -> String {
        match &self.kind {
            Kind::Label => {
                host.labels.get(&self.name).map(|label| label.value.clone()).unwrap_or_default()
            }
            Kind::Fact(values) => values.get(&host.id).cloned().unwrap_or_default(),
        }
    }
}
