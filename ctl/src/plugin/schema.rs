//! Compares a plugin's replies with the JSON Schema in its description.
//!
//! `boon` implements the whole of JSON Schema and passes its test suite. It loads no other
//! document: a schema must be complete in itself.

use boon::{Compiler, ErrorKind, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::Value;
use std::error::Error;

/// The name of the schema within its own compilation.
const URL: &str = "urn:output_schema";

/// A valid JSON Schema.
pub(super) struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    /// Compiles a schema.
    ///
    /// # Errors
    /// Why it is not a JSON Schema, in one line.
    pub(super) fn new(schema: Value) -> Result<Self, String> {
        let mut compiler = Compiler::new();
        compiler.use_loader(Box::new(NoDocuments));
        let mut schemas = Schemas::new();
        compiler.add_resource(URL, schema).map_err(|error| error.to_string())?;
        match compiler.compile(URL, &mut schemas) {
            Ok(index) => Ok(Self { schemas, index }),
            Err(boon::CompileError::ValidationError { src, .. }) => Err(first(&src, "the schema")),
            Err(error) => Err(format!("{error:#}").replace(URL, "")),
        }
    }

    /// Returns the first place where `value` does not match, as a JSON pointer, and why; `None` if
    /// it matches.
    pub(super) fn mismatch(&self, value: &Value) -> Option<String> {
        self.schemas.validate(value, self.index).err().map(|error| first(&error, "the reply"))
    }
}

/// Rejects references to other documents.
struct NoDocuments;

impl UrlLoader for NoDocuments {
    fn load(&self, _: &str) -> Result<Value, Box<dyn Error>> {
        Err("a schema cannot refer to another document".into())
    }
}

/// Describes the deepest cause: of several alternatives, it belongs to the intended one.
fn first(error: &ValidationError<'_, '_>, root: &str) -> String {
    let (place, cause) = deepest(error);
    let place = if place.is_empty() { root } else { &place };
    format!("{place}: {}", describe(&cause.kind))
}

fn deepest<'e, 's, 'v>(
    error: &'e ValidationError<'s, 'v>,
) -> (String, &'e ValidationError<'s, 'v>) {
    let depth = |place: &str| place.matches('/').count();
    let mut found: Option<(String, &ValidationError<'_, '_>)> = None;
    for cause in &error.causes {
        let next = deepest(cause);
        if found.as_ref().is_none_or(|(place, _)| depth(&next.0) > depth(place)) {
            found = Some(next);
        }
    }
    found.unwrap_or_else(|| (error.instance_location.to_string(), error))
}

