//! How a provider describes its answer: as much of JSON Schema as drawing needs. A schema comes from
//! a host, so every look into it is bounded.

use serde_json::Value;

/// References and choices that are followed on the way to one field.
const MAX_STEPS: usize = 16;

/// A part of a schema; an empty one knows nothing of its values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schema<'a> {
    root: &'a Value,
    at: Option<&'a Value>,
}

impl<'a> Schema<'a> {
    /// Begins at the whole schema.
    pub(crate) fn new(root: &'a Value) -> Self {
        Self { root, at: Some(root) }
    }

    /// Returns a member's schema.
    pub(crate) fn member(self, name: &str) -> Self {
        let found = self.first(|schema| {
            let own = schema.get("properties").and_then(|fields| fields.get(name));
            own.or_else(|| schema.get("additionalProperties").filter(|any| any.is_object()))
        });
        Self { at: found, ..self }
    }

    /// Returns the schema of a list's elements.
    pub(crate) fn element(self) -> Self {
        Self { at: self.first(|schema| schema.get("items").filter(|any| any.is_object())), ..self }
    }

    /// Returns the field's title.
    pub(crate) fn title(self) -> Option<&'a str> {
        self.first(|schema| schema.get("title")).and_then(Value::as_str).filter(|it| !it.is_empty())
    }

    /// Returns the field's description.
    pub(crate) fn description(self) -> Option<&'a str> {
        let own = self.at.and_then(|schema| schema.get("description"));
        let found = own.or_else(|| self.first(|schema| schema.get("description")));
        found.and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Returns the names of an object's members in the provider's order: the required ones first,
    /// which stand in the order in which the provider declared them.
    pub(crate) fn members(self) -> Vec<&'a str> {
        let required = self.first(|schema| schema.get("required")).and_then(Value::as_array);
        let mut names: Vec<&str> =
            required.into_iter().flatten().filter_map(Value::as_str).take(256).collect();
        let fields = self.first(|schema| schema.get("properties")).and_then(Value::as_object);
        for name in fields.into_iter().flat_map(|fields| fields.keys()).take(256) {
            if !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names
    }

    /// Returns the first thing that `wanted` finds in the schema, in what it refers to, or in one of
    /// its choices.
    fn first(self, wanted: impl Fn(&'a Value) -> Option<&'a Value>) -> Option<&'a Value> {
        let mut waiting: Vec<&'a Value> = self.at.into_iter().collect();
        let mut steps = 0;
        while let Some(schema) = waiting.pop() {
            steps += 1;
            if steps > MAX_STEPS {
                return None;
            }
            if let Some(found) = wanted(schema) {
                return Some(found);
            }
            for key in ["oneOf", "anyOf", "allOf"] {
                let choices = schema.get(key).and_then(Value::as_array);
                waiting.extend(choices.into_iter().flatten().take(MAX_STEPS));
            }
            let to = schema.get("$ref").and_then(Value::as_str);
            waiting.extend(to.and_then(|to| self.root.pointer(to.strip_prefix('#')?)));
        }
        None
    }
}
