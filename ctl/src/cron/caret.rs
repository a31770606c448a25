//! The place of an error, shown below the text it is in.

use agent_wire::json::one_line;

/// Characters shown before the place, and behind it.
const BEFORE: usize = 40;
const BEHIND: usize = 32;

/// What stands for the rest of a text that is longer.
const CUT: &str = "…";

/// Two lines: the text around byte `offset`, and a caret below that byte.
pub(super) fn mark(text: &str, offset: usize) -> String {
    let (before, behind) = text.split_at(text.floor_char_boundary(offset));
    let (mut before, mut behind) = (one_line(before), one_line(behind));
    if let Some((at, _)) = before.char_indices().nth_back(BEFORE) {
        before.replace_range(..at, CUT);
    }
    if let Some((at, _)) = behind.char_indices().nth(BEHIND) {
        behind.replace_range(at.., CUT);
    }
    format!("  {before}{behind}\n  {:width$}^\n", "", width = before.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_below_the_byte_that_is_meant() {
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
