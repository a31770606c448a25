//! Describes days in words.

use super::words::{count, items, join, members, ordinal};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const WHICH: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

const ALL_MONTH_DAYS: u64 = (1 << 32) - 2;
const ALL_WEEK: u64 = (1 << 7) - 1;
const ALL_MONTHS: u64 = (1 << 13) - 2;

/// The special items of the day-of-month field.
#[derive(Clone, Copy)]
pub(super) enum MonthDay {
    /// `L-n`, and `L-nW`.
    Last { before: u32, weekday: bool },
    /// `nW`.
    Nearest(u32),
    /// `nC`.
    Open(u32),
}

/// The special items of the day-of-week field; Sunday is 0.
#[derive(Clone, Copy)]
pub(super) enum WeekDay {
    /// `nL`.
    Last(usize),
    /// `n#k`.
    Nth(usize, usize),
    /// `nC`.
    Open(usize),
}

/// The matching days: numbers as bits, special items in the order of the text.
pub(super) struct Days {
    pub(super) month_days: u64,
    pub(super) special_month_days: Vec<MonthDay>,
    pub(super) months: u64,
    pub(super) week_days: u64,
    pub(super) special_week_days: Vec<WeekDay>,
    /// A match in either of the two fields is enough.
    pub(super) either: bool,
}

impl Days {
    /// Describes the days, to follow the time of day; `None` means every day.
    pub(super) fn say(&self) -> Option<String> {
        let by_month = self.month_days != ALL_MONTH_DAYS;
        let by_week = self.week_days != ALL_WEEK;
        let every_day = if self.either { !by_month || !by_week } else { !by_month && !by_week };
        let text = if every_day {
            String::new()
        } else {
            match (
                self.say_month_days().filter(|_| by_month),
                self.say_week_days().filter(|_| by_week),
            ) {
                (Some(month), Some(week)) if self.either => {
                    format!("{month}, and also {week} (either is enough)")
                }
                (Some(month), Some(week)) => format!("{month}, but only {week} (both must match)"),
                (month, week) => month.or(week).unwrap_or_default(),
            }
        };
        match (text.is_empty(), self.one_month(), self.months == ALL_MONTHS) {
            (true, None, true) => None,
            (true, Some(month), _) => Some(format!("every day in {}", MONTHS[month])),
            (true, ..) => Some(format!("every day {}", self.say_months())),
            // The text names the month instead of saying "the month".
            (false, Some(_), _) | (false, None, true) => Some(text),
            (false, ..) => Some(format!("{text}, only {}", self.say_months())),
        }
    }

    fn one_month(&self) -> Option<usize> {
        (self.months.count_ones() == 1).then(|| self.months.trailing_zeros() as usize - 1)
    }

    /// `in January and July`, `from November to February`.
    fn say_months(&self) -> String {
        let name = |month: usize| MONTHS[month].to_owned();
        match run(self.months >> 1, MONTHS.len()) {
            Some((first, last)) => format!("from {} to {}", name(first), name(last)),
            None => {
                let months: Vec<_> = (0..12)
                    .filter(|month| (self.months >> 1 >> month) & 1 != 0)
                    .map(name)
                    .collect();
                format!("in {}", join(&months))
            }
        }
    }

