//! Markup that is written piece by piece. Markup is constant; every text of a host goes through
//! [`Html::text`], which escapes it.

use crate::markup::Markup;

/// A growing, bounded piece of a page.
#[derive(Debug)]
pub(crate) struct Html {
    out: Markup,
    limit: usize,
}

impl Html {
    /// Makes one that is full at so many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { out: Markup::default(), limit }
    }

    /// Adds markup.
    pub(crate) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.out.raw(markup);
        self
    }

    /// Adds text, escaped for content and for attributes in double quotes. Characters that have no
    /// glyph, or could turn the text around them, are shown as \u{fffd}.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            let hidden = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                || (letter.is_control() && !matches!(letter, '\n' | '\t'));
            self.out.letter(if hidden { '\u{fffd}' } else { letter });
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

    /// Adds a provider's description, as [`Self::clipped`] does: text between backticks is
    /// code.
    pub(crate) fn described(&mut self, text: &str, most: usize) -> &mut Self {
        let (end, cut) = match text.char_indices().nth(most) {
            Some((end, _)) => (end, true),
            None => (text.len(), false),
        };
        let mut rest = &text[..end];
        while let Some((before, after)) = rest.split_once('`') {
            let Some((code, behind)) = after.split_once('`') else { break };
            self.text(before).markup("<code>").text(code).markup("</code>");
            rest = behind;
        }
        self.text(rest);
        if cut {
            self.text("…");
        }
        self
    }

    /// Adds a provider's description to an attribute, where nothing can be code.
    pub(crate) fn tip(&mut self, text: &str, most: usize) -> &mut Self {
        self.clipped(&text.replace('`', ""), most)
    }

    /// Returns whether nothing more should be begun.
    pub(crate) fn is_full(&self) -> bool {
        self.out.len() >= self.limit
    }

    /// Returns the bytes that are left.
    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.out.len())
    }

    /// Returns the markup.
    pub(crate) fn finish(self) -> Markup {
        self.out
    }
}
