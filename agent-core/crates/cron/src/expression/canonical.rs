//! Prints an expression: six fields, each sorted, with the same meaning.

use super::field::{FIELDS, Field};
use super::sets::Expression;
use std::fmt;

/// Prints the canonical text, which parses to the same meaning.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(zone) = &self.zone {
            write!(f, "CRON_TZ={zone} ")?;
        }
        let (month, week) = (&self.month_days, &self.week_days);
        let numbers = [
            self.seconds,
            self.minutes,
            self.hours.into(),
            month.numbers.into(),
            self.months.into(),
            week.numbers.into(),
        ];
        for (place, (field, numbers)) in FIELDS.iter().zip(numbers).enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            if (self.questions >> place) & 1 != 0 {
                f.write_str("?")?;
                continue;
            }
            let mut items = field.items(numbers, (self.stars >> place) & 1 != 0);
            let mut add =
                |set: u32, show: &dyn Fn(u8) -> String| items.extend(members(set.into()).map(show));
            let day = |day: u8| FIELDS[5].name_of(day);
            match place {
                3 => {
                    let last =
                        |before| if before == 0 { "L".to_owned() } else { format!("L-{before}") };
                    add(month.last, &last);
                    add(month.last_working, &|before| last(before) + "W");
                    add(month.working, &|day| format!("{day}W"));
                    add(month.open, &|day| format!("{day}C"));
                }
                5 => {
                    add(week.last.into(), &|number| day(number) + "L");
                    for (which, set) in (1..).zip(week.nth) {
                        add(set.into(), &|number| format!("{}#{which}", day(number)));
                    }
                    add(week.open.into(), &|number| day(number) + "C");
                }
                _ => {}
            }
            f.write_str(&items.join(","))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({self})")
    }
}

impl Field {
    /// Lists a set's numbers; a field that had a star keeps one, for the rules about stars.
    fn items(&self, mut set: u64, star: bool) -> Vec<String> {
        let mut items = Vec::new();
        if star {
            // The widest star within the set; the written star is within it.
            let within = |step: &u8| self.every(*step) & !set == 0;
            let step = (1..=self.steps()).find(within).expect("a star is a subset of its field");
            items.push(if step == 1 { "*".to_owned() } else { format!("*/{step}") });
            set &= !self.every(step);
        }
        let numbers: Vec<u8> = members(set).collect();
        for run in numbers.chunk_by(|a, b| b - a == 1) {
            match run {
                [first, _, .., last] if run.len() > 2 => {
                    items.push(format!("{}-{}", self.name_of(*first), self.name_of(*last)));
                }
                _ => items.extend(run.iter().map(|&number| self.name_of(number))),
            }
        }
        items
    }

    fn name_of(&self, number: u8) -> String {
        let name = self.names.get(usize::from(number - self.first));
        name.map_or_else(|| number.to_string(), |&name| name.to_owned())
    }
}

fn members(set: u64) -> impl Iterator<Item = u8> {
    (0..64).filter(move |number| (set >> number) & 1 != 0)
}
