//! `cert.renew`: a connected host asks for its next certificate.

use super::handshake::Services;
use super::peer::Restriction;
use super::session::Session;
use agent_wire::Retcode;
use agent_wire::message::{CertAnswer, CertRenew, line};
use fleet::identity::Issuer;
use serde_json::{Map, Value};

/// Reads a request for a certificate, which only a host of our own CA can make.
pub(super) fn read(session: &Session, map: &Map<String, Value>) -> Option<CertRenew> {
    match CertRenew::parse(map) {
        Ok(Some(request)) if matches!(session.restriction(), Some(Restriction::Clone(_))) => {
            post(session, &settle_first(request.renewal_id));
            None
        }
        Ok(request) if session.issuer == Issuer::Own => request,
        Ok(_) => {
            log::debug!("{}: skipped cert.renew: its certificates are another CA's", session.host);
            None
        }
        Err(error) => {
            log::warn!("{}: skipped an invalid cert.renew: {error}", session.host);
            None
        }
    }
}

/// Returns the answer to a clone: its next certificate would be that of the host.
fn settle_first(renewal_id: String) -> CertAnswer {
    let retcode = Retcode::IdentityRefused;
    let message = format!("{}: an operator has to settle which host this is", retcode.phrase());
    let retry_after = Some(3600);
    CertAnswer::Refused { renewal_id, retcode: retcode.number(), message, retry_after }
}

/// Answers a request.
pub(super) async fn answer(session: &Session, services: &Services, request: CertRenew) {
    let (host, source) = (&session.host, session.address.ip());
    let answer = services.identity.renew(host, session.key, source, request).await;
    post(session, &answer);
}

fn post(session: &Session, answer: &CertAnswer) {
    let mut text = Vec::new();
    line(answer, &mut text);
    session.post(&text);
}
