//! The fields of the host's certificate that decide when it is renewed, and which key it belongs
//! to.

use super::der::{self, CONTEXT_0, INTEGER, SEQUENCE};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::time::{SystemTime, UNIX_EPOCH};

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// A certificate's first section in a PEM file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The start and the end of its validity, in seconds since 1970.
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
    /// The public key: its SubjectPublicKeyInfo, in DER.
    pub(crate) public: Vec<u8>,
    /// A number that differs from host to host and from certificate to certificate.
    number: u32,
}

impl Leaf {
    /// Reads the first certificate of a PEM file; `None` if it holds none.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        Self::parse(&CertificateDer::from_pem_slice(text).ok()?)
    }

    /// Reads a certificate in DER (RFC 5280 §4.1).
    pub(crate) fn parse(certificate: &[u8]) -> Option<Self> {
        let (certificate_fields, _) = der::expect(SEQUENCE, certificate)?;
        let (mut fields, _) = der::expect(SEQUENCE, certificate_fields)?;
        if let Some((_, rest)) = der::expect(CONTEXT_0, fields) {
            fields = rest;
        }
        let (_serial, fields) = der::expect(INTEGER, fields)?;
        let (_signature, fields) = der::expect(SEQUENCE, fields)?;
        let (_issuer, fields) = der::expect(SEQUENCE, fields)?;
        let (validity, fields) = der::expect(SEQUENCE, fields)?;
        let (_subject, fields) = der::expect(SEQUENCE, fields)?;
        let (_, after) = der::expect(SEQUENCE, fields)?;
        let public = &fields[..fields.len() - after.len()];
        let (tag, not_before, validity) = der::element(validity)?;
        let not_before = time(tag, not_before)?;
        let (tag, not_after, _) = der::element(validity)?;
        Some(Self {
            not_before,
            not_after: time(tag, not_after)?,
            public: public.to_vec(),
            number: crc32fast::hash(certificate),
        })
    }

    /// Returns when the certificate is renewed: when half of its time has passed, a tenth of it
    /// more or less. The same certificate has the same instant, however often the agent restarts.
    pub(crate) fn renewal(&self) -> i64 {
        let time = self.not_after.saturating_sub(self.not_before).max(0);
        // From 40 to 60 % of the time, in thousandths of it.
        let share = 400 + i64::from(self.number % 201);
        let part = i128::from(time) * i128::from(share) / 1000;
        self.not_before.saturating_add(i64::try_from(part).unwrap_or(i64::MAX))
    }

    /// Returns whether the certificate's time is over.
    pub(crate) fn has_expired(&self, now: i64) -> bool {
        now > self.not_after
    }
}

/// Returns this second since 1970, by the wall clock.
pub(crate) fn now() -> i64 {
    seconds(SystemTime::now()).unwrap_or(0)
}

fn seconds(time: SystemTime) -> Option<i64> {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).ok(),
        Err(before) => i64::try_from(before.duration().as_secs()).ok().map(|seconds| -seconds),
    }
}

/// Reads a time in the forms that RFC 5280 §4.1.2.5 allows: `YYMMDDHHMMSSZ`, `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &[u8]) -> Option<i64> {
    let text = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (century, text) = match (tag, text.len()) {
        (UTC_TIME, 12) => (if text < "50" { "20" } else { "19" }, text),
        (GENERALIZED_TIME, 14) => text.split_at(2),
        _ => return None,
    };
    let part = |at: usize| &text[at..at + 2];
    let text = format!(
        "{century}{}-{}-{}T{}:{}:{}Z",
        part(0),
        part(2),
        part(4),
        part(6),
        part(8),
        part(10)
    );
    seconds(humantime::parse_rfc3339(&text).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use test_support::Pki;

    fn leaf(not_before: i64, not_after: i64, number: u32) -> Leaf {
        Leaf { not_before, not_after, public: Vec::new(), number }
    }

    #[test]
    fn validity_and_key_are_read_from_a_certificate() {
        let signed = Pki::new().sign_between(&["host-1"], 1_700_000_000, 4_000_000_000);
        let leaf = Leaf::read(signed.certificate.as_bytes()).unwrap();
        assert_eq!((leaf.not_before, leaf.not_after), (1_700_000_000, 4_000_000_000));
        let key = super::super::key::HostKey::read(signed.key.as_bytes()).unwrap();
        assert_eq!(leaf.public, key.public());
        let der = CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap();
        for end in 0..der.len() {
            assert!(Leaf::parse(&der[..end]).is_none());
        }
    }

    #[test]
    fn times_are_read_in_both_forms_and_others_are_rejected() {
        let table = [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (UTC_TIME, "20500101000000Z", None),
            (GENERALIZED_TIME, "20500101000000+0100", None),
            (GENERALIZED_TIME, "20501301000000Z", None),
            (UTC_TIME, "\u{e9}0101000000Z", None),
        ];
        for (tag, text, seconds) in table {
            assert_eq!(time(tag, text.as_bytes()), seconds, "{text}");
        }
    }

    #[test]
    fn a_certificate_is_renewed_between_40_and_60_percent_of_its_time_and_never_at_another_instant()
    {
        let mut instants = std::collections::BTreeSet::new();
        for number in 0..1000 {
            let at = leaf(1000, 2000, number).renewal();
            assert!((1400..=1600).contains(&at), "{at}");
            assert_eq!(leaf(1000, 2000, number).renewal(), at);
            instants.insert(at);
        }
        assert!(instants.len() > 100, "hosts spread over the time");
        leaf(i64::MIN, i64::MAX, 1).renewal();
        assert_eq!(leaf(5, 1, 0).renewal(), 5);
    }
}
