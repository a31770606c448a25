//! A request for a certificate (PKCS#10): only its public key counts, once its signature has shown
//! that the sender holds the private one. Whatever else the request asks for is ignored.

use fleet::Digest;
use rcgen::{
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData, SignatureAlgorithm,
};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, UnparsedPublicKey,
    VerificationAlgorithm,
};
use rustls_pki_types::CertificateDer;
use std::fmt;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_SIG_ECDSA_WITH_SHA256,
    OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ED25519, Oid,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::SubjectPublicKeyInfo;

/// The longest request, in bytes of DER. One with a P-384 key and a name has about 400.
const MAX_CSR: usize = 8 << 10;

/// A public key that a certificate may be for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    algorithm: &'static SignatureAlgorithm,
    /// The content of the BIT STRING.
    bits: Vec<u8>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(…)")
    }
}

/// Why a request or key is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadCsr {
    /// It has more bytes than a request needs.
    TooLong,
    /// It is no request, certificate or key in DER.
    Unreadable,
    /// The kind of key is not allowed.
    Key,
    /// The signature is not by the request's key.
    Signature,
}

impl fmt::Display for BadCsr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "the CSR is longer than {MAX_CSR} bytes"),
            Self::Unreadable => f.write_str("the CSR is not PKCS#10 in DER"),
            Self::Key => f.write_str("the key must be ECDSA P-256, ECDSA P-384 or Ed25519"),
            Self::Signature => f.write_str("the CSR is not signed by its own key"),
        }
    }
}

impl std::error::Error for BadCsr {}

impl PublicKeyData for PublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl PublicKey {
    /// Returns the key of a request that its own key has signed.
    ///
    /// # Errors
    /// When the request or its key is not acceptable.
    pub(crate) fn of_request(der: &[u8]) -> Result<Self, BadCsr> {
        if der.len() > MAX_CSR {
            return Err(BadCsr::TooLong);
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| BadCsr::Unreadable)?;
        if !rest.is_empty() {
            return Err(BadCsr::Unreadable);
        }
        let info = &request.certification_request_info;
        let key = Self::of_info(&info.subject_pki)?;
        if request.signature_algorithm.algorithm != *key.kind().signature
            || request.signature_value.unused_bits != 0
        {
            return Err(BadCsr::Signature);
        }
        key.verify(info.raw, &request.signature_value.data).then_some(key).ok_or(BadCsr::Signature)
    }

    /// Returns the key of a certificate.
    ///
    /// # Errors
    /// When the certificate cannot be read, or its key is of another kind.
    pub(crate) fn of_certificate(der: &CertificateDer<'_>) -> Result<Self, BadCsr> {
        let (_, cert) = X509Certificate::from_der(der).map_err(|_| BadCsr::Unreadable)?;
        Self::of_info(cert.public_key())
    }

    /// Returns the key in a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// When it cannot be read, or is of another kind.
    pub(crate) fn of_spki(der: &[u8]) -> Result<Self, BadCsr> {
        match SubjectPublicKeyInfo::from_der(der) {
            Ok(([], info)) => Self::of_info(&info),
            _ => Err(BadCsr::Unreadable),
        }
    }

    /// Returns the SubjectPublicKeyInfo in DER.
    pub(crate) fn spki(&self) -> Vec<u8> {
        self.subject_public_key_info()
    }

    /// Returns the key's name.
    pub(crate) fn hash(&self) -> Digest {
        Digest::of(&self.spki())
    }

    /// Returns whether the key has signed the message.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(self.kind().verification, &self.bits);
        key.verify(message, signature).is_ok()
    }

    fn of_info(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, BadCsr> {
        let oid = &info.algorithm.algorithm;
        let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        let kind = KINDS.iter().find(|kind| match kind.curve {
            Some(wanted) => *oid == OID_KEY_TYPE_EC_PUBLIC_KEY && curve.as_ref() == Some(wanted),
            None => *oid == OID_SIG_ED25519 && info.algorithm.parameters.is_none(),
        });
        let kind = kind.ok_or(BadCsr::Key)?;
        let bits = info.subject_public_key.data.to_vec();
        // Uncompressed points alone (RFC 5480 §2.2): each key has one form, and so one name.
        let whole = info.subject_public_key.unused_bits == 0;
        if !whole || bits.len() != kind.length || (kind.curve.is_some() && bits[0] != 4) {
            return Err(BadCsr::Key);
        }
        Ok(Self { algorithm: kind.algorithm, bits })
    }

    fn kind(&self) -> &'static Kind {
        let mut kinds = KINDS.iter();
        kinds.find(|kind| kind.algorithm == self.algorithm).expect("a key is of a listed kind")
    }
}

