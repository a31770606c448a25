//! Shares of a run's targets: `10`, `10%`, and `none` where that makes sense.

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// All of something, in hundredths of a percent.
const WHOLE: u32 = 10_000;

/// A number of targets, or a percentage of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// So many.
    Number(u32),
    /// Hundredths of a percent, up to 10,000.
    Percent(u32),
}

/// How many failures are tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// Any number: failures stop nothing.
    Any,
    /// Up to so many; one more stops the run.
    UpTo(Share),
}

/// A text that is neither a number nor a percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAShare;

impl Share {
    /// Everything.
    pub const ALL: Self = Self::Percent(WHOLE);

    /// Returns how many of `total` targets it is. A percentage is rounded up, so that a share of
    /// something is never nothing.
    pub fn of(self, total: u32) -> u32 {
        self.counted(total, WHOLE - 1)
    }

    /// Returns how many of `total` it allows. A percentage is rounded down.
    pub fn at_most(self, total: u32) -> u32 {
        self.counted(total, 0)
    }

    fn counted(self, total: u32, round: u32) -> u32 {
        match self {
            Self::Number(number) => number.min(total),
            Self::Percent(hundredths) => {
                let parts = u64::from(total) * u64::from(hundredths) + u64::from(round);
                u32::try_from(parts / u64::from(WHOLE)).unwrap_or(total).min(total)
            }
        }
    }

    /// Returns whether it is a share of nothing: `0` or `0%`.
    pub const fn is_none(self) -> bool {
        matches!(self, Self::Number(0) | Self::Percent(0))
    }
}

impl Tolerance {
    /// No failure at all.
    pub const NONE: Self = Self::UpTo(Share::Number(0));

    /// Returns how many failures of `total` targets are tolerated; `None` for any number.
    pub fn of(self, total: u32) -> Option<u32> {
        match self {
            Self::Any => None,
            Self::UpTo(share) => Some(share.at_most(total)),
        }
    }
}

impl FromStr for Share {
    type Err = NotAShare;

    /// Reads `10`, `10%` or `0.25%`.
    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse::<u32>().map_err(|_| NotAShare) } else { Err(NotAShare) }
        };
        let Some(percent) = text.strip_suffix('%') else {
            return number(text).map(Self::Number);
        };
        let (whole, fraction) = percent.split_once('.').unwrap_or((percent, "0"));
        if fraction.len() > 2 {
            return Err(NotAShare);
        }
        let scale = if fraction.len() == 1 { 10 } else { 1 };
        let whole = number(whole)?;
        let hundredths = whole
            .checked_mul(100)
            .and_then(|whole| whole.checked_add(number(fraction).ok()? * scale))
            .ok_or(NotAShare)?;
        if hundredths > WHOLE { Err(NotAShare) } else { Ok(Self::Percent(hundredths)) }
    }
}

impl FromStr for Tolerance {
    type Err = NotAShare;

    /// Reads a share, or `none` for no limit.
    fn from_str(text: &str) -> Result<Self, NotAShare> {
        if text == "none" { Ok(Self::Any) } else { text.parse().map(Self::UpTo) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Percent(parts) if parts % 100 == 0 => write!(f, "{}%", parts / 100),
            Self::Percent(parts) if parts % 10 == 0 => {
                write!(f, "{}.{}%", parts / 100, parts % 100 / 10)
            }
            Self::Percent(parts) => write!(f, "{}.{:02}%", parts / 100, parts % 100),
        }
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("none"),
            Self::UpTo(share) => share.fmt(f),
        }
    }
}

impl fmt::Display for NotAShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a number such as 10, or a percentage up to 100% such as 10% or 0.25%")
    }
}

impl std::error::Error for NotAShare {}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Tolerance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    /// Reads the text, or a bare number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Tolerance {
    /// Reads the text, or a bare number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText)?.parse().map_err(D::Error::custom)
    }
}

struct NumberOrText;

impl Visitor<'_> for NumberOrText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number such as 10 or a text such as \"10%\"")
    }

    fn visit_u64<E>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_reads_its_own_text() {
        for (text, share) in [
            ("0", Share::Number(0)),
            ("25", Share::Number(25)),
            ("10%", Share::Percent(1000)),
            ("0.5%", Share::Percent(50)),
            ("33.33%", Share::Percent(3333)),
            ("100%", Share::ALL),
        ] {
            assert_eq!(text.parse(), Ok(share), "{text}");
            assert_eq!(share.to_string(), text);
            assert_eq!(text.parse(), Ok(Tolerance::UpTo(share)));
        }
        assert_eq!("none".parse(), Ok(Tolerance::Any));
        for bad in
            ["", "-1", "+1", "1 %", "%", "101%", "1.%", ".5%", "1.234%", "1.5", "none%", "x", "1e3"]
        {
            assert_eq!(bad.parse::<Share>(), Err(NotAShare), "{bad}");
        }
        assert_eq!("5000000000".parse::<Share>(), Err(NotAShare));
        assert_eq!("99999999%".parse::<Share>(), Err(NotAShare));
    }

    #[test]
    fn a_percentage_of_stages_rounds_up_and_one_of_failures_down() {
        for (text, total, of, at_most) in [
            ("10%", 5, 1, 0),
            ("10%", 1000, 100, 100),
            ("33.33%", 10, 4, 3),
            ("100%", 7, 7, 7),
            ("0%", 7, 0, 0),
            ("10", 7, 7, 7),
            ("3", 7, 3, 3),
            ("100%", u32::MAX, u32::MAX, u32::MAX),
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.of(total), share.at_most(total)), (of, at_most), "{text} of {total}");
        }
        assert_eq!(Tolerance::Any.of(7), None);
        assert_eq!(Tolerance::NONE.of(7), Some(0));
    }

    #[test]
    fn json_has_texts_and_takes_numbers() {
        let read = |text: &str| serde_json::from_str::<Tolerance>(text);
        assert_eq!(read("3").unwrap(), Tolerance::UpTo(Share::Number(3)));
        assert_eq!(read("\"none\"").unwrap(), Tolerance::Any);
        assert!(read("-1").is_err() && read("1.5").is_err() && read("null").is_err());
        assert_eq!(serde_json::to_string(&Share::Percent(50)).unwrap(), "\"0.5%\"");
    }
}
