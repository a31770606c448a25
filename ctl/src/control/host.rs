//! `host`: shows one host, labels it, and decides about hosts.

use super::{each, parsed};
use crate::cli::{Change, Host as Sub, HostLabel};
use crate::client::{Controller, checked};
use crate::error::Error;
use crate::print::{Record, document};
use crate::terminal::confirm;
use crate::{clock, output};
use controller_api::{
    Departure, Host, HostClone, LabelChange, LabelSource, Reason, Settlement, path,
};
use ureq::http::Method;

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, sub: &Sub) -> Result<(), Error> {
    match sub {
        Sub::Show(show) => {
            let text = controller.read(&path::host(checked(&show.id)?))?;
            document(&text, show.output.format(), || Ok(shown(&parsed(&text)?)))
        }
        Sub::Label(label) => labeled(controller, label),
        Sub::Approve(names) => each(&names.ids, "approved", |id| {
            let path = path::host_approve(checked(id)?);
            controller.change::<()>(&Method::POST, &path, None).map(|_| ())
        }),
        Sub::Remove(remove) => {
            let ids = &remove.names.ids;
            confirm(&format!("remove {}", listed(ids)), remove.yes.yes)?;
            each(ids, "removed; it may join again with a token", |id| {
                let path = path::host(checked(id)?);
                controller.change::<()>(&Method::DELETE, &path, None).map(|_| ())
            })
        }
        Sub::Ban(ban) => {
            let ids = &ban.names.ids;
            confirm(&format!("ban {} for ever", listed(ids)), ban.yes.yes)?;
            let reason = Reason { reason: ban.reason.clone() };
            each(ids, "banned", |id| {
                let path = path::host_ban(checked(id)?);
                controller.change(&Method::POST, &path, Some(&reason)).map(|_| ())
            })
        }
        Sub::Quarantine(quarantine) => {
            let reason = Reason { reason: quarantine.reason.clone() };
            each(&quarantine.names.ids, "quarantined", |id| {
                let path = path::host_quarantine(checked(id)?);
                controller.change(&Method::POST, &path, Some(&reason)).map(|_| ())
            })
        }
        Sub::Settle(settle) => {
            let id = checked(&settle.id)?;
            confirm(&format!("end the quarantine of {id} this way"), settle.yes.yes)?;
            let body = Settlement { choice: settle.choice.into() };
            let text = controller.change(&Method::POST, &path::host_settle(id), Some(&body))?;
            output::bytes(shown(&parsed(&text)?).as_bytes())
        }
    }
}

/// Returns some hosts for a question.
fn listed(ids: &[String]) -> String {
    match ids {
        [one] => format!("host {one}"),
        [first, ..] => format!("{} hosts, {first} to {}", ids.len(), ids[ids.len() - 1]),
        [] => "no host".to_owned(),
    }
}

fn labeled(controller: &Controller, label: &HostLabel) -> Result<(), Error> {
    let mut change = LabelChange::default();
    for one in &label.changes {
        match one {
            Change::Set(key, value) => {
                change.set.insert(key.clone(), value.clone());
            }
            Change::Remove(key) => change.remove.push(key.clone()),
        }
    }
    let path = path::host_labels(checked(&label.id)?);
    let text = controller.change(&Method::PUT, &path, Some(&change))?;
    let host: Host = parsed(&text)?;
    let mut record = Record::default();
    record.add("host", &host.id);
    labels(&mut record, &host);
    output::bytes(record.text().as_bytes())
}

fn labels(record: &mut Record, host: &Host) {
    for (key, label) in &host.labels {
        let source = match label.source {
            LabelSource::Operator => "",
            LabelSource::Token => "  (from its join token)",
            LabelSource::Fact => "  (reported by the host)",
        };
        record.add("label", format!("{key}={}{source}", label.value));
    }
}

/// Returns a host for people.
fn shown(host: &Host) -> String {
    let zone = clock::here();
    let time = |text: &Option<String>| text.as_ref().map(|text| clock::shown(text, &zone));
    let mut record = Record::default();
    record.add("host", &host.id).add("state", host.state.name());
    record.some("reason", host.state_reason.as_ref());
    record.add("online", if host.connected { "yes" } else { "no" });
    record
        .some("address", host.address.map(|address| address.to_string()))
        .some("version", host.version.as_ref())
        .some("connected", time(&host.connected_at))
        .some("last seen", time(&host.last_seen))
        .some("went because", host.departure.map(Departure::words))
        .some("enrolled", time(&host.enrolled_at))
        .some("join token", host.token.as_ref())
        .some("key", host.generation.map(|number| format!("generation {number}")))
        .some("certificate", time(&host.certificate_not_after).map(|at| format!("until {at}")))
        .add(
            "issuer",
            match host.issuer {
                controller_api::Issuer::Own => "the controller's CA",
                controller_api::Issuer::Foreign => "a company's own PKI",
            },
        )
        .some("CA bundle", host.ca_version.map(|version| format!("version {version}")))
        .add("requests", format!("{} running", host.requests_running));
    labels(&mut record, host);
    for clone in &host.clones {
        let HostClone { address, boot, since, reason } = clone;
        let boot = boot.as_ref().map(|boot| format!(", boot {boot}")).unwrap_or_default();
        let since = clock::shown(since, &zone);
        record.add("clone", format!("{address} since {since}{boot}: {reason}"));
    }
    record.text()
}
