//! The labels that hosts have, for whoever types a selector.

use super::document::problems::problems;
use super::extract::Parameters;
use super::problem::ApiError;
use super::service::Api;
use crate::auth::Principal;
use crate::store::{HostQuery, InUse};
use axum::Json;
use axum::extract::State;
use controller_api::{LabelsInUse, LabelsQuery, path};
use fleet::Action;
use fleet::role::Reach;

problems! {
    /// The problems of lists of labels.
    Listing: Conflict
}

/// Terms in an answer.
const MAX_TERMS: usize = 50;

/// Hosts whose labels are looked at for an operator who may not see every host.
const MAX_LOOKED_AT: usize = 2000;

/// Completes the beginning of a selector's term with the labels that hosts have.
#[utoipa::path(
    get,
    path = path::LABELS,
    params(LabelsQuery),
    responses((status = 200, description = "The terms", body = LabelsInUse), Listing)
)]
pub(super) async fn complete(
    principal: Principal,
    State(api): State<Api>,
    Parameters(query): Parameters<LabelsQuery>,
) -> Result<Json<LabelsInUse>, ApiError> {
    let reach = principal.reach(Action::HostsRead);
    let (before, key, begin) = split(query.q.trim());
    let found = match (&reach, key) {
        (Reach::Everything, None) => api.store.label_keys(begin, MAX_TERMS).await?,
        (Reach::Everything, Some(key)) => api.store.label_values(key, begin, MAX_TERMS).await?,
        _ => of_reach(&api, &reach, key, begin).await?,
    };
    let items = found.texts.into_iter().map(|text| format!("{before}{text}")).collect();
    Ok(Json(LabelsInUse { items, more: found.more }))
}

/// Splits the beginning of a term: what stays, the key if a value is to be completed, and the
/// beginning of the key or value.
fn split(term: &str) -> (&str, Option<&str>, &str) {
    for operator in ["!=", "==", "="] {
        if let Some((key, begin)) = term.split_once(operator) {
            let begin = begin.trim_start();
            return (&term[..term.len() - begin.len()], Some(key.trim()), begin);
        }
    }
    match term.strip_prefix('!') {
        Some(begin) => ("!", None, begin),
        None => ("", None, term),
    }
}

/// Collects keys, or values of a key, of the first hosts that some roles reach.
async fn of_reach(
    api: &Api,
    reach: &Reach<'_>,
    key: Option<&str>,
    begin: &str,
) -> Result<InUse, ApiError> {
    let hosts =
        HostQuery { reach: reach.selectors(), limit: MAX_LOOKED_AT, ..HostQuery::default() };
    Ok(api.store.labels_of(hosts, key, begin, MAX_TERMS).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_term_says_what_is_to_be_completed() {
        for (term, split_up) in [
            ("", ("", None, "")),
            ("os", ("", None, "os")),
            ("!leg", ("!", None, "leg")),
            ("env=", ("env=", Some("env"), "")),
            ("env==p", ("env==", Some("env"), "p")),
            ("env!=p", ("env!=", Some("env"), "p")),
            ("env = p", ("env = ", Some("env"), "p")),
        ] {
            assert_eq!(split(term), split_up, "{term}");
        }
    }
}
