//! What the document says once: about the API, its security, and each operation alike.

use super::super::router::Route;
use super::problems;
use utoipa::openapi::path::{HttpMethod, Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, Info, InfoBuilder, Tag};

/// The security scheme of API tokens.
const BEARER: &str = "bearer";

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
    bearer.description =
        Some("An API token, in the header `Authorization: Bearer TOKEN`".to_owned());
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
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

/// Gives an operation its id and group, and what all operations share.
pub(super) fn complete(operation: &mut Operation, route: &Route) {
    let Route { described, open, .. } = route;
    operation.operation_id = Some(described.id.clone());
    operation.tags = Some(vec![described.group.clone()]);
    let schemes = [BEARER].map(|name| SecurityRequirement::new::<_, [&str; 0], &str>(name, []));
    operation.security = Some(if *open { Vec::new() } else { schemes.into() });
    problems::add_common(&mut operation.responses.responses, *open);
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
