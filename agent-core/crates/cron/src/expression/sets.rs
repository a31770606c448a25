//! What an expression's six fields say, as sets of bits.

use super::warning::Warning;

/// A schedule as written, read and checked; about 90 bytes, and its zone's name if it has one.
#[derive(Clone, PartialEq, Eq)]
pub struct Expression {
    /// Bits 0 to 59.
    pub(crate) seconds: u64,
    /// Bits 0 to 59.
    pub(crate) minutes: u64,
    /// Bits 0 to 23.
    pub(crate) hours: u32,
    /// Bits 1 to 12.
    pub(crate) months: u16,
    pub(crate) month_days: MonthDays,
    pub(crate) week_days: WeekDays,
    /// Some item of the field begins with `*`: bit 0 for the second, and so on.
    pub(super) stars: u8,
    /// The field is `?`, the same bits.
    pub(super) questions: u8,
    /// The bit of each [`Warning`].
    pub(super) warnings: u8,
    pub(super) zone: Option<Box<str>>,
}

/// The day-of-month field: bit `n` for day `n`, or as said.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MonthDays {
    pub(crate) numbers: u32,
    /// Bit `n` for `L-n`.
    pub(crate) last: u32,
    /// Bit `n` for `L-nW`.
    pub(crate) last_working: u32,
    /// `nW`.
    pub(crate) working: u32,
    /// `nC`.
    pub(crate) open: u32,
}

/// The day-of-week field: bit 0 for Sunday.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WeekDays {
    pub(crate) numbers: u8,
    /// `nL`.
    pub(crate) last: u8,
    /// `n#k` at index `k - 1`.
    pub(crate) nth: [u8; 5],
    /// `nC`.
    pub(crate) open: u8,
}

const TIME_OF_DAY: u8 = 0b00_0111;
const MONTH_DAY: u8 = 0b00_1000;
const WEEK_DAY: u8 = 0b10_0000;

impl Expression {
    /// The zone its `CRON_TZ=` or `TZ=` prefix names, not looked up.
    pub fn zone_name(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// What is taken but may not mean what was meant.
    pub fn warnings(&self) -> Vec<Warning> {
        let all = [Warning::LastDayOfWeek, Warning::StepMeetsRestriction];
        all.into_iter().filter(|warning| self.warnings & warning.bit() != 0).collect()
    }

    /// It runs at each instant whose wall time matches, else once for each wall time (rule 23).
    pub(crate) fn is_wild(&self) -> bool {
        self.stars & TIME_OF_DAY != 0
    }

    /// Both day fields are restricted: a day matches if either does (rule 18).
    pub(crate) fn either(&self) -> bool {
        (self.stars | self.questions) & (MONTH_DAY | WEEK_DAY) == 0
    }
}
