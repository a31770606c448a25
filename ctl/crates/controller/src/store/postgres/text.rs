//! Texts that PostgreSQL cannot store: its type `text` has no NUL, which JSON can spell.

use std::borrow::Cow;

/// Returns a text with U+FFFD in place of each NUL. For texts that agents send, which nobody can
/// correct; what operators send is refused.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\u{fffd}")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_nul_is_replaced() {
        assert_eq!(without_nul("a\0b\0"), "a\u{fffd}b\u{fffd}");
        assert!(matches!(without_nul("ä\u{1}"), Cow::Borrowed("ä\u{1}")));
    }
}
