//! The parts of a certificate (RFC 5280) that the answer shows. Nothing is verified: neither its
//! signature nor its chain.

use readers::{hex, ip};
use x509_parser::der_parser::der::parse_der_integer;
use x509_parser::extensions::{BasicConstraints, GeneralName, SubjectAlternativeName};
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

use crate::name;
use crate::time::Time;
use crate::tlv::{self, Elements};

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
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 17];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];

impl Certificate {
    /// Reads the certificate that the bytes begin with; `None` if they are not one. The frame is
    /// read here, because the parser rejects times and serial numbers that exist.
    pub(crate) fn parse(der: &[u8]) -> Option<Self> {
        let certificate = tlv::first(der, tlv::SEQUENCE)?;
        let mut outer = Elements(certificate.content);
        let mut fields = Elements(outer.next_of(tlv::SEQUENCE)?.content);
        let algorithm = oid(outer.next_of(tlv::SEQUENCE)?.content)?;
        outer.next_of(tlv::BIT_STRING)?;
        // The version, which the extensions tell too.
        let _ = fields.next_of(tlv::context(0));
        let serial = serial(fields.next_of(tlv::INTEGER)?.content)?;
        fields.next_of(tlv::SEQUENCE)?;
        let issuer = fields.next_of(tlv::SEQUENCE)?.whole;
        let mut validity = Elements(fields.next_of(tlv::SEQUENCE)?.content);
        let (not_before, not_after) = (Time::of(validity.next()?)?, Time::of(validity.next()?)?);
        let subject = fields.next_of(tlv::SEQUENCE)?.whole;
        let (_, key) = SubjectPublicKeyInfo::from_der(fields.next_of(tlv::SEQUENCE)?.whole).ok()?;
        let (key_type, key_bits) = key_of(&key);
        let named = |name| Some(name::text(&X509Name::from_der(name).ok()?.1));
        let mut found = Self {
            length: certificate.whole.len(),
            subject: named(subject)?,
            issuer: named(issuer)?,
            self_signed: subject == issuer,
            serial,
            sans: Vec::new(),
            not_before,
            not_after,
            is_ca: false,
            key_type,
            key_bits,
            signature_algorithm: SIGNATURES
                .iter()
                .find(|(number, _)| *number == algorithm)
                .map_or(algorithm, |(_, name)| (*name).to_owned()),
        };
        while let Some(field) = fields.next() {
            if field.tag == tlv::context(3) {
                found.read_extensions(field.content)?;
            }
        }
        Some(found)
    }

    /// Reads the extensions that the answer shows; others may be damaged without harm.
    fn read_extensions(&mut self, bytes: &[u8]) -> Option<()> {
        let mut extensions = Elements(tlv::first(bytes, tlv::SEQUENCE)?.content);
        while let Some(extension) = extensions.next_of(tlv::SEQUENCE) {
            let mut parts = Elements(extension.content);
            let name = parts.next_of(tlv::OID)?.content;
            let _ = parts.next_of(tlv::BOOLEAN);
            let value = parts.next_of(tlv::OCTET_STRING)?.content;
            match name {
                SUBJECT_ALTERNATIVE_NAME => {
                    if let Ok((_, names)) = SubjectAlternativeName::from_der(value) {
                        self.sans = names.general_names.iter().map(san).collect();
                    }
                }
                BASIC_CONSTRAINTS => {
                    self.is_ca = BasicConstraints::from_der(value)
                        .is_ok_and(|(_, constraints)| constraints.ca);
                }
                _ => {}
            }
        }
        Some(())
    }
}

/// Returns the object identifier that an algorithm begins with.
fn oid(algorithm: &[u8]) -> Option<String> {
    let (_, oid) =
        x509_parser::asn1_rs::Oid::from_der(tlv::first(algorithm, tlv::OID)?.whole).ok()?;
    Some(oid.to_id_string())
}

/// Formats a serial number in hexadecimal digits, with a sign if it is negative, as openssl does.
fn serial(number: &[u8]) -> Option<String> {
    let is_negative = *number.first()? >= 0x80;
    let mut size = number.to_vec();
    if is_negative {
        // Two's complement: invert, and add 1.
        let mut carry = true;
        for byte in size.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let zeros = size.iter().take_while(|byte| **byte == 0).count().min(size.len() - 1);
    let sign = if is_negative { "-" } else { "" };
    Some(sign.to_owned() + &hex::upper(&size[zeros..]))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_have_a_sign() {
        for (number, want) in [
            (&[5][..], "05"),
            (&[0, 0x80], "80"),
            (&[0], "00"),
            (&[0, 0, 1], "01"),
            (&[0xff], "-01"),
            (&[0x80], "-80"),
            (&[0xfe, 0x0c], "-01F4"),
        ] {
            assert_eq!(serial(number).as_deref(), Some(want), "{number:?}");
        }
        assert_eq!(serial(&[]), None);
    }

    #[test]
    fn bits_are_counted_from_the_first_that_is_set() {
        assert_eq!(
            (bit_length(&[0, 0x80]), bit_length(&[1, 0]), bit_length(&[0]), bit_length(&[])),
            (8, 9, 0, 0)
        );
    }
}
