//! A provider's description of itself, as `list`, `-h` and `agent.methods` show it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{API_VERSION, Options};

/// The description of a provider: its method, arguments, examples and reply. Unknown keys are
/// ignored; every key except `method` is optional.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Meta {
    /// The interface version that the plugin was built for.
    #[serde(default)]
    pub api: u32,
    /// The method that the plugin provides. If its file name says another, loading fails.
    pub method: String,
    /// The plugin's own version.
    #[serde(default)]
    pub version: String,
    /// One line of help.
    #[serde(default)]
    pub summary: String,
    /// The arguments.
    #[serde(default)]
    pub args: Vec<Argument>,
    /// How the arguments combine, in one line; if empty, `args` determines it.
    #[serde(default)]
    pub usage: String,
    /// Whether a useful reply requires root. The plugin runs as root only if the operator allows
    /// it.
    #[serde(default)]
    pub needs_root: bool,
    /// A JSON Schema of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Box<RawValue>>,
    /// Example calls.
    #[serde(default)]
    pub examples: Vec<Example>,
    /// How long a slow call may take, in milliseconds; the host's own limit takes precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_hint_ms: Option<u64>,
}

/// One argument: its form and its help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// The form in which the caller writes it, such as `-U NAME`.
    pub form: String,
    /// Its effect, in one line.
    pub help: String,
}

/// One example call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// The `args` string.
    pub args: String,
    /// The reply to that call, in one line.
    pub help: String,
}

impl Meta {
    /// Creates the least description: the method, the plugin's own version
    /// (`env!("CARGO_PKG_VERSION")`) and one line of help.
    pub fn new(method: &str, version: &str, summary: &str) -> Self {
        Self {
            api: API_VERSION,
            method: method.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            args: Vec::new(),
            usage: String::new(),
            needs_root: false,
            output_schema: None,
            examples: Vec::new(),
            timeout_hint_ms: None,
        }
    }

    /// Adds an argument. A provider with options uses [`Meta::options`] instead.
    #[must_use]
    pub fn arg(mut self, form: &str, help: &str) -> Self {
        self.args.push(Argument { form: form.to_owned(), help: help.to_owned() });
        self
    }

    /// Adds each of `options` as an argument, and how they combine.
    #[must_use]
    pub fn options<S>(mut self, options: &Options<S>) -> Self {
        for (form, help) in options.forms() {
            self = self.arg(form, help);
        }
        self.usage = options.usage();
        self
    }

    /// Sets how the arguments combine, such as `-A | -U NAME`.
    #[must_use]
    pub fn usage(mut self, usage: &str) -> Self {
        self.usage = usage.to_owned();
        self
    }

    /// States that a useful reply requires root.
    #[must_use]
    pub fn needs_root(mut self) -> Self {
        self.needs_root = true;
        self
    }

    /// Adds an example.
    #[must_use]
    pub fn example(mut self, args: &str, help: &str) -> Self {
        self.examples.push(Example { args: args.to_owned(), help: help.to_owned() });
        self
    }

    /// Sets the JSON Schema of the reply, without the white space between its tokens.
    ///
    /// # Panics
    /// If `schema` is not JSON: a bug in the plugin's source, which the first `describe` reveals.
    #[must_use]
    pub fn output_schema(mut self, schema: &str) -> Self {
        let raw = RawValue::from_string(compact(schema)).expect("the output schema is JSON");
        self.output_schema = Some(raw);
        self
    }

    /// Sets how long a slow call may take, in milliseconds.
    #[must_use]
    pub fn timeout_hint_ms(mut self, ms: u64) -> Self {
        self.timeout_hint_ms = Some(ms);
        self
    }

    /// Returns the help text for `-h`: a usage line, the summary, arguments and examples.
    pub fn usage_text(&self) -> String {
        let mut text = format!("usage: {}", self.method);
        if !self.usage.is_empty() {
            let _ = write!(text, " {}", self.usage);
        } else {
            for arg in &self.args {
                let _ = write!(text, " [{}]", arg.form);
            }
        }
        let _ = write!(text, "\n{}\n", self.summary);
        let width = self.args.iter().map(|arg| arg.form.chars().count()).max().unwrap_or(0);
        for Argument { form, help } in &self.args {
            let _ = write!(text, "\n  {form:width$}  {help}");
        }
        for Example { args, help } in &self.examples {
            let _ = write!(text, "\nexample: {} {args}    {help}", self.method);
        }
        text
    }
}

/// Removes the white space between the tokens of a JSON text.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let is_kept = |c: &char| {
        let kept = in_string || !c.is_ascii_whitespace();
        in_string ^= *c == '"' && !escaped;
        escaped = in_string && *c == '\\' && !escaped;
        kept
    };
    json.chars().filter(is_kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_of_many_lines_becomes_one() {
        let schema = "{\n  \"a b\" : [ 1, \"\\\" \\\\\" , \"c d\" ]\n}\n";
        let meta = Meta::new("getinfo.x", "1.0.0", "does x").output_schema(schema);
        assert_eq!(meta.output_schema.unwrap().get(), r#"{"a b":[1,"\" \\","c d"]}"#);
    }

    #[test]
    fn the_usage_text_names_method_arguments_and_examples() {
        let meta = Meta::new("getinfo.x", "1.0.0", "does x")
            .arg("-U NAME", "one")
            .arg("-A", "all")
            .usage("-U NAME | -A")
            .example("-A", "everything");
        assert_eq!(
            meta.usage_text(),
            "usage: getinfo.x -U NAME | -A\ndoes x\n\n  -U NAME  one\n  -A       all\nexample: getinfo.x -A    everything"
        );
    }

    #[test]
    fn unknown_keys_of_a_newer_plugin_are_ignored() {
        let meta: Meta =
            serde_json::from_str(r#"{"method":"getinfo.x","api":1,"mood":{"a":[]}}"#).unwrap();
        assert_eq!(meta.method, "getinfo.x");
        assert!(!meta.needs_root);
    }
}
