//! Reads one field of an expression into sets (docs/schedules.md rules 5 to 17).

use super::sets::{MonthDays, WeekDays};
use crate::error::{Error, quoted};

/// The unit that a field counts.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) first: u8,
    /// The last number; 6 in day-of-week, where 7 is another number for 0.
    pub(super) last: u8,
    kind: Kind,
    pub(super) names: &'static [&'static str],
    /// The period in which each number occurs once: "an hour".
    cycle: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    MonthDay,
    WeekDay,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEK: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The fields in the order in which they are written.
pub(super) const FIELDS: [Field; 6] = [
    Field { name: "second", first: 0, last: 59, kind: Kind::Plain, names: &[], cycle: "a minute" },
    Field { name: "minute", first: 0, last: 59, kind: Kind::Plain, names: &[], cycle: "an hour" },
    Field { name: "hour", first: 0, last: 23, kind: Kind::Plain, names: &[], cycle: "a day" },
    Field {
        name: "day-of-month",
        first: 1,
        last: 31,
        kind: Kind::MonthDay,
        names: &[],
        cycle: "a month",
    },
    Field { name: "month", first: 1, last: 12, kind: Kind::Plain, names: &MONTHS, cycle: "a year" },
    Field {
        name: "day-of-week",
        first: 0,
        last: 6,
        kind: Kind::WeekDay,
        names: &WEEK,
        cycle: "a week",
    },
];

/// A field's content. Only one of the two kinds of days is filled.
#[derive(Default)]
pub(super) struct Items {
    /// Bit `n` for the number `n`.
    pub(super) numbers: u64,
    /// Some item begins with `*`.
    pub(super) star: bool,
    /// Some item is `*/n` with n > 1.
    pub(super) star_step: bool,
    /// `?`.
    pub(super) question: bool,
    /// `L` stands alone in day-of-week.
    pub(super) bare_last: bool,
    pub(super) month_days: MonthDays,
    pub(super) week_days: WeekDays,
}

impl Field {
    /// Reads the field's text, which begins at byte `offset` of the expression.
    pub(super) fn read(&self, text: &str, offset: usize) -> Result<Items, Error> {
        let mut items = Items::default();
        if text == "?" && self.kind != Kind::Plain {
            items.question = true;
            items.numbers = self.every(1);
            return Ok(items);
        }
        let mut at = offset;
        for item in text.split(',') {
            Item { field: self, text: item, offset: at }.read(&mut items)?;
            at += item.len() + 1;
        }
        Ok(items)
    }

    /// Returns the numbers of `*/step`.
    pub(super) fn every(&self, step: u8) -> u64 {
        (self.first..=self.last).step_by(step.into()).fold(0, |set, number| set | 1 << number)
    }

    pub(super) fn steps(&self) -> u8 {
        self.greatest()
    }

    /// Returns the greatest number that may be written.
    fn greatest(&self) -> u8 {
        if self.kind == Kind::WeekDay { 7 } else { self.last }
    }

    fn size(&self) -> u8 {
        self.last - self.first + 1
    }

    /// Returns the numbers and names that the field accepts.
    fn allowed(&self) -> String {
        let names = match self.names {
            [first, .., last] => format!(" or {first}–{last}"),
            _ => String::new(),
        };
        format!("{}–{}{names}", self.first, self.greatest())
    }
}

/// One item of a field's list.
struct Item<'a> {
    field: &'a Field,
    text: &'a str,
    offset: usize,
}