fn describe(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::FalseSchema => "unexpected value".to_owned(),
        ErrorKind::Type { got, want } => {
            let want: Vec<String> = want.iter().map(|kind| kind.to_string()).collect();
            format!("expected type {}, got {got}", want.join(" or "))
        }
        ErrorKind::AdditionalProperties { got } => {
            format!("unexpected field {:?}", got.first().map(AsRef::as_ref).unwrap_or(""))
        }
        ErrorKind::Required { want } => {
            format!("field {:?} is missing", want.first().copied().unwrap_or_default())
        }
        ErrorKind::Not => "matches a forbidden schema".to_owned(),
        // boon's own words do for the others.
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mismatch_names_its_place() {
        let schema = json!({
            "type": "object", "required": ["a", "n"], "additionalProperties": false,
            "properties": {
                "a": {"type": ["string", "null"]},
                "n": {"type": "integer", "minimum": 0, "maximum": 10},
                "list": {"type": "array", "items": {"$ref": "#/$defs/item"}, "maxItems": 2},
                "choice": {"enum": ["x", "y"]},
                "any": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["k"], "properties": {"k": {"type": "boolean"}}}]},
                "pair": {"prefixItems": [{"const": 1}, {"type": "string"}], "items": false},
                "not": {"not": {"type": "string"}},
                "map": {"additionalProperties": {"type": "integer"}},
                "one": {"oneOf": [{"type": "integer"}, {"minimum": 5}]},
                "text": {"minLength": 1, "maxLength": 3},
            },
            "$defs": {"item": {"type": "object", "properties": {"x/y": {"type": "number"}}}},
        });
        let schema = Schema::new(schema).unwrap();
        let fits = |more: Value| {
            let mut value = json!({"a": null, "n": 3.0});
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            schema.mismatch(&value)
        };
        for good in [
            json!({}),
            json!({"a": "text"}),
            json!({"list": [{"x/y": 1.5}, {}]}),
            json!({"choice": "y"}),
            json!({"any": null}),
            json!({"any": {"k": true}}),
            json!({"pair": [1, "s"]}),
            json!({"pair": []}),
            json!({"not": 1}),
            json!({"map": {"q": 1}}),
            json!({"one": 3}),
            json!({"one": 7.5}),
            json!({"text": "äöü"}),
        ] {
            assert_eq!(fits(good.clone()), None, "{good}");
        }
        for (bad, place) in [
            (json!({"a": 1}), "/a"),
            (json!({"n": -1}), "/n"),
            (json!({"n": 11}), "/n"),
            (json!({"n": 1.5}), "/n"),
            (json!({"more": 1}), "the reply"),
            (json!({"list": {}}), "/list"),
            (json!({"list": [1]}), "/list/0"),
            (json!({"list": [{"x/y": "1"}]}), "/list/0/x~1y"),
            (json!({"list": [{}, {}, {}]}), "/list"),
            (json!({"choice": "z"}), "/choice"),
            (json!({"any": {"k": 1}}), "/any/k"),
            (json!({"any": {}}), "/any"),
            (json!({"pair": [2]}), "/pair/0"),
            // boon counts the items after `prefixItems` from 0.
            (json!({"pair": [1, "s", 3]}), "/pair/0"),
            (json!({"not": "s"}), "/not"),
            (json!({"map": {"q": "1"}}), "/map/q"),
            (json!({"one": 7}), "/one"),
            (json!({"one": 4.5}), "/one"),
            (json!({"text": ""}), "/text"),
            (json!({"text": "abcd"}), "/text"),
        ] {
            let found = fits(bad.clone()).unwrap_or_else(|| panic!("{bad} fits"));
            assert!(found.starts_with(&format!("{place}: ")), "{bad}: {found}");
        }
        for (value, wanted) in [
            (json!({"a": ""}), "the reply: field \"n\" is missing"),
            (json!({"a": "", "n": 1, "more": 1}), "the reply: unexpected field \"more\""),
            (json!({"a": 1, "n": 1}), "/a: expected type null or string, got number"),
            (json!({"a": "", "n": 1, "not": "s"}), "/not: matches a forbidden schema"),
        ] {
            assert_eq!(schema.mismatch(&value).unwrap(), wanted);
        }
        let mismatch = |schema: bool| Schema::new(json!(schema)).unwrap().mismatch(&json!(1));
        assert_eq!(mismatch(false).unwrap(), "the reply: unexpected value");
        assert_eq!(mismatch(true), None);
    }

    #[test]
    fn invalid_schemas_are_rejected() {
        for bad in [
            json!(1),
            json!({"properties": 1}),
            json!({"properties": {"a": {"type": "text"}}}),
            json!({"items": 1}),
            json!({"$ref": "#/no"}),
            json!({"$ref": "file:///etc/passwd"}),
            json!({"anyOf": [1]}),
            json!({"pattern": "("}),
        ] {
            assert!(Schema::new(bad.clone()).is_err(), "{bad}");
        }
        // A schema that refers to itself ends.
        assert!(Schema::new(json!({"$ref": "#"})).unwrap().mismatch(&json!(1)).is_some());
    }

    #[test]
    fn keywords_beyond_types_and_bounds_are_checked() {
        let schema = Schema::new(json!({"pattern": "^x", "multipleOf": 2})).unwrap();
        assert_eq!(schema.mismatch(&json!("xy")), None);
        assert!(schema.mismatch(&json!("yx")).is_some() && schema.mismatch(&json!(3)).is_some());
    }
}
