//! Numbers with a few decimals in answers.
//!
//! They are kept as text: so they are exact, and no plugin needs the code that parses and prints
//! floating-point numbers.

use serde::Serialize;
use serde_json::value::RawValue;

/// A JSON number with decimals.
#[derive(Serialize, Debug)]
#[serde(transparent)]
#[cfg_attr(feature = "testing", derive(schemars::JsonSchema))]
pub struct Decimal(#[cfg_attr(feature = "testing", schemars(with = "f64"))] Box<RawValue>);

impl Decimal {
    /// Returns `count / each` with up to six decimals, the rest cut off. `None` if `each` is 0 or
    /// above 18 * 10^12.
    #[must_use]
    pub fn fraction(count: u64, each: u64) -> Option<Self> {
        let (whole, part) = (count.checked_div(each)?, count % each);
        let micro = part.checked_mul(1_000_000)? / each;
        Self::trimmed(&format!("{whole}.{micro:06}"))
    }

    /// Returns `count / 1000`.
    #[must_use]
    pub fn thousandths(count: i64) -> Option<Self> {
        let (whole, part) = (count.unsigned_abs() / 1000, count.unsigned_abs() % 1000);
        let sign = if count < 0 { "-" } else { "" };
        Self::trimmed(&format!("{sign}{whole}.{part:03}"))
    }

    /// Takes a decimal as a file writes it, `0.20`; only digits and one point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        RawValue::from_string(text.to_owned()).ok().filter(|_| is_number).map(Self)
    }

    /// Returns the digits, as they stand in the answer.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }

    fn trimmed(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('0').trim_end_matches('.');
        RawValue::from_string(text.to_owned()).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact() {
        for (count, each, want) in [
            (0, 100, Some("0")),
            (1, 100, Some("0.01")),
            (150, 100, Some("1.5")),
            (1, 1024, Some("0.000976")),
            (u64::MAX, 100, Some("184467440737095516.15")),
            (10, 1, Some("10")),
            (1, 0, None),
            (u64::MAX - 1, u64::MAX, None),
        ] {
            assert_eq!(
                Decimal::fraction(count, each).as_ref().map(Decimal::text),
                want,
                "{count} {each}"
            );
        }
    }

    #[test]
    fn thousandths_have_a_sign() {
        for (count, want) in [
            (0, "0"),
            (1, "0.001"),
            (1500, "1.5"),
            (45_000, "45"),
            (-5050, "-5.05"),
            (-1, "-0.001"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(Decimal::thousandths(count).unwrap().text(), want);
        }
    }

    #[test]
    fn only_a_number_is_taken() {
        for (text, want) in [
            ("0.20", true),
            ("12", true),
            ("", false),
            ("1.", false),
            ("1.2.3", false),
            ("-1", false),
            ("null", false),
            ("\"1\"", false),
            ("1e5", false),
        ] {
            assert_eq!(Decimal::parse(text).is_some(), want, "{text:?}");
        }
    }
}
