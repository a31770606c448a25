//! The problems of each operation, by HTTP status, with an example of each kind.

use controller_api::{PROBLEM_JSON, Problem, ProblemKind};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use utoipa::ToSchema as _;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// An operation's responses by HTTP status.
type Responses = BTreeMap<String, RefOr<Response>>;

/// The problems that a request to any route may meet.
const ANYWHERE: [ProblemKind; 6] = [
    ProblemKind::InvalidRequest,
    ProblemKind::TargetTooLong,
    ProblemKind::HeadTooLarge,
    ProblemKind::ControllerBusy,
    ProblemKind::ShuttingDown,
    ProblemKind::Internal,
];

/// The problems that a request to a route for operators may meet.
const FOR_OPERATORS: [ProblemKind; 2] =
    [ProblemKind::Unauthorized, ProblemKind::TooManyWrongTokens];

/// Names the problems that a route has beside those that any route has; a handler's description
/// lists the name among its responses.
macro_rules! problems {
    ($(#[$doc:meta])* $name:ident: $($kind:ident),+ $(,)?) => {
        $(#[$doc])*
        pub(super) enum $name {}

        impl utoipa::IntoResponses for $name {
            fn responses() -> std::collections::BTreeMap<
                String,
                utoipa::openapi::RefOr<utoipa::openapi::Response>,
            > {
                let mut responses = std::collections::BTreeMap::new();
                $crate::api::document::problems::add(
                    &mut responses,
                    &[$(controller_api::ProblemKind::$kind),+],
                );
                responses
            }
        }
    };
}
pub(in crate::api) use problems;

/// Adds what a request to any route may meet; `open` is a route that needs no token. A status that
/// the route has no problem of its own for refers to a [`shared`] response.
pub(super) fn add_common(responses: &mut Responses, open: bool) {
    let for_operators = if open { &[][..] } else { &FOR_OPERATORS };
    for kind in ANYWHERE.iter().chain(for_operators) {
        match responses.entry(kind.status().to_string()) {
            Entry::Occupied(own) if matches!(own.get(), RefOr::T(_)) => add(responses, &[*kind]),
            Entry::Occupied(_) => {}
            Entry::Vacant(free) => {
                free.insert(RefOr::Ref(Ref::from_response_name(name(*kind))));
            }
        }
    }
}

/// Returns the responses that operations refer to, by name.
pub(super) fn shared() -> impl Iterator<Item = (String, RefOr<Response>)> {
    let mut responses = Responses::new();
    add(&mut responses, &ANYWHERE);
    add(&mut responses, &FOR_OPERATORS);
    responses.into_iter().map(|(status, response)| (format!("Problem{status}"), response))
}

fn name(kind: ProblemKind) -> String {
    format!("Problem{}", kind.status())
}

/// Adds kinds of problems to an operation's responses.
pub(in crate::api) fn add(responses: &mut Responses, kinds: &[ProblemKind]) {
    for kind in kinds {
        let response =
            responses.entry(kind.status().to_string()).or_insert_with(|| RefOr::T(empty(*kind)));
        let RefOr::T(response) = response else { continue };
        let content = response.content.entry(PROBLEM_JSON.to_owned()).or_insert_with(|| {
            RefOr::T(
                ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build(),
            )
        });
        let RefOr::T(content) = content else { continue };
        let problem = Problem::new(*kind, kind.title().to_owned());
        let value = serde_json::to_value(problem).expect("texts go to memory");
        let example = ExampleBuilder::new().summary(kind.title()).value(Some(value)).build();
        content.examples.insert(kind.name().to_owned(), RefOr::T(example));
    }
}

/// A response for a kind of problem, with the headers of its status.
fn empty(kind: ProblemKind) -> Response {
    let response = ResponseBuilder::new().description("A problem; its `type` says which");
    let header = |text: &str| HeaderBuilder::new().description(Some(text)).build();
    match kind.status() {
        401 => response.header("WWW-Authenticate", header("`Bearer`")),
        429 => response.header("Retry-After", header("Seconds to wait")),
        _ => response,
    }
    .build()
}
