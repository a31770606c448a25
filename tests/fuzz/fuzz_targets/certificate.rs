//! A file of certificates, PEM or DER → what the answer shows of each: whatever the bytes are, it is bounded by them.
#![no_main]

#[path = "../../../plugins/certificates/src/certificate.rs"]
mod certificate;
#[path = "../../../plugins/certificates/src/name.rs"]
mod name;
#[path = "../../../plugins/certificates/src/pem.rs"]
mod pem;

use certificate::Certificate;

fn look(der: &[u8]) {
    if let Some(certificate) = Certificate::parse(der) {
        assert!(certificate.length <= der.len());
        // Each byte becomes a few characters at most, and stands in few fields.
        let shown = certificate.subject.len() + certificate.issuer.len() + certificate.serial.len();
        assert!(shown <= 64 * der.len(), "{shown} of {}", der.len());
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    for der in pem::certificates(&String::from_utf8_lossy(bytes)).into_iter().flatten() {
        assert!(der.len() <= bytes.len());
        look(&der);
    }
});
