//! The certificates in a PKCS #7 file (`.p7b`, `.p7c`): a SignedData without signatures, which only
//! carries them (RFC 5652, section 5.1).

use crate::tlv::{self, Element, Elements, INTEGER, OID, SEQUENCE, SET};

/// 1.2.840.113549.1.7.2, signedData.
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];

/// Returns the certificates that a ContentInfo carries; `None` if the bytes are not signed data in
/// DER.
pub(crate) fn certificates(der: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut info = Elements(tlv::first(der, SEQUENCE)?.content);
    if info.next_of(OID)?.content != SIGNED_DATA {
        return None;
    }
    let data = info.next_of(tlv::context(0))?.content;
    let mut data = Elements(tlv::first(data, SEQUENCE)?.content);
    data.next_of(INTEGER)?;
    data.next_of(SET)?;
    data.next_of(SEQUENCE)?;
    let Some(set) = data.next_of(tlv::context(0)) else { return Some(Vec::new()) };
    let mut set = Elements(set.content);
    // Other choices of the set have tags of their own.
    Some(std::iter::from_fn(|| set.next()).filter(|found| found.tag == SEQUENCE).collect())
}
