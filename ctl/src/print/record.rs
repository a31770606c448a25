//! Prints one thing: a field per line, or the controller's document as it came.

use super::format::Format;
use super::yaml;
use crate::error::Error;
use crate::terminal::safe;
use crate::{output, query};
use unicode_width::UnicodeWidthStr as _;

/// Fields for people, in their order.
#[derive(Default)]
pub(crate) struct Record(Vec<(&'static str, String)>);

impl Record {
    /// Adds a field. Its value is made harmless for a terminal.
    pub(crate) fn add(&mut self, name: &'static str, value: impl AsRef<str>) -> &mut Self {
        self.0.push((name, safe(value.as_ref())));
        self
    }

    /// Adds a field where there is a value.
    pub(crate) fn some(&mut self, name: &'static str, value: Option<impl AsRef<str>>) -> &mut Self {
        if let Some(value) = value {
            self.add(name, value);
        }
        self
    }

    /// Returns the lines. A name that repeats stands once.
    pub(crate) fn text(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
        let mut text = String::new();
        let mut last = "";
        for (name, value) in &self.0 {
            let shown = if *name == last { "" } else { name };
            text.push_str(format!("{shown:width$}  {value}").trim_end());
            text.push('\n');
            last = name;
        }
        text
    }
}

/// Prints a document: `people` for a table, otherwise as the format says.
///
/// # Errors
/// [`Error::Unavailable`] for a document that cannot be read, or what `people` returns.
pub(crate) fn document(
    json: &str,
    format: Format,
    people: impl FnOnce() -> Result<String, Error>,
) -> Result<(), Error> {
    match format {
        Format::Json => output::json(json),
        Format::Yaml => {
            let text = yaml::document(json).map_err(|error| query::unreadable(&error))?;
            output::bytes(text.as_bytes())
        }
        Format::Table | Format::Wide | Format::Name => output::bytes(people()?.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_aligned_and_harmless() {
        let mut record = Record::default();
        record.add("host", "web\u{1b}[2J").some("address", None::<&str>);
        record.add("label", "env=prod").add("label", "role=web");
        assert_eq!(record.text(), "host   web\\u{1b}[2J\nlabel  env=prod\n       role=web\n");
    }
}
