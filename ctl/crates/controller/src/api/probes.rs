//! What a monitor asks, without a token.

use super::document::problems::problems;
use super::problem::ApiError;
use super::service::{Api, json};
use crate::identity::seconds;
use axum::extract::State;
use axum::response::Response;
use controller_api::{Health, HealthStatus, path};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

problems! {
    /// The problem of a controller that cannot do all of its work.
    Unready: NotReady
}

/// Says that the controller runs.
#[utoipa::path(
    get,
    path = path::HEALTH,
    responses((status = 200, description = "It runs", body = Health))
)]
pub(super) async fn health() -> Response {
    answer(HealthStatus::Ok)
}

/// Says whether the controller can do all of its work.
///
/// It stores and reads, there is room for more, and its own certificates are valid.
#[utoipa::path(
    get,
    path = path::READY,
    responses((status = 200, description = "It can", body = Health), Unready)
)]
pub(super) async fn ready(State(api): State<Api>) -> Result<Response, ApiError> {
    match problem(&api).await {
        None => Ok(answer(HealthStatus::Ready)),
        Some(why) => Err(ApiError::NotReady(why)),
    }
}

fn answer(status: HealthStatus) -> Response {
    json(serde_json::to_string(&Health { status }).expect("texts go to memory"))
}

/// Returns why the controller cannot do all of its work, if it cannot.
pub(super) async fn problem(api: &Api) -> Option<String> {
    if let Some(why) = api.store.problem().await {
        return Some(format!("store: {why}"));
    }
    expired(api.ca.current().ends(), seconds(SystemTime::now()))
}

/// Returns which of the CA's certificates has expired, if one has: of the root, the issuing CA and
/// the server. Times are seconds since 1970.
fn expired((root, issuing, server): (u64, u64, Option<u64>), now: u64) -> Option<String> {
    let ends = [("root", Some(root)), ("issuing", Some(issuing)), ("server", server)];
    let mut ends = ends.into_iter().filter_map(|(name, end)| Some((name, end?)));
    let (name, end) = ends.find(|(_, end)| *end <= now)?;
    let end = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(end));
    Some(format!(
        "CA: the {name} certificate expired at {end}; is the clock right? The log says why the \
         controller did not renew it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_whose_ca_has_expired_is_not_ready() {
        assert_eq!(expired((100, 50, Some(20)), 19), None);
        assert_eq!(expired((100, 50, None), 49), None);
        for (now, name) in [(20, "server"), (50, "issuing"), (100, "root")] {
            let why = expired((100, 50, (now == 20).then_some(20)), now).unwrap();
            assert!(why.contains(&format!("the {name} certificate")), "{why}");
            assert!(why.contains("1970-01-01T00:"), "{why}");
        }
    }
}
