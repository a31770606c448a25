//! The committed document follows the routes.

use super::super::router::routes;
use super::*;
use std::path::PathBuf;

fn committed() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../docs/openapi.json")
}

#[test]
fn the_committed_document_is_the_one_of_the_routes() {
    let made = text(&routes());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(committed(), &made).unwrap();
    }
    let found = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        found == made,
        "docs/openapi.json is out of date; rewrite it with: \
         UPDATE_OPENAPI=1 cargo test -p controller committed_document"
    );
}

#[test]
fn no_description_has_a_link_that_only_rustdoc_knows() {
    let text = text(&routes());
    let links: Vec<_> = text.lines().filter(|line| line.contains("[`")).collect();
    assert!(links.is_empty(), "{links:#?}");
}

#[test]
fn each_description_names_the_path_and_method_of_its_route() {
    for route in routes() {
        let (method, path, operation) = route.described.operation().unwrap();
        let method = serde_json::to_value(method).unwrap();
        assert_eq!(
            (method.as_str().unwrap().to_uppercase().as_str(), path),
            (route.method.as_str(), route.path),
            "{}",
            route.described.id
        );
        assert!(operation.summary.is_some(), "{} has no summary", route.described.id);
        let named: Vec<_> = path.split('/').filter_map(|part| part.strip_prefix('{')).collect();
        let described =
            operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
                RefOr::T(parameter) => Some(parameter),
                RefOr::Ref(_) => None,
            });
        let in_path: Vec<_> = described
            .filter(|parameter| serde_json::to_value(&parameter.parameter_in).unwrap() == "path")
            .map(|parameter| format!("{}}}", parameter.name))
            .collect();
        assert_eq!(in_path, named, "{}", route.described.id);
    }
}
