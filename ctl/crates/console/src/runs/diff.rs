//! How one output differs from another, by lines: what `salt` users compare by eye.

use crate::ansi;
use crate::markup::Markup;

/// The most lines of either output that are compared.
const MAX_LINES: usize = 200;

/// One line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// `same`, `added` or `removed`.
    pub(super) kind: &'static str,
    /// What a reader who sees no color reads: a space, `+` or `-`.
    pub(super) sign: &'static str,
    /// The line as it is drawn.
    pub(super) text: Markup,
}

/// Returns the lines of `new` beside those of `old`: lines of `new` alone are added. Of longer texts
/// the first lines are compared.
pub(super) fn lines(old: &str, new: &str) -> Vec<Line> {
    let drawn_old: Vec<Markup> = ansi::lines(old).take(MAX_LINES).collect();
    let drawn_new: Vec<Markup> = ansi::lines(new).take(MAX_LINES).collect();
    let old: Vec<&str> = old.lines().take(MAX_LINES).collect();
    let new: Vec<&str> = new.lines().take(MAX_LINES).collect();
    let common = common(&old, &new);
    let (mut at_old, mut at_new) = (0, 0);
    let mut found = Vec::with_capacity(old.len().max(new.len()));
    for (in_old, in_new) in common.into_iter().chain([(old.len(), new.len())]) {
        found.extend(drawn_old[at_old..in_old].iter().map(|text| line("removed", "-", text)));
        found.extend(drawn_new[at_new..in_new].iter().map(|text| line("added", "+", text)));
        if let Some(text) = drawn_old.get(in_old) {
            found.push(line("same", " ", text));
        }
        (at_old, at_new) = (in_old + 1, in_new + 1);
    }
    found
}

fn line(kind: &'static str, sign: &'static str, text: &Markup) -> Line {
    Line { kind, sign, text: text.clone() }
}

/// Returns the places of a longest common subsequence: at most 200 times 200 comparisons.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut longest = vec![0_u16; (old.len() + 1) * width];
    for in_old in (0..old.len()).rev() {
        for in_new in (0..new.len()).rev() {
            longest[in_old * width + in_new] = if old[in_old] == new[in_new] {
                longest[(in_old + 1) * width + in_new + 1] + 1
            } else {
                longest[(in_old + 1) * width + in_new].max(longest[in_old * width + in_new + 1])
            };
        }
    }
    let (mut in_old, mut in_new, mut places) = (0, 0, Vec::new());
    while in_old < old.len() && in_new < new.len() {
        let here = longest[in_old * width + in_new];
        if old[in_old] == new[in_new] {
            places.push((in_old, in_new));
            (in_old, in_new) = (in_old + 1, in_new + 1);
        } else if longest[(in_old + 1) * width + in_new] == here {
            in_old += 1;
        } else {
            in_new += 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(old: &str, new: &str) -> String {
        lines(old, new).iter().map(|line| format!("{}{}\n", line.sign, line.text)).collect()
    }

    #[test]
    fn lines_that_differ_stand_beside_lines_that_are_the_same() {
        assert_eq!(text("a\nb\nc\n", "a\nx\nc\n"), " a\n-b\n+x\n c\n");
        assert_eq!(text("", "a\n"), "+a\n");
        assert_eq!(text("a\n", ""), "-a\n");
        assert_eq!(text("a\nb\n", "b\na\n"), "-a\n b\n+a\n");
        assert_eq!(text("same\n", "same\n"), " same\n");
        let red = "<span class=\"t1 \">red</span>";
        assert_eq!(text("a\n", "a\n\x1b[31mred\n"), format!(" a\n+{red}\n"));
    }

    #[test]
    fn long_outputs_are_compared_as_far_as_the_bound() {
        let many = |line: &str| format!("{line}\n").repeat(100_000);
        assert_eq!(lines(&many("a"), &many("b")).len(), 2 * MAX_LINES);
    }
}
