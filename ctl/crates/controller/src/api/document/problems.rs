//! The problems of each operation, by HTTP status, with an example of each kind.

use super::super::rule::{Effect, Rule, Who};
use controller_api::{PROBLEM_JSON, Problem, ProblemKind};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use utoipa::ToSchema as _;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};

/// An operation's responses by HTTP status.
type Responses = BTreeMap<String, RefOr<Response>>;

/// The problems that a request to any route may meet.
const ANYWHERE: [ProblemKind; 7] = [
    ProblemKind::InvalidRequest,
    ProblemKind::TargetTooLong,
    ProblemKind::HeadTooLarge,
    ProblemKind::ControllerBusy,
    ProblemKind::ShuttingDown,
    ProblemKind::StoreUnavailable,
    ProblemKind::Internal,
];

/// The problems that a request to a route for operators may meet.
const FOR_OPERATORS: [ProblemKind; 3] =
    [ProblemKind::Unauthorized, ProblemKind::TooManyWrongTokens, ProblemKind::Forbidden];

/// The problems that a request for a change may meet.
const CHANGING: [ProblemKind; 2] = [ProblemKind::TooLarge, ProblemKind::StoreFull];

/// The problem that an operator's request for a change may meet.
const CHANGING_IN_A_SESSION: [ProblemKind; 1] = [ProblemKind::CsrfRequired];

/// The problems that a request with an idempotency key may meet.
const CREATING: [ProblemKind; 3] =
    [ProblemKind::Conflict, ProblemKind::AlreadyCreated, ProblemKind::IdempotencyMismatch];

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

/// Adds what a request to any route with this rule may meet. Where the route has no problem of its
/// own with a status, its response is a component, which it shares with others.
pub(super) fn add_common(responses: &mut Responses, components: &mut Components, rule: Rule) {
    let mut by_status: BTreeMap<u16, Vec<ProblemKind>> = BTreeMap::new();
    for kind in common(rule) {
        by_status.entry(kind.status()).or_default().push(kind);
    }
    for (status, kinds) in by_status {
        match responses.entry(status.to_string()) {
            Entry::Occupied(_) => add(responses, &kinds),
            Entry::Vacant(free) => {
                let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
                let name = names.join(".");
                free.insert(RefOr::Ref(Ref::from_response_name(&name)));
                let mut shared = Responses::new();
                add(&mut shared, &kinds);
                components
                    .responses
                    .extend(shared.into_values().map(|shared| (name.clone(), shared)));
            }
        }
    }
}

fn common(rule: Rule) -> Vec<ProblemKind> {
    let open = rule.who == Who::Everybody;
    let mut kinds = ANYWHERE.to_vec();
    if !open {
        kinds.extend(FOR_OPERATORS);
    }
    if let Effect::Changes { creates, .. } = rule.effect {
        kinds.extend(CHANGING);
        if !open {
            kinds.extend(CHANGING_IN_A_SESSION);
        }
        if creates {
            kinds.extend(CREATING);
        }
    }
    kinds
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
