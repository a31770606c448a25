//! The API's OpenAPI document. Each handler carries its description (`#[utoipa::path]`); the table
//! of routes joins the two, so a route without a description does not compile. This module adds
//! what all routes have in common: how a client proves who it is, and the problems that any request
//! may meet. `docs/openapi.json` holds the document; a test fails when the two differ.

mod common;
pub(super) mod problems;
#[cfg(test)]
mod tests;

use super::router::Route;
use super::service::Api;
use controller_api::Problem;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{Components, OpenApi, OpenApiBuilder, Paths, RefOr, Schema};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::UtoipaMethodRouter;

/// A handler's description: the operation, and the schemas that it refers to.
pub(super) struct Described {
    /// The operation's id: the handler's module and name.
    id: String,
    /// The group of operations: the module.
    group: String,
    operations: Paths,
    schemas: Vec<(String, RefOr<Schema>)>,
}

impl Described {
    /// Takes the description of the handler that is named `module::function`.
    pub(super) fn new(handler: &str, routes: UtoipaMethodRouter<Api>) -> Self {
        let (schemas, operations, _) = routes;
        let mut names = handler.rsplit("::").map(str::trim);
        let function = names.next().unwrap_or_default();
        let module = names.next().unwrap_or_default();
        Self { id: format!("{module}_{function}"), group: module.to_owned(), operations, schemas }
    }

    /// Returns the operation's id.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the method, path and operation that the description names.
    fn operation(&self) -> Option<(HttpMethod, &str, &Operation)> {
        self.operations.paths.iter().find_map(|(path, item)| {
            common::operations(item)
                .map(|(method, operation)| (method, path.as_str(), operation))
                .next()
        })
    }
}

/// Describes handlers for the table of routes.
macro_rules! described {
    ($handler:path) => {
        $crate::api::document::Described::new(stringify!($handler), utoipa_axum::routes!($handler))
    };
}
pub(super) use described;

/// Makes the document of the routes, in their order.
///
/// # Panics
/// When a handler's description is of no HTTP method, which a test shows.
pub(super) fn document(routes: &[Route]) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    components.schemas.insert(Problem::name().into_owned(), Problem::schema());
    for route in routes {
        let (method, path, operation) =
            route.described.operation().expect("a description has an HTTP method");
        let mut operation = operation.clone();
        common::complete(&mut operation, &mut components, route);
        paths.add_path_operation(path, vec![method], operation);
        components.schemas.extend(route.described.schemas.iter().cloned());
    }
    common::add_security_schemes(&mut components);
    OpenApiBuilder::new()
        .info(common::info())
        .paths(paths)
        .components(Some(components))
        .tags(Some(common::tags(routes)))
        .build()
}

/// Returns the document as JSON text.
pub(super) fn text(routes: &[Route]) -> String {
    let mut text = serde_json::to_string_pretty(&document(routes)).expect("texts go to memory");
    text.push('\n');
    text
}
