//! Roles: the built-in ones, those of a file, and those that operators define here.

use super::document::problems::problems;
use super::extract::{Carried, Segments};
use super::problem::ApiError;
use super::rule::{Given, Subject};
use super::service::Api;
use crate::auth::{Defined, Principal};
use crate::store::RoleRow;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use controller_api::{Role, RoleDefinition, RoleList, RoleSource, path};
use fleet::Action;
use std::sync::Arc;

problems! {
    /// The problems of one role.
    OneRole: NotFound
}

problems! {
    /// The problems of a change of a role.
    Changing: NotFound, Conflict, TooLarge
}

/// Lists every role.
#[utoipa::path(
    get,
    path = path::ROLES,
    responses((status = 200, description = "The built-in roles, then the others", body = RoleList))
)]
pub(super) async fn list(_: Principal, State(api): State<Api>) -> Result<Json<RoleList>, ApiError> {
    let roles = api.authenticator.roles().all().iter().map(shown).collect::<Result<_, _>>()?;
    Ok(Json(RoleList { roles }))
}

/// Shows a role.
#[utoipa::path(
    get,
    path = path::ROLE,
    params(path::RolePath),
    responses((status = 200, description = "The role", body = Role), OneRole)
)]
pub(super) async fn show(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<Json<Role>, ApiError> {
    let found = api.authenticator.roles().find(&name).ok_or_else(|| missing(&name))?;
    shown(&found).map(Json)
}

/// Reads the definition of a role.
pub(super) fn read_put(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    let definition: RoleDefinition = given.body()?;
    let name = given.segment("role").unwrap_or_default().to_owned();
    given.carried.insert(Arc::new(checked(&name, &definition)?));
    Ok(Subject::new(given, Action::RolesManage).with("role", &name).with("definition", &definition))
}

/// Defines a role, or changes its definition.
#[utoipa::path(
    put,
    path = path::ROLE,
    params(path::RolePath),
    request_body = RoleDefinition,
    responses((status = 200, description = "The role", body = Role), Changing)
)]
pub(super) async fn put(
    _: Principal,
    State(api): State<Api>,
    Carried(role): Carried<Arc<fleet::Role>>,
) -> Result<Json<Role>, ApiError> {
    let roles = api.authenticator.roles();
    if let Some(found) = roles.find(&role.name)
        && found.source != RoleSource::Api
    {
        return Err(fixed(&found));
    }
    let document = serde_json::to_string(&*role).map_err(|error| {
        log::error!("a role cannot be stored: {error}");
        ApiError::Internal
    })?;
    api.store.put_role(RoleRow { name: role.name.clone(), document }).await?;
    roles.refresh(&*api.store).await?;
    api.schedules.roles_changed();
    shown(&Defined { role, source: RoleSource::Api }).map(Json)
}

/// Reads a request to delete a role.
pub(super) fn read_delete(given: &mut Given<'_>) -> Result<Subject, ApiError> {
    Ok(Subject::new(given, Action::RolesManage).with_segment(given, "role").with("delete", true))
}

/// Deletes a role, which no operator may have anymore.
#[utoipa::path(
    delete,
    path = path::ROLE,
    params(path::RolePath),
    responses((status = 204, description = "Deleted"), Changing)
)]
pub(super) async fn delete(
    _: Principal,
    State(api): State<Api>,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    let roles = api.authenticator.roles();
    if let Some(found) = roles.find(&name)
        && found.source != RoleSource::Api
    {
        return Err(fixed(&found));
    }
    api.store.delete_role(&name).await?;
    roles.refresh(&*api.store).await?;
    api.schedules.roles_changed();
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a role of its definition.
fn checked(name: &str, definition: &RoleDefinition) -> Result<fleet::Role, ApiError> {
    let invalid = |why: String| ApiError::InvalidRequest(format!("the role: {why}"));
    let mut document =
        serde_json::to_value(definition).map_err(|error| invalid(error.to_string()))?;
    document["name"] = name.into();
    let role: fleet::Role =
        serde_json::from_value(document).map_err(|error| invalid(error.to_string()))?;
    role.check().map_err(|error| invalid(error.to_string()))?;
    Ok(role)
}

/// Returns a role as the API shows it.
pub(super) fn shown(defined: &Defined) -> Result<Role, ApiError> {
    let grants = grants(defined.role.grants.iter())?;
    Ok(Role {
        name: defined.role.name.clone(),
        description: defined.role.description.clone(),
        source: defined.source,
        grants,
    })
}

/// Returns grants as the API shows them.
pub(super) fn grants<'a>(
    grants: impl Iterator<Item = &'a fleet::Grant>,
) -> Result<Vec<controller_api::Grant>, ApiError> {
    let shown = |grant: &fleet::Grant| {
        let mut value = serde_json::to_value(grant)?;
        if grant.selector.is_everything()
            && let Some(map) = value.as_object_mut()
        {
            map.remove("selector");
        }
        serde_json::from_value(value)
    };
    grants.map(shown).collect::<Result<_, serde_json::Error>>().map_err(|error| {
        log::error!("a grant cannot be shown: {error}");
        ApiError::Internal
    })
}

fn fixed(found: &Defined) -> ApiError {
    let name = &found.role.name;
    ApiError::Conflict(match found.source {
        RoleSource::File => format!(
            "the role \"{name}\" stands in the file of --roles; change it there and send SIGHUP"
        ),
        RoleSource::BuiltIn | RoleSource::Api => {
            format!("the role \"{name}\" is built in and cannot be changed; choose another name")
        }
    })
}

fn missing(name: &str) -> ApiError {
    ApiError::NotFound(format!("there is no role \"{}\"", agent_wire::json::quote(name)))
}
