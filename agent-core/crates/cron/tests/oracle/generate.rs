//! Generates random expressions over the whole language, random calendars, and instants at which
//! mistakes are likely.

use super::day::{civil, days_of, length, weekday};
use super::random::Random;
use super::search::{FIRST_YEAR, LAST_YEAR};
use super::zone::Changes;

const DAY: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEK: [&str; 8] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "7"];

impl Random {
    /// Generates an expression by the grammar; some never run. Blanks and letter case vary.
    pub(crate) fn expression(&mut self) -> String {
        if self.one_in(60) {
            return (*self.pick(&[
                "@yearly",
                "@annually",
                "@monthly",
                "@weekly",
                "@Daily",
                "@midnight",
                "@HOURLY",
            ]))
            .to_owned();
        }
        let mut fields = Vec::with_capacity(6);
        if !self.one_in(4) {
            fields.push(self.time(59));
        }
        fields.push(self.time(59));
        fields.push(self.time(23));
        let (month_day, week_day) = match self.between(0, 9) {
            0 => ("*".to_owned(), self.week_days()),
            1 | 2 => ("?".to_owned(), self.week_days()),
            3 => (self.month_days(), "*".to_owned()),
            4 | 5 => (self.month_days(), "?".to_owned()),
            6 => ("*".to_owned(), "*".to_owned()),
            _ => (self.month_days(), self.week_days()),
        };
        fields.push(month_day);
        fields.push(if self.one_in(2) {
            "*".to_owned()
        } else {
            self.list(|r| r.item(1, 12, 12, &MONTHS))
        });
        fields.push(week_day);
        let mut text = String::new();
        for (index, field) in fields.iter().enumerate() {
            if index > 0 {
                text.push_str(if self.one_in(20) { " \t " } else { " " });
            }
            text.push_str(field);
        }
        if self.one_in(8) { text.to_lowercase() } else { text }
    }

    /// Generates the second, minute and hour fields.
    pub(crate) fn time_of_day(&mut self) -> String {
        format!("{} {} {}", self.time(59), self.time(59), self.time(23))
    }

