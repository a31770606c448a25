//! `ca`: the controller's own CA and its rotation.

use super::parsed;
use crate::cli::{Ca, CaRotate};
use crate::client::Controller;
use crate::clock;
use crate::error::Error;
use crate::print::{Record, document};
use crate::terminal::confirm;
use agent_cron::Zone;
use controller_api::{CaCertificate, CaStatus, RotationRequest, RotationState, RotationStep, path};
use ureq::http::Method;

/// The most missing hosts that are named.
const MAX_NAMED: usize = 10;

/// Runs the subcommand.
///
/// # Errors
/// Any [`Error`].
pub(super) fn run(controller: &Controller, sub: &Ca) -> Result<(), Error> {
    let (text, format) = match sub {
        Ca::Status(format) => (controller.read(path::CA)?, format),
        Ca::Rotate(rotate) => (rotated(controller, rotate)?, &rotate.output),
    };
    document(&text, format.format(), || Ok(shown(&parsed(&text)?)))
}

fn rotated(controller: &Controller, rotate: &CaRotate) -> Result<String, Error> {
    let step: RotationStep = rotate.step.into();
    let force = if rotate.force { ", even where hosts are not ready" } else { "" };
    confirm(&format!("{}{force}", deed(step)), rotate.yes.yes)?;
    let body = RotationRequest { step, force: rotate.force };
    controller.change(&Method::POST, path::CA_ROTATION, Some(&body))
}

/// Returns what a step does, for a question.
fn deed(step: RotationStep) -> &'static str {
    match step {
        RotationStep::Init => "make a new root and send it to every host",
        RotationStep::Issue => "sign with the new CA from now on",
        RotationStep::Retire => "remove the old root",
        RotationStep::Abort => "go back to the old root",
    }
}

fn word(step: RotationStep) -> &'static str {
    match step {
        RotationStep::Init => "init",
        RotationStep::Issue => "issue",
        RotationStep::Retire => "retire",
        RotationStep::Abort => "abort",
    }
}

fn shown(status: &CaStatus) -> String {
    let zone = clock::here();
    let mut record = Record::default();
    for root in &status.roots {
        certificate(&mut record, "root", root, &zone);
    }
    if let Some(issuing) = &status.issuing {
        certificate(&mut record, "issuing", issuing, &zone);
    }
    if let Some(server) = &status.server {
        certificate(&mut record, "server", server, &zone);
    }
    record.some("pin", status.pin.as_ref());
    record.add("bundle", format!("version {}", status.bundle_version));
    record.add(
        "rotation",
        match status.rotation {
            RotationState::None => "none is in progress",
            RotationState::Initiated => "a new root exists and is sent to the hosts",
            RotationState::Issuing => "the new CA signs; hosts renew their certificates",
        },
    );
    record.some("next step", status.next_step.map(word));
    record.add(
        "hosts",
        format!("{} seen in 30 days, {} ready for the next step", status.hosts, status.hosts_ready),
    );
    for host in status.missing.iter().take(MAX_NAMED) {
        record.add("not ready", host);
    }
    let named = status.missing.len().min(MAX_NAMED) as u64;
    let more = status.hosts.saturating_sub(status.hosts_ready).saturating_sub(named);
    if more > 0 {
        record.add("not ready", format!("and {more} more (-o json names up to 100)"));
    }
    record.text()
}

fn certificate(record: &mut Record, name: &'static str, of: &CaCertificate, zone: &Zone) {
    let (from, until) = (clock::shown(&of.not_before, zone), clock::shown(&of.not_after, zone));
    record.add(name, format!("{}, {from} to {until}", of.subject));
    record.add(name, of.fingerprint.clone());
}
