//! The white space of the language.

/// Space and tab, the only blanks (docs/schedules.md rule 1). Other white space is an error.
pub(crate) const BLANKS: [char; 2] = [' ', '\t'];
