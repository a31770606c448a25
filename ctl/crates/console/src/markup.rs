//! HTML that templates take as it is.

use std::fmt;
use std::fmt::Write as _;

/// HTML that this crate has made: text in it is escaped already, by [`Markup::text`]. Templates
/// escape everything but values of this type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Markup(String);

// Only `raw` adds text unescaped, and it takes text of this program's own alone.
impl askama::filters::HtmlSafe for Markup {}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Markup {
    /// Adds tags of our own.
    pub(crate) fn raw(&mut self, tags: &'static str) -> &mut Self {
        self.0.push_str(tags);
        self
    }

    /// Adds a number, as in a coordinate, rounded to a tenth.
    pub(crate) fn number(&mut self, number: f64) -> &mut Self {
        let tenths = (number * 10.0).round() / 10.0;
        write!(self.0, "{tenths}").expect("a string takes every text");
        self
    }

    /// Adds text of anybody, escaped for content and for quoted attributes.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        text.chars().for_each(|letter| self.letter(letter));
        self
    }

    /// Adds one letter, escaped.
    pub(crate) fn letter(&mut self, letter: char) {
        match letter {
            '&' => self.0.push_str("&amp;"),
            '<' => self.0.push_str("&lt;"),
            '>' => self.0.push_str("&gt;"),
            '"' => self.0.push_str("&#34;"),
            '\'' => self.0.push_str("&#39;"),
            letter => self.0.push(letter),
        }
    }

    /// Returns its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
