//! The text of a selector to tokens.

/// A token and the byte at which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A key, a value, `in` or `notin`.
    Word(&'a str),
    /// `=` or `==`
    Equals,
    /// `!=`
    Differs,
    /// `!`
    Not,
    Open,
    Close,
    Comma,
    /// `<` or `>`, which Kubernetes has for numbers.
    Compares,
    End,
}

/// Reads one token after the other.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the next token and steps behind it. At the end it returns [`Kind::End`] again and
    /// again.
    pub(super) fn next(&mut self) -> Token<'a> {
        let rest = self.text[self.at..].trim_start_matches(is_blank);
        let at = self.text.len() - rest.len();
        let mut bytes = rest.bytes();
        let (kind, length) = match (bytes.next(), bytes.next()) {
            (None, _) => (Kind::End, 0),
            (Some(b'='), Some(b'=')) => (Kind::Equals, 2),
            (Some(b'='), _) => (Kind::Equals, 1),
            (Some(b'!'), Some(b'=')) => (Kind::Differs, 2),
            (Some(b'!'), _) => (Kind::Not, 1),
            (Some(b'('), _) => (Kind::Open, 1),
            (Some(b')'), _) => (Kind::Close, 1),
            (Some(b','), _) => (Kind::Comma, 1),
            (Some(b'<' | b'>'), _) => (Kind::Compares, 1),
            (Some(_), _) => {
                let length = rest.find(is_boundary).unwrap_or(rest.len());
                (Kind::Word(&rest[..length]), length)
            }
        };
        self.at = at + length;
        Token { at, kind }
    }

    /// Returns the next token without stepping behind it.
    pub(super) fn peek(&self) -> Token<'a> {
        self.clone().next()
    }
}

/// Returns whether Kubernetes takes the character as white space.
const fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Returns whether a word ends before the character.
const fn is_boundary(c: char) -> bool {
    is_blank(c) || matches!(c, '=' | '!' | '(' | ')' | ',' | '<' | '>')
}