    /// Generates a field of the time of day: mostly a few values, now and then all or many.
    fn time(&mut self, last: i64) -> String {
        match self.between(0, 7) {
            0 => "*".to_owned(),
            1 => format!("*/{}", self.between(1, last)),
            2 | 3 => "0".to_owned(),
            4 => self.between(0, last).to_string(),
            _ => self.list(|r| r.item(0, last, last, &[])),
        }
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self) -> String) -> String {
        let items = *self.pick(&[1, 1, 1, 2, 2, 3, 5]);
        let items: Vec<String> = (0..items).map(|_| item(self)).collect();
        items.join(",")
    }

    /// Generates an item of a list; `first` to `last` are the field's numbers, `steps` is the
    /// largest step.
    fn item(&mut self, first: i64, last: i64, steps: i64, names: &[&str]) -> String {
        let mut value = || {
            let number = self.between(first, last);
            let index = usize::try_from(number - first).expect("no less than the first");
            match names.get(index) {
                Some(name) if self.one_in(2) => (*name).to_owned(),
                _ if self.one_in(30) => format!("{number:03}"),
                _ => number.to_string(),
            }
        };
        let (from, to) = (value(), value());
        let step =
            if self.one_in(2) { self.between(1, steps) } else { self.between(1, steps.min(5)) };
        match self.between(0, 11) {
            0 if self.one_in(3) => "*".to_owned(),
            0 | 1 => format!("*/{step}"),
            2 => format!("{from}/{step}"),
            3 | 4 => format!("{from}-{to}"),
            5 | 6 => format!("{from}-{to}/{step}"),
            _ => from,
        }
    }

    fn month_days(&mut self) -> String {
        self.list(|r| {
            let day =
                if r.one_in(3) { *r.pick(&[1, 2, 3, 28, 29, 30, 31]) } else { r.between(1, 31) };
            let before = if r.one_in(3) { r.between(0, 30) } else { r.between(0, 5) };
            match r.between(0, 13) {
                0 => "L".to_owned(),
                1 => format!("L-{before}"),
                2 => "LW".to_owned(),
                3 => format!("L-{before}W"),
                4 | 5 => format!("{day}W"),
                6 | 7 => format!("{day}C"),
                8 => day.to_string(),
                _ => r.item(1, 31, 31, &[]),
            }
        })
    }

    fn week_days(&mut self) -> String {
        self.list(|r| {
            let day =
                if r.one_in(2) { (*r.pick(&WEEK)).to_owned() } else { r.between(0, 7).to_string() };
            match r.between(0, 11) {
                0 if r.one_in(2) => "L".to_owned(),
                0 | 1 => format!("{day}L"),
                2 | 3 => format!("{day}#{}", r.between(1, 5)),
                4 | 5 => format!("{day}C"),
                6 => day,
                _ => r.item(0, 7, 7, &WEEK),
            }
        })
    }

    /// Generates an expression with one to three bytes changed, removed or added; most are invalid.
    pub(crate) fn nearly_an_expression(&mut self) -> String {
        const BYTES: &[u8] = b"0123456789012345,,--//**??LWC##\t  JANMONfri@:.+x";
        let mut text = self.expression().into_bytes();
        for _ in 0..self.between(1, 3) {
            let byte = *self.pick(BYTES);
            let at = usize::try_from(self.bits() % (text.len() as u64 + 1)).expect("an index");
            match self.between(0, 2) {
                0 if at < text.len() => text[at] = byte,
                1 if at < text.len() => drop(text.remove(at)),
                _ => text.insert(at, byte),
            }
        }
        String::from_utf8(text).expect("ASCII stays ASCII")
    }

    /// Generates excluded days, sorted: weekends, holidays, longer closures, almost all days.
    pub(crate) fn calendar(&mut self) -> Vec<i64> {
        let (first, last) = (days_of(FIRST_YEAR, 1, 1), days_of(LAST_YEAR, 12, 31));
        let (weekends, share) = (self.one_in(2), *self.pick(&[0, 5, 30, 120, 340]));
        let closed: Vec<(i64, i64)> = (0..self.between(0, 200))
            .map(|_| {
                let from = self.between(first, last);
                (from, from + self.between(0, 80))
            })
            .collect();
        let mut days: Vec<i64> = (first..=last)
            .filter(|&day| {
                (weekends && matches!(weekday(day), 0 | 6)) || self.between(1, 366) <= share
            })
            .chain(closed.into_iter().flat_map(|(from, to)| from..=to))
            .collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// Generates an instant, usually close to a change of offset, the end of a month or the end of
    /// all runs.
    pub(crate) fn instant(&mut self, zone: &Changes) -> i64 {
        let (first, last) = (days_of(FIRST_YEAR, 1, 1), days_of(LAST_YEAR, 12, 31));
        let changes = zone.0.get(1..).unwrap_or_default();
        match self.between(0, 19) {
            0..=8 if !changes.is_empty() => {
                let (start, _) = *self.pick(changes);
                start
                    + match self.between(0, 3) {
                        0 => self.between(-2, 2),
                        1 => {
                            self.between(-2, 2) * *self.pick(&[60, 900, 1800, 3600])
                                + self.between(-1, 1)
                        }
                        2 => self.between(-4 * 3600, 4 * 3600),
                        _ => self.between(-2 * DAY, 2 * DAY),
                    }
            }
            9..=12 => {
                let (year, month, _) = civil(self.between(first, last));
                let local = days_of(year, month, length(year, month)) * DAY + DAY;
                local - zone.offset(local)
                    + *self.pick(&[-86_400, -3600, -60, -1, 0, 1])
                    + self.between(-3, 3)
            }
            13 => (last + 1) * DAY + self.between(-400 * DAY, 3 * DAY),
            14 if self.one_in(40) => {
                *self.pick(&[i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX])
            }
            14 if self.one_in(10) => self.between(i64::MIN, i64::MAX),
            14 => self.between(-100_000 * DAY, 100_000 * DAY),
            15 => {
                let leap = days_of(*self.pick(&[1972, 1996, 2000, 2024, 2028, 2096, 2100]), 2, 28);
                (leap + self.between(-2, 3)) * DAY + self.between(0, DAY)
            }
            _ => self.between(first * DAY, last * DAY),
        }
    }
}
