//! The host's key, P-256, and the certificate request for it (PKCS #10, RFC 2986).
//!
//! The request carries the public key and proof of the private one, and nothing else: the server
//! decides about the names in the certificate.

use super::Error;
use super::der::{self, BIT_STRING, CONTEXT_0, SEQUENCE};
use agent_wire::pem;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING as ALGORITHM, EcdsaKeyPair, KeyPair as _, Signature,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use std::fmt;

const LABEL: &str = "PRIVATE KEY";

/// id-ecPublicKey with prime256v1 (RFC 5480).
const P256: &[u8] = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

/// ecdsa-with-SHA256 (RFC 5758).
const ECDSA_SHA256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";

/// A private key. `Debug` shows nothing of it.
pub(crate) struct HostKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostKey(…)")
    }
}

impl HostKey {
    /// Creates a key, and its file's content in PEM.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn generate() -> Result<(Self, String), Error> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ALGORITHM, &random);
        let pkcs8 = pkcs8.map_err(|_| Error::Crypto("a key could not be generated"))?;
        let key = Self::from_pkcs8(pkcs8.as_ref())
            .ok_or(Error::Crypto("a key that was just generated cannot be read"))?;
        Ok((key, pem::write(LABEL, pkcs8.as_ref())))
    }

    /// Reads a key from its file's content; `None` if it holds no P-256 key in PKCS #8.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(text).ok()?;
        Self::from_pkcs8(der.secret_pkcs8_der())
    }

    fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ALGORITHM, der, &random).ok()?;
        Some(Self { pair, random })
    }

    /// Returns the public key: its SubjectPublicKeyInfo, in DER.
    pub(crate) fn public(&self) -> Vec<u8> {
        let algorithm = der::write(SEQUENCE, &[P256]);
        // A bit string begins with the number of its unused bits.
        let point = der::write(BIT_STRING, &[&[0], self.pair.public_key().as_ref()]);
        der::write(SEQUENCE, &[&algorithm, &point])
    }

    /// Returns the id of the renewal that asks for this key's certificate. It follows from the key,
    /// so no crash can part the two.
    pub(super) fn renewal_id(&self) -> String {
        let hash = digest(&SHA256, &self.public());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_ref()[..16]);
        uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
    }

    /// Returns a certificate request, in DER.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn request(&self) -> Result<Vec<u8>, Error> {
        let version = &[der::INTEGER, 1, 0];
        let no_name = der::write(SEQUENCE, &[]);
        let no_attributes = der::write(CONTEXT_0, &[]);
        let info = der::write(SEQUENCE, &[version, &no_name, &self.public(), &no_attributes]);
        let signature = self.sign(&info)?;
        let algorithm = der::write(SEQUENCE, &[ECDSA_SHA256]);
        let signature = der::write(BIT_STRING, &[&[0], signature.as_ref()]);
        Ok(der::write(SEQUENCE, &[&info, &algorithm, &signature]))
    }

    /// Signs a message: ECDSA with SHA-256, in ASN.1.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Signature, Error> {
        let signed = self.pair.sign(&self.random, message);
        signed.map_err(|_| Error::Crypto("nothing could be signed with the host's key"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

    #[test]
    fn a_key_reads_back_from_its_file_and_shows_nothing_in_debug_output() {
        let (key, text) = HostKey::generate().unwrap();
        let back = HostKey::read(text.as_bytes()).unwrap();
        assert_eq!(back.public(), key.public());
        assert_eq!(back.renewal_id(), key.renewal_id());
        assert_ne!(HostKey::generate().unwrap().0.renewal_id(), key.renewal_id());
        assert_eq!(format!("{key:?}"), "HostKey(…)");
        for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(HostKey::read(text.as_bytes()).is_none());
        }
    }

    #[test]
    fn a_certificate_request_holds_the_public_key_and_is_signed_by_the_private_one() {
        let (key, _) = HostKey::generate().unwrap();
        let request = key.request().unwrap();
        let (parts, rest) = der::expect(SEQUENCE, &request).unwrap();
        assert!(rest.is_empty());
        let (info, after) = der::expect(SEQUENCE, parts).unwrap();
        let signed = &parts[..parts.len() - after.len()];
        let (_, after) = der::expect(SEQUENCE, after).unwrap();
        let (signature, after) = der::expect(BIT_STRING, after).unwrap();
        assert!(after.is_empty() && info.windows(P256.len()).any(|part| part == P256));
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.pair.public_key().as_ref())
            .verify(signed, &signature[1..])
            .unwrap();
    }
}