/// A kind of key that is allowed.
struct Kind {
    algorithm: &'static SignatureAlgorithm,
    /// The curve of an ECDSA key.
    curve: Option<&'static Oid<'static>>,
    /// Bytes of the key.
    length: usize,
    signature: &'static Oid<'static>,
    verification: &'static dyn VerificationAlgorithm,
}

static KINDS: [Kind; 3] = [
    Kind {
        algorithm: &PKCS_ECDSA_P256_SHA256,
        curve: Some(&OID_EC_P256),
        length: 65,
        signature: &OID_SIG_ECDSA_WITH_SHA256,
        verification: &ECDSA_P256_SHA256_ASN1,
    },
    Kind {
        algorithm: &PKCS_ECDSA_P384_SHA384,
        curve: Some(&OID_NIST_EC_P384),
        length: 97,
        signature: &OID_SIG_ECDSA_WITH_SHA384,
        verification: &ECDSA_P384_SHA384_ASN1,
    },
    Kind {
        algorithm: &PKCS_ED25519,
        curve: None,
        length: 32,
        signature: &OID_SIG_ED25519,
        verification: &ED25519,
    },
];

/// Checks any bytes as what a stranger may send: a request, a key, a certificate. A key that is
/// taken has one form, whatever form it came in.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzzing(bytes: &[u8]) {
    let certificate = CertificateDer::from(bytes);
    let read = X509Certificate::from_der(&certificate);
    let leaf = read.ok().map(|(_, read)| super::Leaf::of(&read));
    let of_certificate = PublicKey::of_certificate(&certificate);
    assert!(leaf.is_some() || of_certificate.is_err());
    for key in [PublicKey::of_request(bytes), PublicKey::of_spki(bytes), of_certificate] {
        let Ok(key) = key else { continue };
        assert_eq!(PublicKey::of_spki(&key.spki()), Ok(key));
    }
    if let Ok(key) = PublicKey::of_request(bytes) {
        assert_eq!(PublicKey::of_request(&bytes[..bytes.len() - 1]), Err(BadCsr::Unreadable));
        assert!(!key.verify(bytes, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256};

    fn request(key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["host-1".to_owned()]).unwrap();
        change(&mut params);
        params.serialize_request(key).unwrap().der().to_vec()
    }

    #[test]
    fn each_allowed_kind_of_key_is_taken_and_named_alike_everywhere() {
        for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
            let pair = KeyPair::generate_for(algorithm).unwrap();
            let key = PublicKey::of_request(&request(&pair, |_| {})).unwrap();
            assert_eq!(key.spki(), pair.subject_public_key_info());
            assert_eq!(PublicKey::of_spki(&key.spki()), Ok(key.clone()));
            let params = CertificateParams::new(vec!["x".to_owned()]).unwrap();
            let cert = params.self_signed(&pair).unwrap();
            assert_eq!(PublicKey::of_certificate(cert.der()).unwrap().hash(), key.hash());
        }
    }

    #[test]
    fn the_stored_inputs_are_read_by_the_rules() {
        test_support::check_corpus("csr", 7, fuzzing);
    }

    #[test]
    fn only_the_key_of_a_request_counts() {
        let pair = KeyPair::generate().unwrap();
        let plain = PublicKey::of_request(&request(&pair, |_| {}));
        let greedy = request(&pair, |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.subject_alt_names.clear();
        });
        assert_eq!(PublicKey::of_request(&greedy), plain);
    }

    #[test]
    fn damaged_foreign_and_oversized_requests_are_rejected() {
        let pair = KeyPair::generate().unwrap();
        let good = request(&pair, |_| {});
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            // A reader of DER may be lenient about what is not signed, but never about the key.
            let found = PublicKey::of_request(&bad);
            assert!(found.is_err() || found == PublicKey::of_request(&good), "byte {at}");
            assert!(PublicKey::of_request(&good[..at]).is_err(), "cut at {at}");
        }
        let longer = [&good[..], &[0]].concat();
        assert_eq!(PublicKey::of_request(&longer), Err(BadCsr::Unreadable));
        assert_eq!(PublicKey::of_request(&vec![0x30; 1 << 20]), Err(BadCsr::TooLong));
        assert_eq!(PublicKey::of_request(b""), Err(BadCsr::Unreadable));
    }
}
