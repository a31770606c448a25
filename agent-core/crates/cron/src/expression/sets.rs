//! The meaning of an expression's six fields, as sets of bits.

use super::warning::Warning;

/// A parsed and checked schedule: about 90 bytes, plus its zone's name if it has one.
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
    /// The fields that are `?`, with the same bits.
    pub(super) questions: u8,
    /// The bit of each [`Warning`].
    pub(super) warnings: u8,
    pub(super) zone: Option<Box<str>>,
}

/// The day-of-month field: bit `n` for day `n`, unless stated otherwise.
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
    /// Returns the name of the zone in its `CRON_TZ=` or `TZ=` prefix; the caller looks it up.
    pub fn zone_name(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// Returns the warnings: parts that are valid but may not mean what their author intended.
    pub fn warnings(&self) -> Vec<Warning> {
        let all = [Warning::LastDayOfWeek, Warning::StepMeetsRestriction];
        all.into_iter().filter(|warning| self.warnings & warning.bit() != 0).collect()
    }

    /// Returns whether a calendar has a say in its days: whether it has an item `nC` (rules 14 and
    /// 15).
    pub fn has_calendar_days(&self) -> bool {
        self.month_days.open != 0 || self.week_days.open != 0
    }

    /// Returns whether it runs at each instant whose wall time matches, rather than once per wall
    /// time (docs/schedules.md rule 23).
    pub(crate) fn is_wild(&self) -> bool {
        self.stars & TIME_OF_DAY != 0
    }

    /// Returns whether both day fields are restricted, so that a day matches if either does (rule
    /// 18).
    pub(crate) fn either(&self) -> bool {
        (self.stars | self.questions) & (MONTH_DAY | WEEK_DAY) == 0
    }
}
