//! Marks the place of an error below its text.

use super::safe;

/// Characters shown before the place, and after it.
const BEFORE: usize = 40;
const BEHIND: usize = 32;

/// The replacement for the rest of a longer text.
const CUT: &str = "…";

/// Returns two lines: the text around byte `offset`, and a caret below that byte.
pub(crate) fn mark(text: &str, offset: usize) -> String {
    let (before, behind) = text.split_at(boundary(text, offset));
    let (mut before, mut behind) = (safe(before), safe(behind));
    if let Some((at, _)) = before.char_indices().nth_back(BEFORE) {
        before.replace_range(..at, CUT);
    }
    if let Some((at, _)) = behind.char_indices().nth(BEHIND) {
        behind.replace_range(at.., CUT);
    }
    format!("  {before}{behind}\n  {:width$}^\n", "", width = before.chars().count())
}

/// Returns the last boundary of a character at or before `offset`.
fn boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_is_below_the_byte() {
        for (text, offset, wanted) in [
            ("60 * *", 0, "  60 * *\n  ^\n"),
            ("0 60 *", 2, "  0 60 *\n    ^\n"),
            ("0\t60", 2, "  0\\t60\n     ^\n"),
            ("éé60", 4, "  éé60\n    ^\n"),
            ("é", 1, "  é\n  ^\n"),
            ("", 0, "  \n  ^\n"),
            ("ab", 2, "  ab\n    ^\n"),
            ("ab", 99, "  ab\n    ^\n"),
        ] {
            assert_eq!(mark(text, offset), wanted, "{text:?}");
        }
        let long = mark(&"x".repeat(1000), 500);
        let mut lines = long.lines().map(|line| line.chars().count());
        assert!(lines.all(|length| length < 80), "{long}");
    }
}
