//! JSON Schema, as far as plugins describe their answers by it: types, fields, items, choices, bounds.
//!
//! A library for the whole of it would nearly double this program (`boon` 1.8 MB, `jsonschema` 3.4 MB); what is not looked at is said
//! ([`unknown`]), never passed over.

use serde_json::{Map, Value};

/// How deep schemas and values are followed; a schema that refers to itself is cut off there.
const MAX_DEPTH: usize = 64;

/// Keywords that say something of a value, and are looked at.
const CHECKED: [&str; 21] = [
    "$ref",
    "type",
    "enum",
    "const",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "prefixItems",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
];

/// Those that say nothing of it.
const SILENT: [&str; 12] = [
    "$schema",
    "$id",
    "$defs",
    "definitions",
    "$comment",
    "title",
    "description",
    "examples",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
];

/// The keywords of a schema that are not looked at, each once, with where it stands first; an error for what is no schema.
///
/// # Errors
/// Where it is neither an object nor a boolean, or refers to what is not there.
pub(super) fn unknown(schema: &Value) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    survey(schema, schema, "", 0, &mut found)?;
    Ok(found)
}

fn survey(
    root: &Value,
    schema: &Value,
    at: &str,
    depth: usize,
    found: &mut Vec<String>,
) -> Result<(), String> {
    let fields = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(fields) if depth < MAX_DEPTH => fields,
        Value::Object(_) => return Err(format!("{at}: more than {MAX_DEPTH} deep")),
        _ => return Err(format!("{}: a schema is an object or a boolean", place(at))),
    };
    for (key, value) in fields {
        let at = format!("{at}/{key}");
        let below: Vec<(String, &Value)> = match (key.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(schemas)) => {
                schemas.iter().map(|(name, schema)| (format!("{at}/{name}"), schema)).collect()
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(schemas)) => {
                schemas.iter().enumerate().map(|(n, schema)| (format!("{at}/{n}"), schema)).collect()
            }
            ("items" | "additionalProperties" | "not", schema) => vec![(at.clone(), schema)],
            ("$ref", Value::String(to)) if resolve(root, to).is_none() => {
                return Err(format!("{at}: there is no {to} in this schema"));
            }
            ("$ref", Value::String(_)) => Vec::new(),
            ("properties" | "anyOf" | "oneOf" | "allOf" | "prefixItems" | "$ref", _) => {
                return Err(format!("{at}: of the wrong kind"));
            }
            (key, _) => {
                let is_known = CHECKED.contains(&key) || SILENT.contains(&key);
                if !is_known && !found.iter().any(|known| known.ends_with(&format!("/{key}"))) {
                    found.push(at);
                }
                Vec::new()
            }
        };
        for (at, schema) in below {
            survey(root, schema, &at, depth + 1, found)?;
        }
    }
    Ok(())
}

fn resolve<'a>(root: &'a Value, to: &str) -> Option<&'a Value> {
    root.pointer(to.strip_prefix('#')?)
}

/// The first place where a value is not as the schema has it, as a JSON pointer, and how it should be; `None`: it fits.
pub(super) fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    compare(schema, schema, value, "", 0)
}

fn compare(root: &Value, schema: &Value, value: &Value, at: &str, depth: usize) -> Option<String> {
    let fields = match schema {
        Value::Bool(false) => return Some(format!("{}: nothing is to be there", place(at))),
        Value::Object(fields) if depth < MAX_DEPTH => fields,
        _ => return None,
    };
    let wrong = |what: String| Some(format!("{}: {what}", place(at)));
    if let Some(target) = fields.get("$ref").and_then(Value::as_str).and_then(|to| resolve(root, to))
        && let Some(found) = compare(root, target, value, at, depth + 1)
    {
        return Some(found);
    }
    if let Some(types) = fields.get("type")
        && !names(types).any(|name| is_of_type(value, name))
    {
        return wrong(format!("{} is to be of type {types}", short(value)));
    }
    if let Some(Value::Array(allowed)) = fields.get("enum")
        && !allowed.contains(value)
    {
        return wrong(format!("{} is none of {}", short(value), short(&Value::Array(allowed.clone()))));
    }
    if let Some(only) = fields.get("const")
        && only != value
    {
        return wrong(format!("{} is to be {}", short(value), short(only)));
    }
    if let Some(found) = bounds(fields, value) {
        return wrong(found);
    }
    let sub = |schema: &Value, value: &Value, at: &str| compare(root, schema, value, at, depth + 1);
    let here = |schema: &Value| sub(schema, value, at);
    let list = |key: &str| fields.get(key).and_then(Value::as_array).map(Vec::as_slice);
    if let Some(found) = list("allOf").unwrap_or_default().iter().find_map(here) {
        return Some(found);
    }
    if let Some(schemas) = list("anyOf")
        && let Some(closest) = closest(schemas.iter().map(here))
    {
        return Some(closest);
    }
    if let Some(schemas) = list("oneOf") {
        match schemas.iter().filter(|schema| here(schema).is_none()).count() {
            1 => {}
            0 => return closest(schemas.iter().map(here)),
            several => return wrong(format!("{} fits {several} of oneOf's schemas", short(value))),
        }
    }
    if let Some(not) = fields.get("not")
        && here(not).is_none()
    {
        return wrong(format!("{} is what it is not to be", short(value)));
    }
    match value {
        Value::Object(members) => object(fields, members, at, &sub),
        Value::Array(items) => {
            let first = list("prefixItems").unwrap_or_default();
            let rest = fields.get("items");
            let schemas = first.iter().map(Some).chain(std::iter::repeat(rest));
            let mut pairs = items.iter().zip(schemas).enumerate();
            pairs.find_map(|(n, (item, schema))| sub(schema?, item, &format!("{at}/{n}")))
        }
        _ => None,
    }
}

