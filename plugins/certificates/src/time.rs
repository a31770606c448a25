//! Times of certificates: UTCTime and GeneralizedTime (X.680).
//!
//! RFC 5280 allows only `Z` and whole seconds, but certificates with offsets from UTC, with
//! fractions or without seconds exist, and openssl shows them.

use readers::utc;

use crate::tlv::{Element, GENERALIZED_TIME, UTC_TIME};

/// A time in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    /// `2026-01-31T12:00:00Z`.
    pub(crate) text: String,
    /// Seconds since 1970.
    pub(crate) epoch: i64,
}

impl Time {
    /// Reads a time; `None` if it is none, or outside of the years 0 to 9999.
    pub(crate) fn of(element: Element<'_>) -> Option<Self> {
        let mut rest = element.content;
        let year = match element.tag {
            GENERALIZED_TIME => digits(&mut rest, 2)? * 100 + digits(&mut rest, 2)?,
            UTC_TIME => match digits(&mut rest, 2)? {
                year @ 50.. => 1900 + year,
                year => 2000 + year,
            },
            _ => return None,
        };
        let (month, day) = (digits(&mut rest, 2)?, digits(&mut rest, 2)?);
        let (hour, minute) = (digits(&mut rest, 2)?, digits(&mut rest, 2)?);
        let mut second = 0;
        if rest.first()?.is_ascii_digit() {
            second = digits(&mut rest, 2)?;
            if let Some(fraction) = rest.strip_prefix(b".")
                && element.tag == GENERALIZED_TIME
            {
                let end = fraction.iter().position(|byte| !byte.is_ascii_digit())?;
                rest = fraction.get(end..).filter(|_| end > 0)?;
            }
        }
        let ahead = offset(rest)?;
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let epoch = utc::midnight(year, month, day)? + hour * 3600 + minute * 60 + second - ahead;
        Some(Self { text: utc::date_time(epoch)? + "Z", epoch })
    }
}

/// Reads a number of so many digits.
fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (number, after) = rest.split_at_checked(count)?;
    *rest = after;
    let digit = |byte: &u8| char::from(*byte).to_digit(10).map(i64::from);
    number.iter().try_fold(0, |sum, byte| Some(sum * 10 + digit(byte)?))
}

/// Reads `Z`, `+hhmm` or `-hhmm` as seconds ahead of UTC.
fn offset(mut rest: &[u8]) -> Option<i64> {
    let (sign, after) = rest.split_first()?;
    rest = after;
    let seconds = match sign {
        b'Z' => 0,
        b'+' | b'-' => {
            let (hours, minutes) = (digits(&mut rest, 2)?, digits(&mut rest, 2)?);
            let size = hours * 3600 + minutes * 60;
            if hours > 12 || minutes > 59 {
                return None;
            }
            if *sign == b'+' { size } else { -size }
        }
        _ => return None,
    };
    rest.is_empty().then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_forms_are_read() {
        for (tag, text, want) in [
            (UTC_TIME, "700101000000Z", Some(("1970-01-01T00:00:00Z", 0))),
            (UTC_TIME, "500101000000Z", Some(("1950-01-01T00:00:00Z", -631_152_000))),
            (UTC_TIME, "491231235959Z", Some(("2049-12-31T23:59:59Z", 2_524_607_999))),
            (UTC_TIME, "7001010000Z", Some(("1970-01-01T00:00:00Z", 0))),
            (UTC_TIME, "700101013000+0130", Some(("1970-01-01T00:00:00Z", 0))),
            (UTC_TIME, "6912312300-0100", Some(("1970-01-01T00:00:00Z", 0))),
            (GENERALIZED_TIME, "20240229120000Z", Some(("2024-02-29T12:00:00Z", 1_709_208_000))),
            (GENERALIZED_TIME, "20240229120000.75Z", Some(("2024-02-29T12:00:00Z", 1_709_208_000))),
            (
                GENERALIZED_TIME,
                "20240229120000.5+0100",
                Some(("2024-02-29T11:00:00Z", 1_709_204_400)),
            ),
            (GENERALIZED_TIME, "99991231235959Z", Some(("9999-12-31T23:59:59Z", 253_402_300_799))),
            (GENERALIZED_TIME, "99991231235959-0100", None),
            (GENERALIZED_TIME, "20230229120000Z", None),
            (GENERALIZED_TIME, "20240229120000.Z", None),
            (GENERALIZED_TIME, "20240229120000", None),
            (GENERALIZED_TIME, "20240229126000Z", None),
            (UTC_TIME, "700101000000.5Z", None),
            (UTC_TIME, "700101000000+1300", None),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "700100000000Z", None),
            (UTC_TIME, "70010100000xZ", None),
            (UTC_TIME, "700101000000ZZ", None),
            (GENERALIZED_TIME, "Z", None),
            (4, "700101000000Z", None),
        ] {
            let element = Element { tag, whole: &[], content: text.as_bytes() };
            let found = Time::of(element).map(|time| (time.text, time.epoch));
            assert_eq!(found, want.map(|(text, epoch)| (text.to_owned(), epoch)), "{text}");
        }
    }
}
