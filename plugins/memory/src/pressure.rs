//! Memory pressure: /proc/pressure/memory (Documentation/accounting/psi.rst).

use readers::decimal::Decimal;
use serde::Serialize;

/// The `pressure` object of the answer.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Pressure {
    /// Time in which at least one task waited for memory.
    pub(crate) some: Option<Stall>,
    /// Time in which all non-idle tasks waited for memory.
    pub(crate) full: Option<Stall>,
}

/// How much of the time tasks waited.
#[derive(Serialize, Debug)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Stall {
    /// Percentage of the last ten seconds.
    pub(crate) avg10_percent: Decimal,
    /// Percentage of the last minute.
    pub(crate) avg60_percent: Decimal,
    /// Percentage of the last five minutes.
    pub(crate) avg300_percent: Decimal,
    /// Seconds since boot.
    pub(crate) total_seconds: Decimal,
}

pub(crate) fn parse(text: &str) -> Pressure {
    let stall = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let value =
            |key: &str| line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        Some(Stall {
            avg10_percent: Decimal::parse(value("avg10")?)?,
            avg60_percent: Decimal::parse(value("avg60")?)?,
            avg300_percent: Decimal::parse(value("avg300")?)?,
            // The kernel counts microseconds.
            total_seconds: Decimal::fraction(value("total")?.parse().ok()?, 1_000_000)?,
        })
    };
    Pressure { some: stall("some "), full: stall("full ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_totals_are_read() {
        let pressure = parse("some avg10=0.12 avg60=1.00 avg300=22.50 total=3679028\n");
        let some = pressure.some.unwrap();
        assert_eq!((some.avg10_percent.text(), some.avg300_percent.text()), ("0.12", "22.50"));
        assert_eq!(some.total_seconds.text(), "3.679028");
        assert!(pressure.full.is_none());
        for text in ["", "some", "some avg10=0.1", "some avg10=x avg60=1 avg300=1 total=1"] {
            assert!(parse(text).some.is_none(), "{text:?}");
        }
    }
}
