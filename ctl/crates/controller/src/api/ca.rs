//! The controller's own CA, and its rotation: three steps, each of which waits until the hosts have
//! followed the one before.

use super::document::problems::problems;
use super::extract::Carried;
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::Api;
use crate::auth::Principal;
use crate::identity::RotationRefused;
use axum::Json;
use axum::extract::State;
use controller_api::{CaStatus, RotationRequest, path};
use fleet::Action;

problems! {
    /// The problems of a step.
    Rotating: Conflict, TooLarge
}

/// Shows the CA's certificates, and where a rotation stands.
#[utoipa::path(
    get,
    path = path::CA,
    responses((status = 200, description = "The CA", body = CaStatus))
)]
pub(super) async fn show(_: Principal, State(api): State<Api>) -> Result<Json<CaStatus>, ApiError> {
    let mut status = api.identity.ca_status().await?;
    status.pin = pin(&api);
    Ok(Json(status))
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
    let mut status = match api.identity.rotate(request.step, request.force).await {
        Ok(status) => status,
        Err(refused @ (RotationRefused::Order(_) | RotationRefused::Gate { .. })) => {
            return Err(ApiError::Conflict(refused.to_string()));
        }
        Err(RotationRefused::Store(error)) => return Err(error.into()),
        Err(RotationRefused::Files(error)) => {
            log::error!("a step of the CA's rotation: {error}");
            return Err(ApiError::Conflict(format!("the step was not taken: {error}")));
        }
        Err(RotationRefused::Thread(error)) => {
            log::error!("a step of the CA's rotation: {error}");
            return Err(ApiError::Internal);
        }
    };
    status.pin = pin(&api);
    Ok(Json(status))
}

/// Returns the pin of join lines; `None` where no host can join.
fn pin(api: &Api) -> Option<String> {
    api.joining.line().map(|line| line.pin)
}
