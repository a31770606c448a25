//! Which days of a month match: rules 12 to 18 and 20, as a word with bit `d` for day `d`.

use crate::calendar::Calendar;
use crate::date::{Date, civil, weekday};
use crate::expression::Expression;
use std::iter;

/// The matching days of a month of `length` days whose first is `first` days after 1970-01-01. The month field is
/// not looked at (rule 19 is the caller's).
pub(crate) fn matching(expression: &Expression, first: i32, length: u8, calendar: Option<&Calendar>) -> u32 {
    let month = Month { first, length, weekday: weekday(first), calendar };
    let (days, week) = (&expression.month_days, &expression.week_days);
    let all = (u32::MAX >> (31 - length)) & !1;
    let mut by_month = days.numbers;
    members(days.last).for_each(|before| by_month |= month.bit(i32::from(length) - i32::from(before)));
    members(days.last_working)
        .filter(|&before| before < length)
        .for_each(|before| by_month |= month.nearest_working(length - before));
    members(days.working).filter(|&day| day <= length).for_each(|day| by_month |= month.nearest_working(day));
    members(days.open).for_each(|day| by_month |= month.open_from(day));
    let mut by_week = month.of_weekdays(week.numbers);
    if week.last != 0 {
        // The last seven days.
        by_week |= month.of_weekdays(week.last) & all & !(all >> 7);
    }
    for (index, set) in week.nth.iter().enumerate() {
        // The days 1 to 7, 8 to 14, and so on.
        by_week |= month.of_weekdays(*set) & (0b1111_1110 << (7 * index));
    }
    members(week.open.into()).for_each(|day| by_week |= month.open_after(day));
    all & if expression.either() { by_month | by_week } else { by_month & by_week }
}

/// Whether any day of the calendar's cycle matches, no day excluded (rule 20). Within its 400 years each month
/// begins on each weekday, and February does so in both lengths.
pub(crate) fn exist(expression: &Expression) -> bool {
    const LENGTHS: [(u8, u16); 4] =
        [(31, 0b1_0101_1010_1010), (30, 0b0_1010_0101_0000), (29, 0b100), (28, 0b100)];
    LENGTHS.iter().filter(|(_, months)| expression.months & months != 0).any(|&(length, _)| {
        // Seven days in a row are all the weekdays.
        (0..7).any(|first| matching(expression, first, length, None) != 0)
    })
}

struct Month<'a> {
    /// In days since 1970-01-01.
    first: i32,
    length: u8,
    /// Of the first day.
    weekday: u8,
    calendar: Option<&'a Calendar>,
}

impl Month<'_> {
    /// No bit for a day that is not in the month.
    fn bit(&self, day: i32) -> u32 {
        if (1..=i32::from(self.length)).contains(&day) { 1 << day } else { 0 }
    }

    /// The days with a weekday of the set; also some after the month's end.
    fn of_weekdays(&self, set: u8) -> u32 {
        let set = u32::from(set);
        // Bit 0 for the weekday of day 1, then week after week.
        let week = ((set | set << 7) >> self.weekday) & 0x7f;
        (week | week << 7 | week << 14 | week << 21 | week << 28) << 1
    }

    /// Monday to Friday nearest to a day of the month, inside it.
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

    /// The first day from `day` on that is not excluded.
    fn open_from(&self, day: u8) -> u32 {
        let mut days = day..=self.length;
        days.find(|&day| self.is_open(day.into())).map_or(0, |day| self.bit(day.into()))
    }

    /// For each such weekday that day or the first of the six after it that is not excluded.
    fn open_after(&self, wanted: u8) -> u32 {
        let days = -5..=i32::from(self.length);
        days.filter(|day| weekday(self.first + day - 1) == wanted)
            .filter_map(|day| (day..day + 7).find(|&day| self.is_open(day)))
            .fold(0, |mask, day| mask | self.bit(day))
    }

    /// Day 0 is the day before the first.
    fn is_open(&self, day: i32) -> bool {
        self.calendar.is_none_or(|calendar| {
            let (year, month, day) = civil(self.first + day - 1);
            !calendar.excludes(Date::new(year, month, day).expect("a day of the years that are searched"))
        })
    }
}

/// The numbers whose bits are set.
fn members(mut set: u32) -> impl Iterator<Item = u8> {
    iter::from_fn(move || {
        let number = u8::try_from(set.trailing_zeros()).ok().filter(|_| set != 0)?;
        set &= set - 1;
        Some(number)
    })
}
