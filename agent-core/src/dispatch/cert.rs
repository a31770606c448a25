//! `cert.*` (§9), and the server's messages that are no requests: answers to a renewal, `goodbye`.
//!
//! Only a controller sends these: the local socket's are rejected. The policy does not apply.

use super::Dispatcher;
use super::failure::{Failure, Routed};
use super::route::Call;
use super::ticket::IdKind;
use crate::caller::Caller;
use crate::enroll::Parting;
use agent_wire::InvalidParams;
use agent_wire::json::quote;
use agent_wire::message::{CertAnswer, CertReset, CertTrust, Goodbye, Response};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value};
use std::time::Duration;

/// Handles a message that is no request and gets no reply. Returns whether it was one.
pub(super) fn notice(
    dispatcher: &Dispatcher,
    fields: &Map<String, Value>,
    caller: &Caller,
) -> bool {
    if caller.peer.names().is_none() {
        return false;
    }
    let upkeep = &dispatcher.services.upkeep;
    let answer = CertAnswer::parse(fields).map(|answer| answer.map(|it| upkeep.answer(it)));
    let goodbye = Goodbye::parse(fields).map(|goodbye| {
        goodbye.map(|Goodbye { return_within, server }| {
            match &server {
                Some(server) => log::info!(
                    "the server asks the agent to go to {} within {return_within} s",
                    quote(server)
                ),
                None => {
                    log::info!("the server stops; the agent comes back within {return_within} s");
                }
            }
            upkeep.goodbye(Parting { within: Duration::from_secs(return_within), server });
        })
    });
    let mut is_notice = false;
    for parsed in [answer, goodbye] {
        match parsed {
            Ok(found) => is_notice |= found.is_some(),
            Err(error) => {
                log::warn!("the server's message about certificates is ignored: {error}");
                is_notice = true;
            }
        }
    }
    is_notice
}

/// `cert.trust`.
pub(super) fn trust(call: &mut Call<'_>) -> Routed {
    of_controller(call)?;
    let CertTrust { bundle, version } = CertTrust::parse(call.params())?;
    is_bundle(&bundle)?;
    call.later(IdKind::Request, Vec::new(), move |id, services, _| async move {
        let stored = services.upkeep.trust(bundle, version).await?;
        let message = match stored {
            true => format!("CAs of version {version} are stored"),
            false => format!("CAs of version {version} are ignored: the host has later ones"),
        };
        log::info!("{message}");
        Ok(Response::success(&id, 0).with_message(message))
    })
}

/// `cert.renew_now`.
pub(super) fn renew_now(call: &mut Call<'_>) -> Routed {
    of_controller(call)?;
    call.later(IdKind::Request, Vec::new(), |id, services, _| async move {
        let message = services.upkeep.renew_now().await?;
        Ok(Response::success(&id, 0).with_message(message))
    })
}

/// `cert.reset`.
pub(super) fn reset(call: &mut Call<'_>) -> Routed {
    of_controller(call)?;
    let CertReset { reason } = CertReset::parse(call.params())?;
    call.later(IdKind::Request, Vec::new(), move |id, services, _| async move {
        let key = services.upkeep.set_aside().await?;
        let reason = agent_wire::json::sentence(&reason);
        log::warn!("the server resets this host's identity ({reason}): {}", key.display());
        services.upkeep.was_reset(key);
        Ok(Response::success(&id, 0).with_message("The key is set aside"))
    })
}

/// Checks that a controller asks.
fn of_controller(call: &Call<'_>) -> Result<(), Failure> {
    match call.caller.peer.names() {
        Some(_) => Ok(()),
        None => Err(Failure::OnlyForControllers),
    }
}

/// Checks that CAs are certificates that can verify a server.
fn is_bundle(bundle: &str) -> Result<(), InvalidParams> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        let usable = certificate.is_ok_and(|der| webpki::anchor_from_trusted_cert(&der).is_ok());
        if !usable {
            let why = format!("bundle: certificate {} is no CA that can be used", count + 1);
            return Err(InvalidParams(why));
        }
        count += 1;
    }
    match count {
        0 => Err(InvalidParams("bundle contains no certificate in PEM form".to_owned())),
        _ => Ok(()),
    }
}
