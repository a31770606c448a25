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
    /// `count` parts, of which `each` make a whole; 1,000,000 at most.
    pub(crate) fn fraction(count: u64, each: u64) -> Option<Self> {
        let (whole, part) = (count.checked_div(each)?, count % each);
        let micro = part.checked_mul(1_000_000)? / each;
        let text = format!("{whole}.{micro:06}");
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
        for (count, each, want) in [
            (0, 100, Some("0")),
            (1, 100, Some("0.01")),
            (150, 100, Some("1.5")),
            (1, 1024, Some("0.000976")),
            (u64::MAX, 100, Some("184467440737095516.15")),
            (10, 1, Some("10")),
            (1, 0, None),
        ] {
            assert_eq!(Decimal::fraction(count, each).as_ref().map(Decimal::text), want, "{count} {each}");
        }
    }
}
