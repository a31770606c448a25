//! Reads an expression's text into bit sets and special days (docs/schedules.md rules 1 to 20).

/// One item of the day-of-month field.
#[derive(Clone, Debug)]
pub(super) enum MonthDay {
    /// Days by number: bit `d` for day `d`.
    Numbers(u64),
    /// `L-n`, or `L-nW` if `working`.
    Last { before: i64, working: bool },
    /// `nW`.
    Working(i64),
    /// `nC`.
    Open(i64),
}

/// One item of the day-of-week field. Sunday is 0.
#[derive(Clone, Debug)]
pub(super) enum WeekDay {
    /// Weekdays by number.
    Numbers(u64),
    /// `nL`.
    Last(i64),
    /// `n#k`.
    Nth(i64, i64),
    /// `nC`.
    Open(i64),
}

/// An expression as sets.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    pub(crate) zone: Option<String>,
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
    pub(super) month_days: Vec<MonthDay>,
    pub(super) months: u64,
    pub(super) week_days: Vec<WeekDay>,
    /// Some item of second, minute or hour begins with `*`.
    pub(super) wild: bool,
    /// Both day fields are restricted, so that a day matches if either does.
    pub(super) either: bool,
}

struct Field {
    first: u64,
    last: u64,
    size: u64,
    names: &'static str,
}

const SIXTY: Field = Field { first: 0, last: 59, size: 60, names: "" };
const HOUR: Field = Field { first: 0, last: 23, size: 24, names: "" };
const MONTH_DAY: Field = Field { first: 1, last: 31, size: 31, names: "" };
const MONTH: Field =
    Field { first: 1, last: 12, size: 12, names: "---JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC" };
const WEEK_DAY: Field = Field { first: 0, last: 6, size: 7, names: "SUNMONTUEWEDTHUFRISAT" };

impl Oracle {
    /// Reads an expression; `None` if it is invalid or never runs.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte == b'\t' || (0x20..0x7f).contains(&byte);
        if text.len() > 1024 || !text.bytes().all(plain) {
            return None;
        }
        let mut words: Vec<&str> =
            text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        let mut zone = None;
        if let Some(first) = words.first()
            && let Some(name) = first.strip_prefix("CRON_TZ=").or_else(|| first.strip_prefix("TZ="))
        {
            zone = Some(name.to_owned()).filter(|name| !name.is_empty());
            zone.as_ref()?;
            words.remove(0);
        }
        let upper: Vec<String> = words.iter().map(|word| word.to_ascii_uppercase()).collect();
        let mut fields: Vec<&str> = upper.iter().map(String::as_str).collect();
        if let [nickname] = fields[..] {
            let meaning = match nickname {
                "@YEARLY" | "@ANNUALLY" => "0 0 0 1 1 *",
                "@MONTHLY" => "0 0 0 1 * *",
                "@WEEKLY" => "0 0 0 * * 0",
                "@DAILY" | "@MIDNIGHT" => "0 0 0 * * *",
                "@HOURLY" => "0 0 * * * *",
                _ => return None,
            };
            fields = meaning.split(' ').collect();
        }
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let [second, minute, hour, month_day, month, week_day] = fields[..] else { return None };
        if month_day == "?" && week_day == "?" {
            return None;
        }
        let starred = |field: &str| field.split(',').any(|item| item.starts_with('*'));
        let restricted = |field: &str| field != "?" && !starred(field);
        let oracle = Self {
            zone,
            seconds: numbers(&SIXTY, second)?,
            minutes: numbers(&SIXTY, minute)?,
            hours: numbers(&HOUR, hour)?,
            month_days: month_days(month_day)?,
            months: numbers(&MONTH, month)?,
            week_days: week_days(week_day)?,
            wild: starred(second) || starred(minute) || starred(hour),
            either: restricted(month_day) && restricted(week_day),
        };
        oracle.fires().then_some(oracle)
    }
}

