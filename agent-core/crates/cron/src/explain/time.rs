//! Describes the time of day in words.

use super::words::{count, items, join, members};

/// The most times that are listed one by one if they have equal steps; else [`MOST_LISTED`].
const LISTED: usize = 6;
const MOST_LISTED: usize = 12;

const SIXTY: u64 = (1 << 60) - 1;
const DAY: u32 = 86_400;

/// The matching seconds, minutes and hours: bit `n` for `n`.
pub(super) struct Time {
    pub(super) seconds: u64,
    pub(super) minutes: u64,
    pub(super) hours: u64,
}

/// A description of the time of day.
pub(super) struct Phrase {
    pub(super) text: String,
    /// It names times of the day, so days must follow: "at 09:00" and then "every day".
    pub(super) needs_days: bool,
}

/// Numbers at equal distances. One number has a step of 0.
struct Steps {
    first: u32,
    last: u32,
    step: u32,
}

impl Time {
    pub(super) fn say(&self) -> Phrase {
        let amount = [self.seconds, self.minutes, self.hours].map(|set| set.count_ones() as usize);
        let amount: usize = amount.iter().product();
        if amount > LISTED
            && let Some(steps) = self.steps()
        {
            return steps.say();
        }
        if amount <= MOST_LISTED {
            let times: Vec<String> = self.all().map(clock).collect();
            return Phrase { text: format!("at {}", join(&times)), needs_days: true };
        }
        Phrase { text: self.say_fields(), needs_days: false }
    }

    /// Returns every matching second of a day, in order.
    fn all(&self) -> impl Iterator<Item = u32> {
        members(self.hours).into_iter().flat_map(move |hour| {
            members(self.minutes).into_iter().flat_map(move |minute| {
                members(self.seconds)
                    .into_iter()
                    .map(move |second| hour * 3600 + minute * 60 + second)
            })
        })
    }

    /// Returns the day's times, if there are several at equal distances.
    fn steps(&self) -> Option<Steps> {
        let seconds = Steps::of(self.seconds)?;
        let minutes = seconds.within(&Steps::of(self.minutes)?, 60)?;
        minutes.within(&Steps::of(self.hours)?, 3600).filter(|steps| steps.step > 0)
    }

    /// Describes the fields one by one, where the times have no simpler shape.
    fn say_fields(&self) -> String {
        let every_minute = self.minutes == SIXTY;
        let mut text = match interval(self.seconds, "second") {
            Some(interval) => interval,
            None if self.seconds == 1 && !every_minute => String::new(),
            None => format!("at {}", named(self.seconds, "second")),
        };
        if text.is_empty() {
            text = format!("at {}", named(self.minutes, "minute"));
        } else if !every_minute {
            text = format!("{text} of {}", named(self.minutes, "minute"));
        } else if !text.starts_with("every") {
            text.push_str(" of every minute");
        }
        if self.hours.count_ones() == 24 {
            if every_minute { text } else { format!("{text} of every hour") }
        } else {
            format!("{text} of {}", named(self.hours, "hour"))
        }
    }
}

impl Steps {
    fn of(set: u64) -> Option<Self> {
        let members = members(set);
        let (first, last) = (*members.first()?, *members.last()?);
        let step = members.get(1).map_or(0, |second| second - first);
        let even = members.windows(2).all(|pair| pair[1] - pair[0] == step);
        even.then_some(Self { first, last, step })
    }

    /// Returns the numbers in each of the `outer` units, if all distances stay equal.
    fn within(&self, outer: &Self, unit: u32) -> Option<Self> {
        let step = match (self.step, outer.step) {
            (step, 0) => step,
            (0, step) => step * unit,
            // From the last of one unit to the first of the next.
            (step, 1) if unit + self.first - self.last == step => step,
            _ => return None,
        };
        Some(Self {
            first: outer.first * unit + self.first,
            last: outer.last * unit + self.last,
            step,
        })
    }

    fn say(&self) -> Phrase {
        let Self { first, last, step } = *self;
        let whole = DAY.is_multiple_of(step) && first < step && last + step >= DAY;
        let all_day = |text: String| Phrase { text, needs_days: false };
        match (whole, step, first) {
            (true, 1, _) => all_day("every second".to_owned()),
            (true, 60, 0) => all_day("every minute".to_owned()),
            (true, 60, second) => all_day(format!("at second {second} of every minute")),
            (true, 3600, 0) => all_day("every hour on the hour".to_owned()),
            (true, 3600, first) if first % 60 == 0 => {
                all_day(format!("at minute {} of every hour", first / 60))
            }
            (true, 3600, first) => {
                all_day(format!("at minute {}, second {} of every hour", first / 60, first % 60))
            }
            (true, ..3600, 0) => all_day(every(step)),
            _ => {
                let on_the_hour =
                    if step == 3600 && first % 3600 == 0 { " on the hour" } else { "" };
                // Both ends use the same format.
                let show = if first % 60 == 0 && last % 60 == 0 && step % 60 == 0 {
                    clock
                } else {
                    exact_clock
                };
                let text =
                    format!("{}{on_the_hour} from {} to {}", every(step), show(first), show(last));
                Phrase { text, needs_days: true }
            }
        }
    }
}

/// `every ten seconds`, `every minute`.
fn every(step: u32) -> String {
    let (amount, unit) = match step {
        step if step.is_multiple_of(3600) => (step / 3600, "hour"),
        step if step.is_multiple_of(60) => (step / 60, "minute"),
        step => (step, "second"),
    };
    if amount == 1 { format!("every {unit}") } else { format!("every {} {unit}s", count(amount)) }
}

/// Returns `every ten seconds`, if the set covers each minute.
fn interval(set: u64, unit: &str) -> Option<String> {
    if set == SIXTY {
        return Some(format!("every {unit}"));
    }
    let amount = set.count_ones();
    let step = 60_u32.checked_div(amount).filter(|step| amount > 2 && step * amount == 60)?;
    let even = (0..60).step_by(step as usize).fold(0, |set, number| set | 1 << number);
    (set == even).then(|| format!("every {} {unit}s", count(step)))
}

/// `second 5`, `minutes 5, 10 and 20`.
fn named(set: u64, unit: &str) -> String {
    let plural = if set.count_ones() > 1 { "s" } else { "" };
    format!("{unit}{plural} {}", join(&items(set, |number| number.to_string())))
}

/// `09:30`, and `09:30:15` where there are seconds.
fn clock(time: u32) -> String {
    if time.is_multiple_of(60) {
        format!("{:02}:{:02}", time / 3600, time / 60 % 60)
    } else {
        exact_clock(time)
    }
}

fn exact_clock(time: u32) -> String {
    format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}
