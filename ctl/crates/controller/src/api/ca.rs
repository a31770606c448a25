//! The controller's own CA, and its rotation: three steps, each of which waits until the hosts have
//! followed the one before.

use super::document::problems::problems;
use super::extract::Carried;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::Api;
use super::times;
use crate::audit;
use crate::auth::Principal;
use crate::identity::{BACKDATED, Issuance, Phase, RotationError};
use crate::store::{HostQuery, HostRow, Store};
use axum::Json;
use axum::extract::State;
use controller_api::{CaCertificate, CaStatus, RotationRequest, RotationState, RotationStep, path};
use fleet::{Action, DAY, Digest, UnixMillis};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use x509_parser::prelude::{FromDer as _, X509Certificate};

problems! {
    /// The problems of a step.
    Rotating: Conflict, TooLarge
}

/// Hosts that were not seen for longer do not hold a step up.
const SEEN_WITHIN: UnixMillis = 30 * DAY;

/// How many of a hundred hosts must have followed.
const READY_PERCENT: u64 = 99;

/// Hosts that have not followed, shown by name.
const MAX_MISSING: usize = 100;

/// Rows that are read at once.
const ROWS: usize = 1000;

/// Shows the CA's certificates, and where a rotation stands.
#[utoipa::path(
    get,
    path = path::CA,
    responses((status = 200, description = "The CA", body = CaStatus))
)]
pub(super) async fn show(_: Principal, State(api): State<Api>) -> Result<Json<CaStatus>, ApiError> {
    status(&api).await.map(Json)
}

/// Reads a request for a step.
pub(super) fn read_rotation(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let request: RotationRequest = given.body()?;
    Ok(Subject::new(given, Action::CaRotate)
        .with("step", request.step)
        .with("force", request.force))
}

/// Takes a step of a rotation.
///
/// `init` makes a new root and sends it to every host; `issue` lets it sign, and hosts renew their
/// certificates; `retire` removes the old root. `issue` and `retire` need 99 % of the hosts that
/// were seen within 30 days to have followed, or `force`. `abort` goes back at any step.
#[utoipa::path(
    post,
    path = path::CA_ROTATION,
    request_body = RotationRequest,
    responses((status = 200, description = "The CA after the step", body = CaStatus), Rotating)
)]
pub(super) async fn rotate(
    _: Principal,
    State(api): State<Api>,
    Carried(request): Carried<RotationRequest>,
) -> Result<Json<CaStatus>, ApiError> {
    let gated = matches!(request.step, RotationStep::Issue | RotationStep::Retire);
    if gated && !request.force {
        let before = status(&api).await?;
        // A step out of its order is refused for that below.
        if before.next_step == Some(request.step)
            && before.hosts_ready * 100 < before.hosts * READY_PERCENT
        {
            return Err(ApiError::Conflict(format!(
                "{} of {} hosts have followed the last step; {READY_PERCENT} % must. GET {} names \
                 some of the others; force goes on without them",
                before.hosts_ready,
                before.hosts,
                path::CA
            )));
        }
    }
    let ca = Arc::clone(&api.ca);
    let taken = tokio::task::spawn_blocking(move || match request.step {
        RotationStep::Init => ca.introduce(),
        RotationStep::Issue => ca.issue(),
        RotationStep::Retire => ca.retire(),
        RotationStep::Abort => ca.abort(),
    });
    match taken.await {
        Ok(Ok(())) => status(&api).await.map(Json),
        Ok(Err(RotationError::Order(why))) => Err(ApiError::Conflict(why.to_owned())),
        Ok(Err(RotationError::Files(error))) => {
            log::error!("a step of the CA's rotation: {error}");
            Err(ApiError::Conflict(format!("the step was not taken: {error}")))
        }
        Err(error) => {
            log::error!("a step of the CA's rotation: {error}");
            Err(ApiError::Internal)
        }
    }
}

async fn status(api: &Api) -> Result<CaStatus, ApiError> {
    let issuance = api.ca.current();
    let phase = issuance.state.other.map(|other| other.phase);
    let (rotation, next_step) = match phase {
        None => (RotationState::None, RotationStep::Init),
        Some(Phase::Coming) => (RotationState::Initiated, RotationStep::Issue),
        Some(Phase::Going) => (RotationState::Issuing, RotationStep::Retire),
    };
    let followed = followed(&*api.store, &issuance, phase).await?;
    let server = issuance.server_chain().and_then(|server| server.chain.into_iter().next());
    Ok(CaStatus {
        roots: issuance.roots().iter().map(certificate).collect::<Result<_, _>>()?,
        issuing: Some(certificate(&issuance.issuing())?),
        server: server.as_ref().map(certificate).transpose()?,
        pin: api.joining.line().map(|line| line.pin),
        bundle_version: issuance.state.version,
        rotation,
        next_step: Some(next_step),
        hosts: followed.hosts,
        hosts_ready: followed.ready,
        missing: followed.missing,
    })
}

/// How many hosts have followed the last step.
#[derive(Default)]
struct Followed {
    hosts: u64,
    ready: u64,
    missing: Vec<String>,
}

/// Counts the hosts of our own CA that have the present bundle, or, once the new CA signs, its
/// certificate.
async fn followed(
    store: &dyn Store,
    issuance: &Issuance,
    phase: Option<Phase>,
) -> Result<Followed, ApiError> {
    let since = audit::now().saturating_sub(SEEN_WITHIN);
    let mut followed = Followed::default();
    let mut after = String::new();
    loop {
        let query = HostQuery { selector: None, state: None, after: after.clone(), limit: ROWS };
        let rows = store.hosts(query).await?;
        for row in &rows {
            let seen = row.last_seen.is_some_and(|seen| seen >= since);
            if row.identity.keys.is_none() || !seen {
                continue;
            }
            followed.hosts += 1;
            if phase.is_none_or(|phase| has_followed(row, issuance, phase)) {
                followed.ready += 1;
            } else if followed.missing.len() < MAX_MISSING {
                followed.missing.push(row.identity.id.clone());
            }
        }
        match rows.last() {
            Some(row) if rows.len() == ROWS => after.clone_from(&row.identity.id),
            _ => return Ok(followed),
        }
    }
}

fn has_followed(row: &HostRow, issuance: &Issuance, phase: Phase) -> bool {
    match phase {
        Phase::Coming => {
            row.ca_version.is_some_and(|version| u64::from(version) >= issuance.state.version)
        }
        Phase::Going => {
            let keys = row.identity.keys.as_ref();
            let certificate = keys.and_then(|keys| keys.certificate.as_ref());
            let signing_since = i64::try_from(issuance.state.since).unwrap_or(i64::MAX);
            let backdated = i64::try_from(BACKDATED.as_millis()).unwrap_or_default();
            certificate.is_some_and(|certificate| {
                let made = certificate.not_before.saturating_add(backdated);
                made >= signing_since.saturating_mul(1000)
            })
        }
    }
}

fn certificate(der: &CertificateDer<'_>) -> Result<CaCertificate, ApiError> {
    let (_, parsed) = X509Certificate::from_der(der).map_err(|error| {
        log::error!("a certificate of our own CA cannot be read: {error}");
        ApiError::Internal
    })?;
    let millis = |time: &x509_parser::time::ASN1Time| time.timestamp().saturating_mul(1000);
    let name = parsed.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    Ok(CaCertificate {
        subject: name.unwrap_or_default().to_owned(),
        fingerprint: Digest::of(der).to_string(),
        not_before: times::text(millis(&parsed.validity().not_before)),
        not_after: times::text(millis(&parsed.validity().not_after)),
    })
}
