//! What the document says once: about the API, its security, and each operation alike.

use super::super::router::Route;
use super::super::rule::{Effect, Who};
use super::problems;
use crate::auth::Secure;
use controller_api::{CSRF_HEADER, IDEMPOTENCY_HEADER};
use utoipa::openapi::path::{
    HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, Info, InfoBuilder, RefOr, Required, Tag};

/// The security scheme of API tokens.
const BEARER: &str = "bearer";

/// The security scheme of sessions over HTTPS.
const COOKIE: &str = "cookie";

/// The security scheme of sessions over plain HTTP, which is for loopback only.
const LOOPBACK_COOKIE: &str = "loopbackCookie";

/// Describes the API.
pub(super) fn info() -> Info {
    InfoBuilder::new()
        .title("BasicAgentController")
        .version("1")
        .description(Some(
            "The operators' API of BasicAgentController. Every error is a problem (RFC 9457) with \
             the media type `application/problem+json`. A list comes in pages: `limit` bounds one, \
             and the next starts `after` the last.",
        ))
        .build()
}

/// Adds the ways in which a client proves who it is.
pub(super) fn add_security_schemes(components: &mut Components) {
    let mut bearer = Http::new(HttpAuthScheme::Bearer);
    let how = "An API token, in the header `Authorization: Bearer TOKEN`";
    bearer.description = Some(how.to_owned());
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    for (scheme, secure) in [(COOKIE, Secure(true)), (LOOPBACK_COOKIE, Secure(false))] {
        let how = "A session, which `POST login` starts; a request that changes something needs the \
                   header `X-CSRF-Token` beside it";
        let cookie = ApiKeyValue::with_description(secure.name(), how);
        components.add_security_scheme(scheme, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// Lists the groups of operations: the modules of the handlers.
pub(super) fn tags(routes: &[Route]) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for route in routes {
        let name = &route.described.group;
        if !tags.iter().any(|tag| tag.name == *name) {
            tags.push(TagBuilder::new().name(name.clone()).build());
        }
    }
    tags
}

/// Gives an operation its id and group, and what its rule says.
pub(super) fn complete(operation: &mut Operation, components: &mut Components, route: &Route) {
    let Route { described, rule, .. } = route;
    operation.operation_id = Some(described.id.clone());
    operation.tags = Some(vec![described.group.clone()]);
    let schemes = [BEARER, COOKIE, LOOPBACK_COOKIE];
    let schemes = schemes.map(|name| SecurityRequirement::new::<_, [&str; 0], &str>(name, []));
    let open = rule.who == Who::Everybody;
    operation.security = Some(if open { Vec::new() } else { schemes.into() });
    if let Who::Allowed(action) = rule.who {
        let needs = format!("Needs the action `{}`.", action.name());
        let text = operation.description.take().map(|text| format!("{text}\n\n{needs}"));
        operation.description = Some(text.unwrap_or(needs));
    }
    if let Effect::Changes { creates, .. } = rule.effect {
        let parameters = operation.parameters.get_or_insert_default();
        if !open {
            let why = "A session's CSRF token; a request with an API token needs none";
            parameters.push(RefOr::T(header(CSRF_HEADER, why, ObjectBuilder::new())));
        }
        if creates {
            let why = "A key of the client's choice: the request is not carried out twice with it";
            let bounds = ObjectBuilder::new().min_length(Some(1)).max_length(Some(255));
            parameters.push(RefOr::T(header(IDEMPOTENCY_HEADER, why, bounds)));
        }
    }
    problems::add_common(&mut operation.responses.responses, components, *rule);
}

/// Describes a header that a request may have.
fn header(name: &str, why: &str, text: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(why))
        .schema(Some(text.schema_type(Type::String)))
        .build()
}

/// Returns the operations of a path by method.
pub(super) fn operations(item: &PathItem) -> impl Iterator<Item = (HttpMethod, &Operation)> {
    [
        (HttpMethod::Get, &item.get),
        (HttpMethod::Put, &item.put),
        (HttpMethod::Post, &item.post),
        (HttpMethod::Delete, &item.delete),
        (HttpMethod::Patch, &item.patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_ref().map(|operation| (method, operation)))
}
