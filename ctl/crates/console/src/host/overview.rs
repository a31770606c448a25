//! The first tab of a host: its identity, its certificate, its labels, and what it tells of itself.

use super::head::{self, Head, Tab};
use crate::api::Failure;
use crate::markup::Markup;
use crate::page::html;
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use controller_api::{Host, HostChanges, HostFacts, Issuer, LabelSource, path};
use fleet::Action;

#[derive(Template)]
#[template(path = "host/overview.html")]
struct Overview {
    head: Head,
    labels: Vec<Label>,
    identity: Vec<(&'static str, Markup)>,
    certificate: Vec<(&'static str, Markup)>,
    clones: Vec<Twin>,
    facts: Vec<Provider>,
    changes: Vec<super::changes::Change>,
    frame: crate::page::Frame,
}

struct Label {
    key: String,
    value: String,
    source: &'static str,
    own: bool,
}

struct Twin {
    address: String,
    since: Markup,
    reason: String,
}

/// A provider and its state on the host.
pub(super) struct Provider {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) kind: &'static str,
    pub(super) word: &'static str,
    pub(super) since: Markup,
    pub(super) size: String,
    pub(super) problem: Option<String>,
    pub(super) current: bool,
}

pub(super) async fn show(session: Session, Path(id): Path<String>) -> Result<Response, Failure> {
    let (head, host) = head::read(&session, &id, Tab::Overview).await?;
    let mut facts = Vec::new();
    let mut changes = Vec::new();
    if session.may(Action::FactsRead) {
        let list: HostFacts = session.api.get(&path::host_facts(&id)).await?;
        facts = providers(&list, &head.path, "");
        let log = format!("{}?limit=6", path::host_changes(&id));
        let log: HostChanges = session.api.get(&log).await?;
        for state in &log.changes {
            changes.push(super::changes::told(&session, state, &id, &head.path).await?);
        }
    }
    let labels = host.labels.iter().map(|(key, label)| Label {
        key: key.clone(),
        value: label.value.clone(),
        own: label.source != LabelSource::Fact,
        source: match label.source {
            LabelSource::Operator => "set by an operator",
            LabelSource::Token => "given by the join token",
            LabelSource::Fact => "from facts",
        },
    });
    let clones = host.clones.iter().map(|clone| Twin {
        address: clone.address.to_string(),
        since: super::time(&clone.since),
        reason: clone.reason.clone(),
    });
    html(&Overview {
        labels: labels.collect(),
        identity: identity(&host),
        certificate: certificate(&host),
        clones: clones.collect(),
        facts,
        changes,
        frame: head.frame.clone(),
        head,
    })
}

fn text(text: &str) -> Markup {
    let mut markup = Markup::default();
    markup.raw("<bdi>").text(text).raw("</bdi>");
    markup
}

fn identity(host: &Host) -> Vec<(&'static str, Markup)> {
    let mut rows = vec![("Host ID", text(&host.id))];
    if let Some(address) = &host.address {
        rows.push(("Address", text(&address.to_string())));
    }
    if let Some(version) = &host.version {
        rows.push(("Agent", text(version)));
    }
    if let Some(at) = host.connected_at.as_deref().filter(|_| host.connected) {
        rows.push(("Connected", super::time(at)));
    } else if let Some(at) = &host.last_seen {
        rows.push(("Last seen", super::time(at)));
    }
    if let Some(at) = &host.enrolled_at {
        rows.push(("Joined", super::time(at)));
    }
    if let Some(token) = &host.token {
        rows.push(("Join token", text(token)));
    }
    if host.requests_running > 0 {
        rows.push(("Requests running", text(&units::count(host.requests_running))));
    }
    rows
}

fn certificate(host: &Host) -> Vec<(&'static str, Markup)> {
    let issuer = match host.issuer {
        Issuer::Own => "this controller's CA",
        Issuer::Foreign => "another PKI (--agent-ca), which also renews it",
    };
    let mut rows = vec![("Signed by", text(issuer))];
    if let Some(end) = &host.certificate_not_after {
        let past = units::millis(end).is_some_and(|end| end < units::now());
        rows.push((if past { "Expired" } else { "Expires" }, super::time(end)));
        if host.issuer == Issuer::Own && !past {
            rows.push(("Renewal", text("by the agent, at about half of its time")));
        }
    }
    if let Some(generation) = host.generation {
        rows.push(("Key", text(&format!("number {}", units::count(generation)))));
    }
    if let Some(version) = host.ca_version {
        rows.push(("CA bundle", text(&format!("version {version}"))));
    }
    rows
}

/// Returns the host's providers as a list.
pub(super) fn providers(list: &HostFacts, at: &str, current: &str) -> Vec<Provider> {
    let provider = |state: &controller_api::FactState| {
        let (kind, word) = match (&state.problem, state.present) {
            (Some(_), _) => ("bad", "failing"),
            (None, true) => ("ok", "known"),
            (None, false) => ("idle", "not installed"),
        };
        let name = state.method.strip_prefix("getinfo.").unwrap_or(&state.method).to_owned();
        Provider {
            href: format!("{at}/facts/{}", path::segment(&name)),
            kind,
            word,
            since: super::time(state.failed_since.as_ref().unwrap_or(&state.since)),
            size: state.bytes.map(units::bytes).unwrap_or_default(),
            problem: state.problem.clone(),
            current: state.method == current,
            name,
        }
    };
    list.facts.iter().map(provider).collect()
}
