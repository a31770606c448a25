//! The parts of a certificate (RFC 5280) that the answer shows. Nothing is verified: neither its
//! signature nor its chain.

use readers::{hex, ip, utc};
use x509_parser::certificate::X509CertificateParser;
use x509_parser::der_parser::der::parse_der_integer;
use x509_parser::extensions::{BasicConstraints, GeneralName, SubjectAlternativeName};
use x509_parser::nom::Parser as _;
use x509_parser::prelude::{ASN1Time, FromDer, SubjectPublicKeyInfo};
use x509_parser::public_key::PublicKey;

use crate::name;

/// A certificate's fields, as the answer shows them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The length of the certificate's own bytes: an OpenSSL "trusted" one has more after them.
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
    /// `2026-01-31T12:00:00Z`.
    pub(crate) text: String,
    /// Seconds since 1970.
    pub(crate) epoch: i64,
}

/// Signature algorithms as openssl names them.
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

/// Bits of elliptic curves by their identifiers.
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

/// The extensions that the answer shows.
const SUBJECT_ALTERNATIVE_NAME: &str = "2.5.29.17";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";

impl Certificate {
    /// Reads the certificate that the bytes begin with; `None` if they are not one.
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        // Other extensions may be damaged without harm, so only two are read.
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let (_, certificate) = parser.parse(der).ok()?;
        let (key_type, key_bits) = key_of(certificate.public_key());
        let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
        let serial = certificate.raw_serial();
        let mut found = Self {
            length: certificate.as_raw().len(),
            subject: name::text(certificate.subject()),
            issuer: name::text(certificate.issuer()),
            self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            // A leading 0 only says that the number is positive.
            serial: hex::upper(
                serial.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(serial),
            ),
            sans: Vec::new(),
            not_before: Time::of(certificate.validity().not_before)?,
            not_after: Time::of(certificate.validity().not_after)?,
            is_ca: false,
            key_type,
            key_bits,
            signature_algorithm: SIGNATURES
                .iter()
                .find(|(number, _)| *number == algorithm)
                .map_or(algorithm, |(_, name)| (*name).to_owned()),
        };
        for extension in certificate.extensions() {
            match extension.oid.to_id_string().as_str() {
                SUBJECT_ALTERNATIVE_NAME => {
                    let names = SubjectAlternativeName::from_der(extension.value);
                    found.sans = names.map_or_else(
                        |_| Vec::new(),
                        |(_, names)| names.general_names.iter().map(san).collect(),
                    );
                }
                BASIC_CONSTRAINTS => {
                    found.is_ca = BasicConstraints::from_der(extension.value)
                        .is_ok_and(|(_, constraints)| constraints.ca);
                }
                _ => {}
            }
        }
        Some(found)
    }
}

/// Returns a key's type and its size in bits.
fn key_of(key: &SubjectPublicKeyInfo<'_>) -> (String, Option<usize>) {
    let algorithm = key.algorithm.algorithm.to_id_string();
    let parameters = key.algorithm.parameters.as_ref();
    let (name, bits) = match algorithm.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => ("rsa", modulus_bits(key)),
        "1.2.840.10045.2.1" => {
            let curve =
                parameters.and_then(|curve| curve.as_oid().ok()).map(|curve| curve.to_id_string());
            (
                "ec",
                CURVES
                    .iter()
                    .find(|(number, _)| Some(*number) == curve.as_deref())
                    .map(|(_, bits)| *bits),
            )
        }
        // Its parameters are a sequence that begins with the prime.
        "1.2.840.10040.4.1" => ("dsa", parameters.and_then(|numbers| integer_bits(numbers.data))),
        "1.3.101.112" => ("ed25519", Some(256)),
        "1.3.101.113" => ("ed448", Some(456)),
        other => (other, None),
    };
    (name.to_owned(), bits)
}

/// Returns the bits of an RSA key, of whichever of RSA's algorithms.
fn modulus_bits(key: &SubjectPublicKeyInfo<'_>) -> Option<usize> {
    match key.parsed() {
        Ok(PublicKey::RSA(key)) => Some(bit_length(key.modulus)),
        // A key that is for PSS only has the same form: a sequence that begins with the modulus.
        Ok(PublicKey::Unknown(bytes)) => {
            let (_, sequence) = x509_parser::asn1_rs::Any::from_der(bytes).ok()?;
            integer_bits(sequence.data)
        }
        Ok(_) | Err(_) => None,
    }
}

/// Returns the bits of the integer that the bytes begin with.
fn integer_bits(der: &[u8]) -> Option<usize> {
    let (_, integer) = parse_der_integer(der).ok()?;
    integer.as_slice().ok().map(bit_length)
}

fn bit_length(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    match number.get(zeros) {
        Some(first) => (number.len() - zeros) * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

/// Formats an alternative name as openssl does, but for its spelling of addresses.
fn san(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::RFC822Name(text) => format!("email:{text}"),
        GeneralName::DNSName(text) => format!("DNS:{text}"),
        GeneralName::URI(text) => format!("URI:{text}"),
        GeneralName::IPAddress(bytes) => address(bytes),
        GeneralName::RegisteredID(oid) => format!("RID:{}", oid.to_id_string()),
        GeneralName::DirectoryName(name) => format!("DirName:{}", name::text(name)),
        GeneralName::OtherName(..) | GeneralName::X400Address(_) | GeneralName::EDIPartyName(_) => {
            "othername".to_owned()
        }
        GeneralName::Invalid(tag, bytes) => {
            let text = |kind: &str| format!("{kind}:{}", String::from_utf8_lossy(bytes));
            match tag.0 {
                1 => text("email"),
                2 => text("DNS"),
                4 => "DirName:".to_owned(),
                6 => text("URI"),
                _ => "othername".to_owned(),
            }
        }
    }
}

fn address(bytes: &[u8]) -> String {
    match ip::from_bytes(bytes) {
        Some(address) => format!("IP:{address}"),
        None => format!("IP:#{}", hex::upper(bytes)),
    }
}

impl Time {
    /// `None` outside of the years 0 to 9999.
    fn of(time: ASN1Time) -> Option<Self> {
        let epoch = time.timestamp();
        Some(Self { text: utc::date_time(epoch)? + "Z", epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(tag: u8, text: &str) -> Option<(String, i64)> {
        let der = [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        let (_, time) = ASN1Time::from_der(&der).ok()?;
        Time::of(time).map(|time| (time.text, time.epoch))
    }

    #[test]
    fn times_of_both_forms_are_read() {
        const UTC_TIME: u8 = 0x17;
        const GENERALIZED_TIME: u8 = 0x18;
        for (tag, text, want) in [
            (UTC_TIME, "700101000000Z", Some(("1970-01-01T00:00:00Z", 0))),
            (UTC_TIME, "500101000000Z", Some(("1950-01-01T00:00:00Z", -631_152_000))),
            (UTC_TIME, "491231235959Z", Some(("2049-12-31T23:59:59Z", 2_524_607_999))),
            (GENERALIZED_TIME, "20240229120000Z", Some(("2024-02-29T12:00:00Z", 1_709_208_000))),
            (GENERALIZED_TIME, "99991231235959Z", Some(("9999-12-31T23:59:59Z", 253_402_300_799))),
            (UTC_TIME, "701301000000Z", None),
            (UTC_TIME, "70010100000xZ", None),
            (GENERALIZED_TIME, "Z", None),
        ] {
            assert_eq!(
                time(tag, text),
                want.map(|(text, epoch)| (text.to_owned(), epoch)),
                "{text}"
            );
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
