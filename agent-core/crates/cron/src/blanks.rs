//! The white space of the language.

/// Space and tab, the only blanks (rule 1); any other white space is an error where a blank
/// belongs.
pub(crate) const BLANKS: [char; 2] = [' ', '\t'];
