//! What is told of a certificate (RFC 5280). Nothing is verified: neither its signature nor its chain.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::der::{
    BIT_STRING, BOOLEAN, Element, GENERALIZED_TIME, INTEGER, OCTET_STRING, OID, Reader, UTC_TIME, oid,
};
use crate::name;

/// The parts of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The certificate's own bytes: an OpenSSL "trusted" one has more after it.
    pub(crate) length: usize,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) self_signed: bool,
    pub(crate) serial: String,
    pub(crate) sans: Vec<String>,
    pub(crate) not_before: Time,
    pub(crate) not_after: Time,
    pub(crate) is_ca: bool,
    pub(crate) key_type: String,
    pub(crate) key_bits: Option<usize>,
    pub(crate) signature_algorithm: String,
}

/// A time in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) text: String,
    /// Seconds since 1970.
    pub(crate) epoch: i64,
}

/// As openssl calls them.
const SIGNATURES: [(&str, &str); 16] = [
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.3.101.112", "ED25519"),
    ("1.3.101.113", "ED448"),
    ("1.2.840.10040.4.3", "dsaWithSHA1"),
    ("2.16.840.1.101.3.4.3.2", "dsa_with_SHA256"),
];

/// Bits of curves by their names' numbers.
const CURVES: [(&str, usize); 9] = [
    ("1.2.840.10045.3.1.1", 192),
    ("1.2.840.10045.3.1.7", 256),
    ("1.3.132.0.10", 256),
    ("1.3.132.0.33", 224),
    ("1.3.132.0.34", 384),
    ("1.3.132.0.35", 521),
    ("1.3.36.3.3.2.8.1.1.7", 256),
    ("1.3.36.3.3.2.8.1.1.11", 384),
    ("1.3.36.3.3.2.8.1.1.13", 512),
];

impl Certificate {
    /// None where the bytes are no certificate.
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let whole = Reader(der).next_if(crate::der::SEQUENCE)?;
        let mut certificate = Reader(whole.content);
        let mut body = certificate.sequence()?;
        let algorithm = certificate.sequence()?.next_if(OID)?;
        certificate.next_if(BIT_STRING)?;
        let algorithm = oid(algorithm.content);

        let _version = body.next_if(0xa0);
        let serial = body.next_if(INTEGER)?;
        body.sequence()?;
        let issuer = body.next_if(crate::der::SEQUENCE)?;
        let mut validity = body.sequence()?;
        let subject = body.next_if(crate::der::SEQUENCE)?;
        let mut key = body.sequence()?;
        let mut found = Self {
            length: whole.whole.len(),
            subject: name::text(subject.content),
            issuer: name::text(issuer.content),
            self_signed: subject.content == issuer.content,
            serial: crate::hex(
                serial.content.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(serial.content),
            ),
            sans: Vec::new(),
            not_before: Time::parse(validity.next()?)?,
            not_after: Time::parse(validity.next()?)?,
            is_ca: false,
            key_type: String::new(),
            key_bits: None,
            signature_algorithm: SIGNATURES
                .iter()
                .find(|(number, _)| *number == algorithm)
                .map_or(algorithm, |(_, name)| (*name).to_owned()),
        };
        (found.key_type, found.key_bits) = key_of(&mut key)?;
        while let Some(element) = body.next() {
            if element.tag == 0xa3 {
                found.extensions(element.content);
            }
        }
        Some(found)
    }

    fn extensions(&mut self, content: &[u8]) {
        let Some(mut extensions) = Reader(content).sequence() else { return };
        while let Some(mut extension) = extensions.sequence() {
            let Some(kind) = extension.next_if(OID) else { continue };
            let _critical = extension.next_if(BOOLEAN);
            let Some(value) = extension.next_if(OCTET_STRING) else { continue };
            // subjectAltName and basicConstraints: 2.5.29.17 and 19.
            match kind.content {
                [0x55, 0x1d, 17] => self.sans = alternative_names(value.content),
                [0x55, 0x1d, 19] => {
                    let constraint =
                        Reader(value.content).sequence().and_then(|mut inside| inside.next_if(BOOLEAN));
                    self.is_ca = constraint.is_some_and(|flag| flag.content != [0]);
                }
                _ => {}
            }
        }
    }
}