impl Item<'_> {
    fn wrong(&self, message: &str) -> Error {
        let field = self.field.name;
        Error::Syntax {
            field: Some(field),
            item: quoted(self.text),
            offset: self.offset,
            message: format!("{field} {message}"),
        }
    }

    fn read(&self, items: &mut Items) -> Result<(), Error> {
        if self.text.is_empty() {
            return Err(self.wrong("has an empty item: write a value on both sides of each comma"));
        }
        let special = match self.field.kind {
            Kind::Plain => false,
            Kind::MonthDay => self.read_month_day(&mut items.month_days)?,
            Kind::WeekDay => self.read_week_day(items)?,
        };
        if special {
            return Ok(());
        }
        let (range, step) = match self.text.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (self.text, None),
        };
        items.star |= range == "*";
        items.star_step |= range == "*" && step.is_some_and(|step| step > 1);
        items.numbers |= self.numbers(range, step)?;
        Ok(())
    }

    fn numbers(&self, range: &str, step: Option<u8>) -> Result<u64, Error> {
        let field = self.field;
        let (first, last) = if range == "*" {
            (field.first, field.last)
        } else if let Some((first, last)) = range.split_once('-') {
            let (first, last) = (self.value(first)?, self.value(last)?);
            // Past the end it continues at the beginning, keeping the step.
            (first, if first > last { last + field.size() } else { last })
        } else {
            let first = self.value(range)?;
            match step {
                None => (first, first),
                // 7/2 is 0/2: to Saturday, not past it.
                Some(_) if field.kind == Kind::WeekDay => (first % 7, field.last),
                Some(_) => (first, field.last),
            }
        };
        let numbers = (first..=last).step_by(step.unwrap_or(1).into());
        Ok(numbers.fold(0, |set, number| {
            set | 1 << ((number - field.first) % field.size() + field.first)
        }))
    }

    fn step(&self, text: &str) -> Result<u8, Error> {
        let field = self.field;
        match digits(text) {
            Some(step) if (1..=field.steps()).contains(&step) => Ok(step),
            Some(0) => Err(self.wrong("has a step of 0: the smallest step is 1")),
            Some(_) => Err(self.wrong(&format!(
                "takes steps of 1–{}: for once {}, write {}",
                field.steps(),
                field.cycle,
                field.first
            ))),
            None => Err(self.wrong("needs a number after the /, as in */5")),
        }
    }

    /// Reads a number or a name.
    fn value(&self, text: &str) -> Result<u8, Error> {
        let field = self.field;
        if let Some(index) = field.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(field.first + u8::try_from(index).expect("there are at most twelve names"));
        }
        let number =
            digits(text).filter(|number| (field.first..=field.greatest()).contains(number));
        number.ok_or_else(|| {
            let special = match field.kind {
                Kind::Plain => "",
                Kind::MonthDay if self.text.contains('?') => ", or ? as the whole field",
                Kind::MonthDay => ", L, L-3, LW, 15W or 5C",
                Kind::WeekDay if self.text.contains('?') => ", or ? as the whole field",
                Kind::WeekDay => ", FRIL, FRI#2 or FRIC",
            };
            self.wrong(&format!("must be {}{special}", field.allowed()))
        })
    }

    /// Reads L, W and C in day-of-month; returns `false` for any other item.
    fn read_month_day(&self, days: &mut MonthDays) -> Result<bool, Error> {
        let (text, working) = match without_last(self.text, 'W') {
            Some(text) => (text, true),
            None => (self.text, false),
        };
        if let Some(rest) = text.strip_prefix(['L', 'l']) {
            let before = match rest.strip_prefix('-') {
                Some(number) => digits(number).filter(|&before| before <= 30),
                None if rest.is_empty() => Some(0),
                None => None,
            };
            let before = before.ok_or_else(|| {
                self.wrong("counts from the end of the month with L, L-0 to L-30, LW or L-3W")
            })?;
            let set = if working { &mut days.last_working } else { &mut days.last };
            *set |= 1 << before;
        } else if working {
            days.working |= 1 << self.value(text)?;
        } else if let Some(day) = without_last(self.text, 'C') {
            days.open |= 1 << self.value(day)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Reads L, # and C in day-of-week; returns `false` for any other item.
    fn read_week_day(&self, items: &mut Items) -> Result<bool, Error> {
        let days = &mut items.week_days;
        let day = |text| Ok::<u8, Error>(1 << (self.value(text)? % 7));
        if self.text.eq_ignore_ascii_case("L") {
            items.bare_last = true;
            items.numbers |= 1 << 6;
        } else if let Some((text, which)) = self.text.split_once('#') {
            let which = digits(which).filter(|which| (1..=5).contains(which));
            let which = which
                .ok_or_else(|| self.wrong("takes #1 to #5, the first to the fifth of the month"))?;
            days.nth[usize::from(which) - 1] |= day(text)?;
        } else if let Some(text) = without_last(self.text, 'L') {
            days.last |= day(text)?;
        } else if let Some(text) = without_last(self.text, 'C') {
            days.open |= day(text)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// Returns the text before its last letter, if that is the given letter in either case.
fn without_last(text: &str, letter: char) -> Option<&str> {
    text.strip_suffix(letter).or_else(|| text.strip_suffix(letter.to_ascii_lowercase()))
}

/// Reads a number without a sign; a number beyond every field's range becomes [`u8::MAX`].
fn digits(text: &str) -> Option<u8> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u8::MAX))
}
