//! Decisions about hosts: those that wait are approved or banned, clones are settled.

use super::show;
use crate::api::Failure;
use crate::form::Form;
use crate::page::{done, see};
use crate::session::Session;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use controller_api::{Host, Reason, SettleChoice, Settlement, path};

/// Hosts that one form decides about.
const MAX_HOSTS: usize = 100;

/// Approves or bans hosts that wait: one, by its own button, or the ticked ones.
pub(super) async fn waiting(session: Session, form: Form) -> Result<Response, Failure> {
    let one = ["approve", "ban"].into_iter().find_map(|what| Some((what, form.some(what)?)));
    let (what, hosts): (&str, Vec<&str>) = match one {
        Some((what, host)) => (what, vec![host]),
        None => (form.get("what"), form.all("host").take(MAX_HOSTS).collect()),
    };
    if hosts.is_empty() {
        return show::again(&session, "Tick the hosts first.".to_owned()).await;
    }
    let mut failed = None;
    for host in &hosts {
        let done = match what {
            "approve" => {
                let path = path::host_approve(host);
                session.api.act(Method::POST, &path, &(), form.csrf()).await
            }
            "ban" => {
                let path = path::host_ban(host);
                let reason = Reason { reason: Some("not approved".to_owned()) };
                session.api.act(Method::POST, &path, &reason, form.csrf()).await
            }
            _ => return Ok(see("/join")),
        };
        match done {
            Ok(()) => {}
            // Somebody else has decided meanwhile: the others go on.
            Err(failure) if matches!(failure.status.as_u16(), 404 | 409) => {
                failed.get_or_insert_with(|| format!("{host}: {}", failure.sentence()));
            }
            Err(failure) => return Err(failure),
        }
    }
    match failed {
        Some(problem) => show::again(&session, problem).await,
        None => Ok(done("/join", if what == "ban" { "refused" } else { "approved" })),
    }
}

/// Ends the quarantine of a host.
pub(super) async fn settle(session: Session, form: Form) -> Result<Response, Failure> {
    let host = form.get("host");
    let choice = match form.get("choice") {
        "keep" => SettleChoice::Keep,
        "restored" => SettleChoice::Restored,
        "enroll-again" => SettleChoice::EnrollAgain,
        _ => return show::again(&session, format!("{host}: choose what is true.")).await,
    };
    let path = path::host_settle(host);
    let settled: Result<Host, Failure> =
        session.api.send(Method::POST, &path, &Settlement { choice }, form.csrf()).await;
    match settled {
        Ok(_) => Ok(done("/join", "settled")),
        Err(failure) if matches!(failure.status, StatusCode::CONFLICT | StatusCode::NOT_FOUND) => {
            show::again(&session, format!("{host}: {}", failure.sentence())).await
        }
        Err(failure) => Err(failure),
    }
}
