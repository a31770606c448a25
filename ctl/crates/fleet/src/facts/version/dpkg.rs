//! dpkg's order: `[EPOCH:]UPSTREAM[-REVISION]`, deb-version(7). Texts that are no versions have a
//! place in the order too, as in `dpkg --compare-versions`.

use std::cmp::Ordering;

/// Compares two versions.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (Version::of(a), Version::of(b));
    a.epoch
        .cmp(&b.epoch)
        .then_with(|| part(a.upstream.as_bytes(), b.upstream.as_bytes()))
        .then_with(|| part(a.revision.as_bytes(), b.revision.as_bytes()))
}

struct Version<'a> {
    epoch: u64,
    upstream: &'a str,
    revision: &'a str,
}

impl<'a> Version<'a> {
    fn of(text: &'a str) -> Self {
        let text = text.trim_ascii();
        let (epoch, rest) = match text.split_once(':').map(|(epoch, rest)| (epoch.parse(), rest)) {
            Some((Ok(epoch), rest)) => (epoch, rest),
            _ => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        Self { epoch, upstream, revision }
    }
}

/// Compares texts by alternating parts without and with digits.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        while is_word(a) || is_word(b) {
            let order = rank(a.first()).cmp(&rank(b.first()));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (a.get(1..).unwrap_or_default(), b.get(1..).unwrap_or_default());
        }
        let (x, y) = (number(&mut a), number(&mut b));
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn is_word(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| !byte.is_ascii_digit())
}

/// A tilde comes before the end, the end before letters, letters before all else.
fn rank(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

/// Takes the digits at the start, and returns them without leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// The cases of dpkg's own tests of versions.
    const EQUAL: &[(&str, &str)] = &[
        ("0", "0"),
        ("0-00", "00-0"),
        ("0", "0-0"),
        ("0:0", "0"),
        ("0:0-0", "0:0-0"),
        ("1:2-3", "1:2-3"),
        ("01:2-03", "1:02-3"),
        ("0:0-0-0", "0:0-0-0"),
        ("1.0", "1.00"),
        ("  1.2-3  ", "1.2-3"),
    ];

    /// Each is older than the next.
    const ASCENDING: &[&[&str]] = &[
        &["0:1", "1:0"],
        &["0:0-0", "1:0-0", "2:0-0"],
        &["0:0-0", "0:1-0", "0:1-1"],
        &["0:a-0", "0:b-0", "0:b-a"],
        &["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-0.1", "1.0-1", "1.0a", "1.0+", "1.0.1"],
        &["1.2~rc1-1", "1.2-0", "1.2-1~bpo12+1", "1.2-1", "1.2-1+b1", "1.2-1+deb12u1"],
        &["3.0.11-1~deb12u2", "3.0.14-1~deb12u1", "3.0.14-1~deb12u2", "3.0.15-1~deb12u1"],
        &["9", "10", "100", "1:1"],
        &["2.30.2-1", "1:2.30.2-1"],
        &["1.0a", "1.0b", "1.0.", "1.0.1"],
        &["7.6-0", "7.6p2-4"],
        &["1.0-1", "1.0.3-3"],
        &["1.2.2-2", "1.2.3", "1.3"],
    ];

    #[test]
    fn versions_are_ordered_as_dpkgs_own_tests_demand() {
        for (a, b) in EQUAL {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
        for list in ASCENDING {
            for (place, older) in list.iter().enumerate() {
                for newer in &list[place + 1..] {
                    assert_eq!(compare(older, newer), Ordering::Less, "{older} {newer}");
                    assert_eq!(compare(newer, older), Ordering::Greater, "{older} {newer}");
                }
            }
        }
    }

    /// Asks the real dpkg, where it is installed.
    #[expect(clippy::disallowed_methods, reason = "the program that our order is compared with")]
    fn by_dpkg(a: &str, b: &str) -> Option<Ordering> {
        let is = |operator: &str| {
            let done =
                Command::new("dpkg").args(["--compare-versions", a, operator, b]).output().ok()?;
            // A warning about an odd version still comes with an answer.
            done.status.code()
        };
        match (is("lt"), is("gt")) {
            (Some(0), _) => Some(Ordering::Less),
            (_, Some(0)) => Some(Ordering::Greater),
            (Some(1), Some(1)) => Some(Ordering::Equal),
            _ => None,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

        #[test]
        fn any_two_versions_are_ordered_as_the_real_dpkg_orders_them(
            a in "([0-2]:)?[0-9][0-9a-c.+~]{0,5}(-[0-9a-c.+~]{1,4})?",
            b in "([0-2]:)?[0-9][0-9a-c.+~]{0,5}(-[0-9a-c.+~]{1,4})?",
        ) {
            if let Some(wanted) = by_dpkg(&a, &b) {
                prop_assert_eq!(compare(&a, &b), wanted);
            }
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        }

        #[test]
        fn any_texts_have_an_order(a in any::<String>(), b in any::<String>(), c in any::<String>()) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            let mut sorted = [&a, &b, &c];
            sorted.sort_by(|x, y| compare(x, y));
            prop_assert_ne!(compare(sorted[0], sorted[2]), Ordering::Greater);
        }
    }
}
