//! Warnings about valid expressions that may not mean what their author intended.

use std::fmt;

/// A warning; it displays as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// `L` alone in day-of-week (docs/schedules.md rule 13).
    LastDayOfWeek,
    /// `*/n` in one day field, the other restricted (rule 18).
    StepMeetsRestriction,
}

impl Warning {
    pub(super) fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastDayOfWeek => {
                "L alone in day-of-week means every Saturday; for the last Friday of the month, \
                 write FRIL"
            }
            Self::StepMeetsRestriction => {
                "with a step such as */2 in one day field, a day must match both day fields, not \
                 just one"
            }
        })
    }
}
