//! Numbers with a few decimals, kept as text: parsing and printing floating-point numbers would make the library a
//! tenth larger, and these are exact.

use serde::Serialize;
use serde_json::value::RawValue;

/// A JSON number.
#[derive(Serialize, Debug)]
#[serde(transparent)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Decimal(#[cfg_attr(test, schemars(with = "f64"))] Box<RawValue>);

impl Decimal {
    /// `count` parts, of which a thousand make a whole.
    pub(crate) fn thousandths(count: i64) -> Option<Self> {
        let (whole, part) = (count.unsigned_abs() / 1000, count.unsigned_abs() % 1000);
        let sign = if count < 0 { "-" } else { "" };
        let text = format!("{sign}{whole}.{part:03}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        RawValue::from_string(text.to_owned()).ok().map(Self)
    }

    #[cfg(test)]
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        for (count, want) in [
            (0, "0"),
            (45_000, "45"),
            (27_800, "27.8"),
            (-5_050, "-5.05"),
            (-1, "-0.001"),
            (i64::MIN, "-9223372036854775.808"),
        ] {
            assert_eq!(Decimal::thousandths(count).unwrap().text(), want);
        }
    }
}