    /// Returns `None` if the field names only days that its month does not have.
    fn say_month_days(&self) -> Option<String> {
        let month = self.one_month();
        let longest = match month {
            Some(1) => 29,
            Some(3 | 5 | 8 | 10) => 30,
            _ => 31,
        };
        let numbers = self.month_days & ((1 << (longest + 1)) - 1);
        if let (Some(month), [], 1..=3) =
            (month, &self.special_month_days[..], numbers.count_ones())
        {
            let days: Vec<String> = members(numbers).iter().map(u32::to_string).collect();
            return Some(format!("on {} {}", MONTHS[month], join(&days)));
        }
        let of = month.map_or("the month", |month| MONTHS[month]);
        let mut days = items(numbers, ordinal);
        if let Some(first) = days.first_mut() {
            first.insert_str(0, "the ");
        }
        let mut explained = false;
        let mut weekday = || {
            if std::mem::replace(&mut explained, true) {
                "weekday"
            } else {
                "weekday (Monday to Friday)"
            }
        };
        let mut open = Vec::new();
        for item in &self.special_month_days {
            match *item {
                MonthDay::Last { before: 0, weekday: false } => {
                    days.push("the last day".to_owned())
                }
                MonthDay::Last { before: 0, weekday: true } => {
                    days.push(format!("the last {}", weekday()))
                }
                MonthDay::Last { before, weekday: false } => days.push(before_the_last(before)),
                MonthDay::Last { before, weekday: true } => {
                    days.push(format!("the {} nearest to {}", weekday(), before_the_last(before)));
                }
                MonthDay::Nearest(day) => {
                    days.push(format!("the {} nearest to the {}", weekday(), ordinal(day)));
                }
                MonthDay::Open(day) => open.push(format!(
                    "on the first day from the {} to the end of {of} that the calendar does not \
                     exclude",
                    ordinal(day)
                )),
            }
        }
        if !days.is_empty() {
            open.insert(0, format!("on {} of {of}", join(&days)));
        }
        Some(join(&open)).filter(|text| !text.is_empty())
    }

    fn say_week_days(&self) -> Option<String> {
        let month = self.one_month().map(|month| MONTHS[month]);
        let of = month.unwrap_or("the month");
        let mut text = Vec::new();
        let within = month.map_or_else(String::new, |month| format!(" in {month}"));
        if let Some((first, last)) = run(self.week_days, WEEKDAYS.len()) {
            text.push(format!("{} to {}{within}", WEEKDAYS[first], WEEKDAYS[last]));
        } else if self.week_days != 0 {
            // For most readers the week begins on Monday.
            let days = (1..=7).map(|day| day % 7).filter(|day| (self.week_days >> day) & 1 != 0);
            let days: Vec<String> = days.map(|day| format!("{}s", WEEKDAYS[day])).collect();
            text.push(format!("on {}{within}", join(&days)));
        }
        let (mut of_month, mut open) = (Vec::new(), Vec::new());
        for item in &self.special_week_days {
            match *item {
                WeekDay::Last(day) => of_month.push(format!("the last {}", WEEKDAYS[day])),
                WeekDay::Nth(day, which) => {
                    of_month.push(format!("the {} {}", WHICH[which - 1], WEEKDAYS[day]))
                }
                WeekDay::Open(day) => open.push(WEEKDAYS[day].to_owned()),
            }
        }
        if !of_month.is_empty() {
            text.push(format!("on {} of {of}", join(&of_month)));
        }
        if !open.is_empty() {
            // The month field applies to the day of the run.
            let within = month.map_or_else(String::new, |month| format!(", if that is in {month}"));
            text.push(format!(
                "on each {} or, where the calendar excludes it, the first of the six days after it that is not \
                 excluded{within}",
                join(&open)
            ));
        }
        Some(join(&text)).filter(|text| !text.is_empty())
    }
}

/// `the second-to-last day`, `the day three days before the last day`.
fn before_the_last(days: u32) -> String {
    match days {
        0 => "the last day".to_owned(),
        1 => "the second-to-last day".to_owned(),
        days => format!("the day {} days before the last day", count(days)),
    }
}

/// Returns the first and last of three or more members in a row, which may wrap; `None` if there
/// are others.
fn run(set: u64, size: usize) -> Option<(usize, usize)> {
    let member = |index: usize| (set >> (index % size)) & 1 != 0;
    let length = set.count_ones() as usize;
    let first = (0..size).find(|&index| member(index) && !member(index + size - 1))?;
    (length >= 3 && (first..first + length).all(member))
        .then(|| (first, (first + length - 1) % size))
}
