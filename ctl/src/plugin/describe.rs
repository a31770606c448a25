//! `describe METHOD`: prints a plugin's arguments and the fields of its reply.

use crate::error::Error;
use crate::terminal::safe;
use crate::{exit, local, output};
use plugin_api::Meta;
use plugin_api::host;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

/// The most levels of fields.
const MAX_DEPTH: usize = 16;

/// Prints the description of the plugin of `method`.
///
/// # Errors
/// [`Error::Unavailable`] if the plugin cannot be loaded.
pub(crate) fn run(dirs: &[PathBuf], method: &str, json: bool) -> Result<ExitCode, Error> {
    let name = super::method(method)?;
    let path = local::find(dirs, &name).map_err(Error::unavailable)?;
    let loaded = host::check(&path).and_then(|checked| host::load(checked, &name));
    let provider = loaded.map_err(|why| Error::unavailable(why.to_string()))?;
    let meta = provider.describe();
    if json {
        let text = serde_json::to_string(meta)
            .map_err(|why| Error::failed_by("the description cannot be written as JSON", why))?;
        output::json(&text)?;
    } else {
        output::bytes(for_people(meta).as_bytes())?;
    }
    Ok(ExitCode::from(exit::DONE))
}

fn for_people(meta: &Meta) -> String {
    let mut text = String::new();
    for line in meta.usage_text().lines() {
        text.push_str(&safe(line));
        text.push('\n');
    }
    let root = if meta.needs_root { ", needs root" } else { "" };
    text.push_str(&format!("\nversion {}{root}\n", safe(&meta.version)));
    let schema = meta
        .output_schema
        .as_ref()
        .and_then(|schema| serde_json::from_str::<Value>(schema.get()).ok());
    let Some(schema) = schema else {
        return text + "\nThe plugin does not describe the fields of its reply.\n";
    };
    let mut rows = Vec::new();
    fields(&schema, &schema, 0, &mut rows);
    let wide = |column: fn(&Row) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (names, kinds) = (
        wide(|row| 2 * row.depth + row.name.chars().count()),
        wide(|row| row.kind.chars().count()),
    );
    text.push_str("\nreply:\n");
    for Row { depth, name, kind, about } in &rows {
        let name = format!("{:1$}{name}", "", 2 * depth);
        text.push_str(format!("  {name:names$}  {kind:kinds$}  {about}").trim_end());
        text.push('\n');
    }
    text
}

struct Row {
    depth: usize,
    name: String,
    kind: String,
    about: String,
}

/// Adds a row for each field, followed by the rows of the fields within it.
fn fields(root: &Value, schema: &Value, depth: usize, rows: &mut Vec<Row>) {
    if depth >= MAX_DEPTH {
        return;
    }
    let schema = referred(root, schema);
    for key in ["anyOf", "oneOf", "allOf"] {
        for choice in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            fields(root, choice, depth, rows);
        }
    }
    if let Some(items) = schema.get("items") {
        fields(root, items, depth, rows);
    }
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let field = referred(root, field);
        let about = field.get("description").and_then(Value::as_str).unwrap_or_default();
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        rows.push(Row { depth, name: safe(name), kind: kind(root, field), about: safe(&about) });
        fields(root, field, depth + 1, rows);
    }
    if let Some(more @ Value::Object(_)) = schema.get("additionalProperties") {
        rows.push(Row {
            depth,
            name: "…".to_owned(),
            kind: kind(root, more),
            about: "any name".to_owned(),
        });
        fields(root, more, depth + 1, rows);
    }
}

fn referred<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let to = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|to| root.pointer(to.strip_prefix('#')?));
    to.unwrap_or(schema)
}

fn kind(root: &Value, schema: &Value) -> String {
    let mut kinds: Vec<String> = match schema.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    for key in ["anyOf", "oneOf"] {
        let choices = schema.get(key).and_then(Value::as_array).into_iter().flatten();
        kinds.extend(choices.map(|choice| kind(root, referred(root, choice))));
    }
    if kinds.is_empty() && schema.get("enum").is_some() {
        kinds.push("word".to_owned());
    }
    let of = schema
        .get("items")
        .map(|items| kind(root, referred(root, items)))
        .filter(|of| !of.is_empty());
    for kind in &mut kinds {
        if kind == "array" {
            *kind = of.as_ref().map_or_else(|| "list".to_owned(), |of| format!("list of {of}"));
        }
    }
    kinds.dedup();
    kinds.join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_shown_with_the_fields_within_them() {
        let schema = r##"{"properties":{"a":{"type":["string","null"],"description":"an\na"},
            "list":{"type":"array","items":{"$ref":"#/$defs/item"},"description":"items"}},
            "$defs":{"item":{"type":"object","properties":{"n":{"type":"integer"}}}}}"##;
        let meta = Meta::new("getinfo.x", "1.2.3", "does x")
            .output_schema(schema)
            .example("", "all of it");
        assert_eq!(
            for_people(&meta),
            "usage: getinfo.x\ndoes x\n\nexample: getinfo.x     all of it\n\nversion 1.2.3\n\nreply:\n  a     string | null   an a\n  \
             list  list of object  items\n    n   integer\n"
        );
    }
}
