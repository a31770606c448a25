//! Marks the place of a mistake in a text, for a terminal.

/// The most characters of a text that are shown before and behind its mistake.
const AROUND: usize = 36;

/// Returns the part of the text around a byte and, below it, a caret.
pub(crate) fn pointed(text: &str, at: usize) -> String {
    let (before, behind) = text.split_at_checked(at).unwrap_or((text, ""));
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let skipped = before.chars().count().saturating_sub(AROUND);
    let before: String = before.chars().skip(skipped).map(shown).collect();
    let cut = if behind.chars().count() > AROUND { "…" } else { "" };
    let behind: String = behind.chars().take(AROUND).map(shown).collect();
    let lead = if skipped > 0 { "…" } else { "" };
    let indent = lead.chars().count() + before.chars().count();
    format!("{lead}{before}{behind}{cut}\n{}^", " ".repeat(indent))
}
