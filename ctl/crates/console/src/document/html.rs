//! Markup that is written piece by piece. Markup is constant; every text of a host goes through
//! [`Html::text`], which escapes it.

/// A growing, bounded piece of a page.
#[derive(Debug)]
pub(crate) struct Html {
    out: String,
    limit: usize,
}

impl Html {
    /// Makes one that is full at so many bytes.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { out: String::new(), limit }
    }

    /// Adds markup.
    pub(crate) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Adds text, escaped for content and for attributes in double quotes. Characters that have no
    /// glyph and could hide others are shown as �.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                '\n' | '\t' => self.out.push(character),
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.out.push('\u{fffd}'),
                _ if character.is_control() => self.out.push('\u{fffd}'),
                _ => self.out.push(character),
            }
        }
        self
    }

    /// Adds a text in its own direction.
    pub(crate) fn isolated(&mut self, text: &str) -> &mut Self {
        self.markup("<bdi>").text(text).markup("</bdi>")
    }

    /// Adds text of at most so many characters, and an ellipsis where there are more.
    pub(crate) fn clipped(&mut self, text: &str, most: usize) -> &mut Self {
        match text.char_indices().nth(most) {
            Some((end, _)) => self.text(&text[..end]).text("…"),
            None => self.text(text),
        }
    }

    /// Returns whether nothing more should be begun.
    pub(crate) const fn is_full(&self) -> bool {
        self.out.len() >= self.limit
    }

    /// Returns the bytes that are left.
    pub(crate) const fn room(&self) -> usize {
        self.limit.saturating_sub(self.out.len())
    }

    /// Returns the markup.
    pub(crate) fn finish(self) -> String {
        self.out
    }
}
