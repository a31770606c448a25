//! Names the kind of a private key, for the message that it cannot be used.

use crate::enroll::{INTEGER, OCTET_STRING, SEQUENCE, element};

/// Object identifiers in a key, in DER (RFC 5480, RFC 8017, RFC 8410, SEC 2).
const KINDS: [(&[u8], &str); 9] = [
    (b"\x06\x05\x2b\x81\x04\x00\x23", "an elliptic curve key of the curve P-521"),
    (b"\x06\x05\x2b\x81\x04\x00\x0a", "an elliptic curve key of the curve secp256k1"),
    (b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", "an elliptic curve key of the curve P-256"),
    (b"\x06\x05\x2b\x81\x04\x00\x22", "an elliptic curve key of the curve P-384"),
    (b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01", "an elliptic curve key"),
    (b"\x06\x03\x2b\x65\x71", "an Ed448 key"),
    (b"\x06\x03\x2b\x65\x70", "an Ed25519 key"),
    (b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01", "a DSA key"),
    (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "an RSA-PSS key"),
];

/// Bytes from the start of a key that hold its algorithm: in SEC 1 it comes after the number.
const HEAD: usize = 128;

/// Names the kind of a key in DER, and the size of an RSA key.
pub(super) fn kind(der: &[u8]) -> String {
    let head = &der[..der.len().min(HEAD)];
    let found = KINDS.iter().find(|(oid, _)| head.windows(oid.len()).any(|part| part == *oid));
    match found {
        Some((_, name)) => (*name).to_owned(),
        None => match rsa_bits(der) {
            Some(bits) => format!("an RSA key of {bits} bits"),
            None => "a key of another kind, or a damaged one".to_owned(),
        },
    }
}

/// Returns the modulus's length in bits; `None` if it is not an RSA key in PKCS #1 or #8.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    let (SEQUENCE, fields, _) = element(der)? else { return None };
    let (INTEGER, _, rest) = element(fields)? else { return None };
    let (tag, content, rest) = element(rest)?;
    let modulus = if tag == SEQUENCE {
        // PKCS #8: the algorithm, then PKCS #1 in an octet string.
        let (OCTET_STRING, inner, _) = element(rest)? else { return None };
        let (SEQUENCE, fields, _) = element(inner)? else { return None };
        let (INTEGER, _, rest) = element(fields)? else { return None };
        let (INTEGER, modulus, _) = element(rest)? else { return None };
        modulus
    } else if tag == INTEGER {
        content
    } else {
        return None;
    };
    let start = modulus.iter().position(|&byte| byte != 0)?;
    let zeros = usize::try_from(modulus[start].leading_zeros()).ok()?;
    Some((modulus.len() - start) * 8 - zeros)
}
