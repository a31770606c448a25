//! A number of hosts, or a share of them.

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A number of hosts, or a share of them in percent. In JSON a number, as in `20`, or a text, as in
/// `"20"` or `"10%"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Amount {
    /// So many hosts.
    Count(u32),
    /// So many of a hundred, 0 to 100.
    Percent(u8),
}

/// How many failures are borne. In JSON an [`Amount`], or `"none"` where failures never stop
/// anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tolerance {
    /// More failures than this stop the run.
    AtMost(Amount),
    /// Failures never stop the run.
    Unlimited,
}

/// A text that is no amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnAmount(String);

impl FromStr for Amount {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        let (digits, percent) = match text.strip_suffix('%') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let wrong = || NotAnAmount(text.chars().take(32).collect());
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: u32 = digits.parse().map_err(|_| wrong())?;
        match (percent, u8::try_from(number)) {
            (false, _) => Ok(Self::Count(number)),
            (true, Ok(percent @ 0..=100)) => Ok(Self::Percent(percent)),
            (true, _) => Err(wrong()),
        }
    }
}

impl FromStr for Tolerance {
    type Err = NotAnAmount;

    fn from_str(text: &str) -> Result<Self, NotAnAmount> {
        if text == NONE { Ok(Self::Unlimited) } else { text.parse().map(Self::AtMost) }
    }
}

/// Failures never stop the run.
const NONE: &str = "none";

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(number) => write!(f, "{number}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(amount) => amount.fmt(f),
            Self::Unlimited => f.write_str(NONE),
        }
    }
}

impl fmt::Display for NotAnAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no number of hosts, as in 20, nor a share of them, as in 10%", self.0)
    }
}

impl std::error::Error for NotAnAmount {}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(number) => serializer.serialize_u32(*number),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl Serialize for Tolerance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AtMost(amount) => amount.serialize(serializer),
            Self::Unlimited => serializer.serialize_str(NONE),
        }
    }
}

/// Reads a number, or a text by `FromStr`.
struct NumberOrText(&'static str);

impl Visitor<'_> for NumberOrText {
    type Value = Tolerance;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Tolerance, E> {
        let count = u32::try_from(number)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))?;
        Ok(Tolerance::AtMost(Amount::Count(count)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tolerance, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wanted = "a number of hosts, or a share of them as in \"10%\"";
        match deserializer.deserialize_any(NumberOrText(wanted))? {
            Tolerance::AtMost(amount) => Ok(amount),
            Tolerance::Unlimited => Err(D::Error::custom(NotAnAmount(NONE.to_owned()))),
        }
    }
}

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wanted = "a number of hosts, a share of them as in \"10%\", or \"none\"";
        deserializer.deserialize_any(NumberOrText(wanted))
    }
}

/// Returns the schema of a number, or a text with this pattern.
fn number_or_text(pattern: &str, description: &str, example: &str) -> RefOr<Schema> {
    let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let number = number.maximum(Some(u32::MAX)).build();
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).build();
    let either = OneOfBuilder::new().item(number).item(text);
    let either = either.description(Some(description)).examples([example]);
    RefOr::T(Schema::OneOf(either.build()))
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        let pattern = "^([0-9]{1,9}|([0-9]|[1-9][0-9]|100)%)$";
        number_or_text(pattern, "A number of hosts, or a share of them in percent.", "10%")
    }
}

impl ToSchema for Amount {}

impl PartialSchema for Tolerance {
    fn schema() -> RefOr<Schema> {
        let pattern = "^(none|[0-9]{1,9}|([0-9]|[1-9][0-9]|100)%)$";
        let description = "How many failures are borne: a number of hosts, a share of them in \
                           percent, or `none` where failures never stop anything.";
        number_or_text(pattern, description, "3")
    }
}

impl ToSchema for Tolerance {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_a_number_or_a_share() {
        for (json, wanted, text) in [
            ("20", Amount::Count(20), "20"),
            ("\"20\"", Amount::Count(20), "20"),
            ("\"10%\"", Amount::Percent(10), "\"10%\""),
            ("\"100%\"", Amount::Percent(100), "\"100%\""),
            ("0", Amount::Count(0), "0"),
        ] {
            let read: Amount = serde_json::from_str(json).unwrap();
            assert_eq!((read, serde_json::to_string(&read).unwrap().as_str()), (wanted, text));
            let read: Tolerance = serde_json::from_str(json).unwrap();
            assert_eq!(read, Tolerance::AtMost(wanted));
        }
        let none: Tolerance = serde_json::from_str("\"none\"").unwrap();
        assert_eq!(none, Tolerance::Unlimited);
        assert_eq!(serde_json::to_string(&none).unwrap(), "\"none\"");
    }

    #[test]
    fn what_is_no_amount_is_rejected_with_an_example() {
        for json in ["\"\"", "\"%\"", "\"101%\"", "\"-1\"", "\"+1\"", "\"none\"", "\"1 %\"", "-1"] {
            let error = serde_json::from_str::<Amount>(json).unwrap_err().to_string();
            assert!(error.contains("10%"), "{json}: {error}");
        }
        for json in ["4294967296", "1.5", "null", "[]", "true", "\"all\""] {
            assert!(serde_json::from_str::<Tolerance>(json).is_err(), "{json}");
        }
    }
}
