//! The matching days of a month (docs/schedules.md rules 12 to 18 and 20), as a word with bit `d`
//! for day `d`.

use crate::calendar::Calendar;

use crate::expression::Expression;
use agent_zone::civil::weekday;
use std::iter;

/// Returns the matching days of a month of `length` days whose first is `first` days after
/// 1970-01-01. The caller applies the month field (rule 19).
pub(crate) fn matching(
    expression: &Expression,
    first: i32,
    length: u8,
    calendar: Option<&Calendar>,
) -> u32 {
    let month = Month { first, length, weekday: weekday(first), calendar };
    let (days, week) = (&expression.month_days, &expression.week_days);
    let all = (u32::MAX >> (31 - length)) & !1;
    let mut by_month = days.numbers;
    members(days.last)
        .for_each(|before| by_month |= month.bit(i32::from(length) - i32::from(before)));
    members(days.last_working)
        .filter(|&before| before < length)
        .for_each(|before| by_month |= month.nearest_working(length - before));
    members(days.working)
        .filter(|&day| day <= length)
        .for_each(|day| by_month |= month.nearest_working(day));
    if days.open != 0 {
        by_month |= month.open_from(days.open & all);
    }
    let mut by_week = month.of_weekdays(week.numbers);
    if week.last != 0 {
        // The last seven days.
        by_week |= month.of_weekdays(week.last) & all & !(all >> 7);
    }
    for (index, set) in week.nth.iter().enumerate() {
        // The days 1 to 7, 8 to 14, and so on.
        by_week |= month.of_weekdays(*set) & (0b1111_1110 << (7 * index));
    }
    if week.open != 0 {
        by_week |= month.open_after(week.open);
    }
    all & if expression.either() { by_month | by_week } else { by_month & by_week }
}

/// Returns whether any day of the Gregorian cycle matches, with no day excluded (rule 20). Within
/// its 400 years each month begins on each weekday, and February does so in both lengths.
pub(crate) fn exist(expression: &Expression) -> bool {
    const LENGTHS: [(u8, u16); 4] =
        [(31, 0b1_0101_1010_1010), (30, 0b0_1010_0101_0000), (29, 0b100), (28, 0b100)];
    LENGTHS.iter().filter(|(_, months)| expression.months & months != 0).any(|&(length, _)| {
        // Seven days in a row are all the weekdays.
        (0..7).any(|first| matching(expression, first, length, None) != 0)
    })
}

/// The days before day 1 that matter for `nC` in day-of-week: day 1 may end a week that began
/// there.
const BEFORE: i32 = 5;

struct Month<'a> {
    /// The first day, in days since 1970-01-01.
    first: i32,
    length: u8,
    /// The weekday of the first day.
    weekday: u8,
    calendar: Option<&'a Calendar>,
}

impl Month<'_> {
    /// The days of the month: bits outside the month are 0.
    fn bit(&self, day: i32) -> u32 {
        if (1..=i32::from(self.length)).contains(&day) { 1 << day } else { 0 }
    }

    /// Returns the days whose weekday is in the set; also some after the month's end.
    fn of_weekdays(&self, set: u8) -> u32 {
        let set = u32::from(set);
        // Bit 0 for the weekday of day 1, then week after week.
        let week = ((set | set << 7) >> self.weekday) & 0x7f;
        (week | week << 7 | week << 14 | week << 21 | week << 28) << 1
    }

    /// Returns the weekday (Monday to Friday) nearest to a day, within the month.
    fn nearest_working(&self, day: u8) -> u32 {
        let nearest = match (self.weekday + day - 1) % 7 {
            6 if day == 1 => 3,
            6 => day - 1,
            0 if day == self.length => day - 2,
            0 => day + 1,
            _ => day,
        };
        self.bit(nearest.into())
    }

    /// Returns the excluded days: bit [`BEFORE`] for day 0.
    fn excluded(&self) -> u64 {
        self.calendar.map_or(0, |calendar| calendar.excluded_from(self.first - 1 - BEFORE))
    }

    /// Returns, for each day of the set, the first day from it on within the month that is not
    /// excluded.
    fn open_from(&self, set: u32) -> u32 {
        self.first_open((u64::from(set)) << BEFORE, 31)
    }

    /// Returns, for each such weekday, the first day of the seven from it on that is not excluded.
    fn open_after(&self, set: u8) -> u32 {
        let set = u64::from(set);
        // Bit 0 for the weekday of the first of the days before, which is a week before day 2.
        let week = ((set | set << 7) >> ((self.weekday + 1) % 7)) & 0x7f;
        self.first_open((0..6).fold(0, |days, weeks| days | week << (7 * weeks)), 7)
    }

    /// Returns, for each of the days, the first of `count` days from it on that is not excluded;
    /// days are
    /// numbered as in [`Self::excluded`].
    fn first_open(&self, mut days: u64, many: u8) -> u32 {
        let excluded = self.excluded();
        let mut open = 0;
        for _ in 0..many {
            open |= days & !excluded;
            days = (days & excluded) << 1;
            if days == 0 {
                break;
            }
        }
        u32::try_from(open >> BEFORE & u64::from(u32::MAX)).expect("32 bits")
    }
}

/// Returns the numbers whose bits are set.
fn members(mut set: u32) -> impl Iterator<Item = u8> {
    iter::from_fn(move || {
        let number = u8::try_from(set.trailing_zeros()).ok().filter(|_| set != 0)?;
        set &= set - 1;
        Some(number)
    })
}
