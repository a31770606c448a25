//! rpm's order: `[EPOCH:]VERSION[-RELEASE]`, rpm-version(7). A missing epoch is 0; a release that one
//! of the two lacks is not compared, as in dependencies.

use std::cmp::Ordering;

/// Compares two versions.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Version::of(a), Version::of(b));
    a.epoch.cmp(&b.epoch).then_with(|| segments(a.version, b.version)).then_with(|| {
        match (a.release, b.release) {
            (Some(a), Some(b)) => segments(a, b),
            _ => Ordering::Equal,
        }
    })
}

struct Version<'a> {
    epoch: u64,
    version: &'a str,
    release: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn of(text: &'a str) -> Self {
        let (epoch, rest) = match text.split_once(':').map(|(epoch, rest)| (epoch.parse(), rest)) {
            Some((Ok(epoch), rest)) => (epoch, rest),
            _ => (0, text),
        };
        match rest.rsplit_once('-') {
            Some((version, release)) => Self { epoch, version, release: Some(release) },
            None => Self { epoch, version: rest, release: None },
        }
    }
}

/// Compares segment by segment: digits, letters, `~` (before the end) and `^` (after the end, before
/// anything else). All else only separates.
fn segments(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    if a == b {
        return Ordering::Equal;
    }
    loop {
        a = without_separators(a);
        b = without_separators(b);
        match (a.first() == Some(&b'~'), b.first() == Some(&b'~')) {
            (true, true) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        match (a.first() == Some(&b'^'), b.first() == Some(&b'^')) {
            (true, true) => {
                (a, b) = (&a[1..], &b[1..]);
                continue;
            }
            (true, false) if b.is_empty() => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            (false, true) if a.is_empty() => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len());
        }
        let digits = a[0].is_ascii_digit();
        let x = segment(&mut a, digits);
        let y = segment(&mut b, digits);
        if y.is_empty() {
            // Of different kinds: digits are newer than letters.
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let order = if digits {
            let (x, y) = (without_zeros(x), without_zeros(y));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            x.cmp(y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

fn without_separators(text: &[u8]) -> &[u8] {
    let counts = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    &text[text.iter().position(counts).unwrap_or(text.len())..]
}

fn segment<'a>(text: &mut &'a [u8], digits: bool) -> &'a [u8] {
    let of_kind = |byte: &u8| {
        if digits { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() }
    };
    let end = text.iter().position(|byte| !of_kind(byte)).unwrap_or(text.len());
    let (segment, rest) = text.split_at(end);
    *text = rest;
    segment
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().take_while(|digit| **digit == b'0').count()..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The cases of rpm's own tests of rpmvercmp.
    const CASES: &[(&str, &str, Ordering)] = {
        use Ordering::{Equal as E, Greater as G, Less as L};
        &[
            ("1.0", "1.0", E),
            ("1.0", "2.0", L),
            ("2.0.1", "2.0.1", E),
            ("2.0", "2.0.1", L),
            ("2.0.1a", "2.0.1", G),
            ("2.0.1", "2.0.1a", L),
            ("5.5p1", "5.5p2", L),
            ("5.5p10", "5.5p1", G),
            ("10xyz", "10.1xyz", L),
            ("xyz10", "xyz10.1", L),
            ("xyz.4", "8", L),
            ("xyz.4", "2", L),
            ("5.5p2", "5.6p1", L),
            ("5.6p1", "6.5p1", L),
            ("6.0.rc1", "6.0", G),
            ("10b2", "10a1", G),
            ("10a2", "10b2", L),
            ("1.0aa", "1.0a", G),
            ("10.0001", "10.1", E),
            ("10.0001", "10.0039", L),
            ("4.999.9", "5.0", L),
            ("20101121", "20101122", L),
            ("2_0", "2.0", E),
            ("a", "a", E),
            ("a+", "a_", E),
            ("+a", "_a", E),
            ("+_", "_+", E),
            ("+", "_", E),
            ("1.0~rc1", "1.0", L),
            ("1.0", "1.0~rc1", G),
            ("1.0~rc1", "1.0~rc2", L),
            ("1.0~rc1~git123", "1.0~rc1", L),
            ("1.0^", "1.0", G),
            ("1.0^git1", "1.0", G),
            ("1.0^git1", "1.0^git2", L),
            ("1.0^git1", "1.01", L),
            ("1.0^20160101", "1.0.1", L),
            ("1.0^20160101^git1", "1.0^20160102", L),
            ("1.0~rc1^git1", "1.0~rc1", G),
            ("1.0^git1~pre", "1.0^git1", L),
            ("1:1-1", "2-1", G),
            ("0:1-1", "1-1", E),
            ("3.0.7-27.el9", "3.0.7-28.el9", L),
            ("3.0.7-27.el9", "3.0.7", E),
            ("1b.fc17", "1b.fc17", E),
            ("1b.fc17", "1.fc17", L),
            ("1g.fc17", "1.fc17", G),
        ]
    };

    #[test]
    fn versions_are_ordered_as_rpms_own_tests_demand() {
        for (a, b, wanted) in CASES {
            assert_eq!(compare(a, b), *wanted, "{a} {b}");
            assert_eq!(compare(b, a), wanted.reverse(), "{b} {a}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_have_an_order(a in "[0-9a-c.~^+:-]{0,9}", b in "[0-9a-c.~^+:-]{0,9}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }
    }
}
