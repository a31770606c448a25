//! Tells the operator on standard error what is done: a line for each table, and one every few
//! seconds for those that take longer.

use std::io::Write as _;
use std::time::{Duration, Instant};

/// The time between two lines about one table.
const EVERY: Duration = Duration::from_secs(5);

/// The lines about one table.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    verb: &'a str,
    table: &'a str,
    begun: Instant,
    told: Instant,
    rows: u64,
}

impl<'a> Progress<'a> {
    /// Begins a table.
    pub(super) fn of(verb: &'a str, table: &'a str) -> Self {
        let now = Instant::now();
        Self { verb, table, begun: now, told: now, rows: 0 }
    }

    /// Counts rows.
    pub(super) fn add(&mut self, rows: u64) {
        let thousands = self.rows >> 10;
        self.rows += rows;
        // The clock is looked at once for many rows.
        if self.rows >> 10 > thousands && self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            self.tell("…");
        }
    }

    /// Returns the rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes the table's last line, if it has rows.
    pub(super) fn end(&self, more: &str) {
        if self.rows > 0 {
            self.tell(more);
        }
    }

    fn tell(&self, more: &str) {
        let milliseconds = self.begun.elapsed().as_millis().max(1);
        let rate = u64::try_from(u128::from(self.rows) * 1000 / milliseconds).unwrap_or(u64::MAX);
        let Self { verb, table, rows, .. } = self;
        say(&format!("{verb} {table}: {} rows, {} rows/s{more}", grouped(*rows), grouped(rate)));
    }
}

/// Writes a line.
pub(super) fn say(text: &str) {
    // Where nobody reads it, the move goes on.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes a number with commas.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_apart() {
        let numbers = [0, 999, 1000, 12_345_678];
        assert_eq!(numbers.map(grouped), ["0", "999", "1,000", "12,345,678"]);
    }
}