/// Type and bits of a SubjectPublicKeyInfo.
fn key_of(key: &mut Reader<'_>) -> Option<(String, Option<usize>)> {
    let mut algorithm = key.sequence()?;
    let kind = oid(algorithm.next_if(OID)?.content);
    // The first byte says how many bits of the last are unused.
    let bytes = key.next_if(BIT_STRING)?.content.get(1..)?;
    let bits = |integer: Option<Element<'_>>| integer.map(|integer| bit_length(integer.content));
    let (name, bits) = match kind.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
            ("rsa", bits(Reader(bytes).sequence().and_then(|mut numbers| numbers.next_if(INTEGER))))
        }
        "1.2.840.10045.2.1" => {
            let curve = algorithm.next_if(OID).map(|curve| oid(curve.content)).unwrap_or_default();
            ("ec", CURVES.iter().find(|(number, _)| *number == curve).map(|(_, bits)| *bits))
        }
        "1.2.840.10040.4.1" => {
            ("dsa", bits(algorithm.sequence().and_then(|mut numbers| numbers.next_if(INTEGER))))
        }
        "1.3.101.112" => ("ed25519", Some(256)),
        "1.3.101.113" => ("ed448", Some(456)),
        other => (other, None),
    };
    Some((name.to_owned(), bits))
}

fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    match number.get(zeros) {
        Some(first) => (number.len() - zeros) * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

fn alternative_names(content: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let Some(mut inside) = Reader(content).sequence() else { return names };
    while let Some(element) = inside.next() {
        let text = |kind: &str| format!("{kind}:{}", String::from_utf8_lossy(element.content));
        names.push(match element.tag {
            0x81 => text("email"),
            0x82 => text("DNS"),
            0x86 => text("URI"),
            0x87 => match element.content.len() {
                4 => {
                    let bytes =
                        [element.content[0], element.content[1], element.content[2], element.content[3]];
                    format!("IP:{}", Ipv4Addr::from(bytes))
                }
                _ => match <[u8; 16]>::try_from(element.content) {
                    Ok(bytes) => format!("IP:{}", Ipv6Addr::from(bytes)),
                    Err(_) => format!("IP:#{}", crate::hex(element.content)),
                },
            },
            0x88 => format!("RID:{}", oid(element.content)),
            0xa4 => format!(
                "DirName:{}",
                Reader(element.content).next().map(|name| name::text(name.content)).unwrap_or_default()
            ),
            _ => "othername".to_owned(),
        });
    }
    names
}

impl Time {
    /// `YYMMDDHHMMSSZ` of 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
    fn parse(element: Element<'_>) -> Option<Self> {
        let digits = element.content.strip_suffix(b"Z")?;
        let (year, rest) = match (element.tag, digits.len()) {
            (UTC_TIME, 12) => {
                let year = number(&digits[..2])?;
                (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
            }
            (GENERALIZED_TIME, 14) => (number(&digits[..4])?, &digits[4..]),
            _ => return None,
        };
        let field = |index: usize| number(&rest[index * 2..index * 2 + 2]);
        let (month, day, hour, minute, second) = (field(0)?, field(1)?, field(2)?, field(3)?, field(4)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let epoch = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        Some(Self { text, epoch })
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
}

/// Days from 1970-01-01: years begin in March, so that the leap day ends one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, month) = (year.div_euclid(400), (month + 9) % 12);
    let year_of_era = year.rem_euclid(400);
    let day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * month + 2) / 5 + day - 1;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<(String, i64)> {
        let element = Element { tag, content: text.as_bytes(), whole: &[] };
        Time::parse(element).map(|time| (time.text, time.epoch))
    }

    #[test]
    fn times_of_both_forms_are_read() {
        for (tag, text, want) in [
            (UTC_TIME, "700101000000Z", Some(("1970-01-01T00:00:00Z", 0))),
            (UTC_TIME, "500101000000Z", Some(("1950-01-01T00:00:00Z", -631_152_000))),
            (UTC_TIME, "491231235959Z", Some(("2049-12-31T23:59:59Z", 2_524_607_999))),
            (GENERALIZED_TIME, "20240229120000Z", Some(("2024-02-29T12:00:00Z", 1_709_208_000))),
            (GENERALIZED_TIME, "99991231235959Z", Some(("9999-12-31T23:59:59Z", 253_402_300_799))),
            (UTC_TIME, "7001010000Z", None),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "70010100000xZ", None),
            (GENERALIZED_TIME, "20240229120000", None),
            (GENERALIZED_TIME, "Z", None),
        ] {
            assert_eq!(time(tag, text), want.map(|(text, epoch)| (text.to_owned(), epoch)), "{text}");
        }
    }

    #[test]
    fn bits_are_counted_from_the_first_that_is_set() {
        assert_eq!(
            (bit_length(&[0, 0x80]), bit_length(&[1, 0]), bit_length(&[0]), bit_length(&[])),
            (8, 9, 0, 0)
        );
    }
}