/// Reads a number without a sign, of any length.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.trim_start_matches('0').parse().unwrap_or(if text.contains(|c| c != '0') {
        u64::MAX
    } else {
        0
    }))
}

/// Reads a number or name of the field; in day-of-week, 7 is a number too.
fn value(field: &Field, text: &str) -> Option<u64> {
    if text.len() == 3
        && let Some(at) =
            (0..field.names.len()).step_by(3).find(|&at| &field.names[at..at + 3] == text)
        && text != "---"
    {
        return u64::try_from(at / 3).ok();
    }
    let most = if field.size == 7 { 7 } else { field.last };
    number(text).filter(|value| (field.first..=most).contains(value))
}

fn numbers(field: &Field, text: &str) -> Option<u64> {
    text.split(',').try_fold(0, |set, item| Some(set | item_numbers(field, item)?))
}

fn item_numbers(field: &Field, item: &str) -> Option<u64> {
    let (range, step) = match item.split_once('/') {
        Some((range, step)) => (range, Some(number(step)?)),
        None => (item, None),
    };
    let most = if field.size == 7 { 7 } else { field.last };
    if step.is_some_and(|step| step < 1 || step > most) {
        return None;
    }
    let (from, to) = if range == "*" {
        (field.first, field.last)
    } else if let Some((from, to)) = range.split_once('-') {
        let (from, to) = (value(field, from)?, value(field, to)?);
        (from, if from > to { to + field.size } else { to })
    } else {
        let from = value(field, range)?;
        match step {
            None => (from, from),
            Some(_) => (if field.size == 7 { from % 7 } else { from }, field.last),
        }
    };
    let mut set = 0;
    let mut at = from;
    while at <= to {
        set |= 1 << ((at - field.first) % field.size + field.first);
        at += step.unwrap_or(1);
    }
    Some(set)
}

fn month_days(text: &str) -> Option<Vec<MonthDay>> {
    if text == "?" {
        return Some(vec![MonthDay::Numbers(!0)]);
    }
    let day = |text: &str| value(&MONTH_DAY, text).map(|day| day.cast_signed());
    text.split(',')
        .map(|item| {
            if let Some(rest) = item.strip_prefix('L') {
                let (rest, working) = match rest.strip_suffix('W') {
                    Some(rest) => (rest, true),
                    None => (rest, false),
                };
                let before = match rest.strip_prefix('-') {
                    Some(digits) => number(digits).filter(|&before| before <= 30)?,
                    None if rest.is_empty() => 0,
                    None => return None,
                };
                Some(MonthDay::Last { before: before.cast_signed(), working })
            } else if let Some(digits) = item.strip_suffix('W') {
                day(digits).map(MonthDay::Working)
            } else if let Some(digits) = item.strip_suffix('C') {
                day(digits).map(MonthDay::Open)
            } else {
                item_numbers(&MONTH_DAY, item).map(MonthDay::Numbers)
            }
        })
        .collect()
}

fn week_days(text: &str) -> Option<Vec<WeekDay>> {
    if text == "?" {
        return Some(vec![WeekDay::Numbers(!0)]);
    }
    let day = |text: &str| value(&WEEK_DAY, text).map(|day| (day % 7).cast_signed());
    text.split(',')
        .map(|item| {
            if item == "L" {
                Some(WeekDay::Numbers(1 << 6))
            } else if let Some(name) = item.strip_suffix('L') {
                day(name).map(WeekDay::Last)
            } else if let Some(name) = item.strip_suffix('C') {
                day(name).map(WeekDay::Open)
            } else if let Some((name, which)) = item.split_once('#') {
                let which = number(which).filter(|which| (1..=5).contains(which))?;
                Some(WeekDay::Nth(day(name)?, which.cast_signed()))
            } else {
                item_numbers(&WEEK_DAY, item).map(WeekDay::Numbers)
            }
        })
        .collect()
}