fn object(
    fields: &Map<String, Value>,
    members: &Map<String, Value>,
    at: &str,
    sub: &dyn Fn(&Value, &Value, &str) -> Option<String>,
) -> Option<String> {
    let required = fields.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if let Some(missing) = required.iter().filter_map(Value::as_str).find(|name| !members.contains_key(*name))
    {
        return Some(format!("{}: field {missing:?} is missing", place(at)));
    }
    let known = fields.get("properties").and_then(Value::as_object);
    members.iter().find_map(|(name, member)| {
        let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match (known.and_then(|known| known.get(name)), fields.get("additionalProperties")) {
            (Some(schema), _) => sub(schema, member, &at),
            (None, Some(Value::Bool(false))) => {
                Some(format!("{}: the schema does not have this field", place(&at)))
            }
            (None, Some(schema)) => sub(schema, member, &at),
            (None, None) => None,
        }
    })
}

/// `None` if one fits; else the mismatch that lies deepest, which is that of the schema that was meant.
fn closest(found: impl Iterator<Item = Option<String>>) -> Option<String> {
    let found: Option<Vec<String>> = found.collect();
    found?.into_iter().max_by_key(|text| text.split(':').next().unwrap_or_default().matches('/').count())
}

fn bounds(fields: &Map<String, Value>, value: &Value) -> Option<String> {
    type Bound = (&'static str, fn(f64, f64) -> bool, &'static str);
    const NUMBERS: [Bound; 4] = [
        ("minimum", |is, bound| is >= bound, "at least"),
        ("maximum", |is, bound| is <= bound, "at most"),
        ("exclusiveMinimum", |is, bound| is > bound, "more than"),
        ("exclusiveMaximum", |is, bound| is < bound, "less than"),
    ];
    let (size, least, most, what) = match value {
        Value::Number(_) => {
            let is = value.as_f64()?;
            let fits = |(key, fits, _): &&Bound| {
                fields.get(*key).and_then(Value::as_f64).is_some_and(|bound| !fits(is, bound))
            };
            let (key, _, words) = NUMBERS.iter().find(fits)?;
            return Some(format!("{value} is to be {words} {}", fields.get(*key)?));
        }
        Value::String(text) => (text.chars().count(), "minLength", "maxLength", "characters"),
        Value::Array(items) => (items.len(), "minItems", "maxItems", "items"),
        _ => return None,
    };
    let bound = |key: &str| fields.get(key).and_then(Value::as_u64);
    let size = size as u64;
    if bound(least).is_some_and(|bound| size < bound) || bound(most).is_some_and(|bound| size > bound) {
        return Some(format!("{size} {what} are not within {least} and {most}"));
    }
    None
}

fn names(types: &Value) -> impl Iterator<Item = &str> {
    let several = types.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str);
    types.as_str().into_iter().chain(several)
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        // 1.0 is one too (JSON Schema 2020-12, 4.2.3).
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

fn place(at: &str) -> &str {
    if at.is_empty() { "the answer" } else { at }
}

/// A value, cut off where it is long.
fn short(value: &Value) -> String {
    const MOST: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_mismatch_is_named_by_its_place() {
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
        assert_eq!(unknown(&schema), Ok(vec![]));
        let fits = |more: Value| {
            let mut value = json!({"a": null, "n": 3.0});
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            mismatch(&schema, &value)
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
            (json!({"more": 1}), "/more"),
            (json!({"list": {}}), "/list"),
            (json!({"list": [1]}), "/list/0"),
            (json!({"list": [{"x/y": "1"}]}), "/list/0/x~1y"),
            (json!({"list": [{}, {}, {}]}), "/list"),
            (json!({"choice": "z"}), "/choice"),
            (json!({"any": {"k": 1}}), "/any/k"),
            (json!({"any": {}}), "/any"),
            (json!({"pair": [2]}), "/pair/0"),
            (json!({"pair": [1, "s", 3]}), "/pair/2"),
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
        assert_eq!(mismatch(&schema, &json!({"a": ""})).unwrap(), "the answer: field \"n\" is missing");
        assert!(mismatch(&json!(false), &json!(1)).is_some() && mismatch(&json!(true), &json!(1)).is_none());
    }

    #[test]
    fn what_is_not_looked_at_is_said_and_what_is_no_schema_is_an_error() {
        let schema = json!({"properties": {"a": {"pattern": "^x", "format": "uri"}, "b": {"pattern": "y"}}});
        assert_eq!(unknown(&schema).unwrap(), ["/properties/a/format", "/properties/a/pattern"]);
        for bad in [
            json!(1),
            json!({"properties": 1}),
            json!({"items": 1}),
            json!({"$ref": "#/no"}),
            json!({"anyOf": [1]}),
        ] {
            assert!(unknown(&bad).is_err(), "{bad}");
        }
        // One that refers to itself ends.
        let endless = json!({"$ref": "#"});
        assert_eq!(unknown(&endless), Ok(vec![]));
        assert_eq!(mismatch(&endless, &json!(1)), None);
    }
}
