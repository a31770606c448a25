//! How much of a document a path needs, by the text of the path.

/// What a path needs of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// All of it.
    Whole,
    /// One member of the document.
    Member(String),
    /// Each element of the list in one member, by itself.
    Elements(String),
}

impl Shape {
    /// Reads the beginning of a path; a filter looks below its own node only, as the path was checked
    /// for.
    pub(super) fn of(path: &str) -> Self {
        let Some((name, rest)) = path.strip_prefix('$').and_then(first_member) else {
            return Self::Whole;
        };
        match each_element(rest) {
            true => Self::Elements(name.to_owned()),
            false => Self::Member(name.to_owned()),
        }
    }
}

/// Splits `.name…` or `['name']…`.
fn first_member(path: &str) -> Option<(&str, &str)> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if let Some(rest) = path.strip_prefix('.') {
        let end = rest.bytes().position(|byte| !plain(byte)).unwrap_or(rest.len());
        // Anything but these begins the next segment; other letters and blanks are left to the parser.
        let is_end = matches!(rest.as_bytes().get(end), None | Some(b'.' | b'['));
        return (end > 0 && is_end).then(|| rest.split_at(end));
    }
    let rest = path.strip_prefix('[')?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (name, rest) = rest[1..].split_once(quote)?;
    let rest = rest.strip_prefix(']')?;
    name.bytes().all(plain).then_some((name, rest))
}

/// Returns whether a path goes on with `[*]`, or with one filter.
fn each_element(rest: &str) -> bool {
    if rest.starts_with("[*]") {
        return true;
    }
    let Some(filter) = rest.strip_prefix("[?") else { return false };
    let (mut quote, mut escaped, mut depth) = (None, false, 0usize);
    for byte in filter.bytes() {
        match (quote, byte) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(end), _) if byte == end => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'[' | b'(') => depth += 1,
            (None, b']') if depth == 0 => return true,
            // A second selector follows: its nodes come after all those of the filter.
            (None, b',') if depth == 0 => return false,
            (None, b']' | b')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
    }
    false
}
