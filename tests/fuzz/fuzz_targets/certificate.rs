//! A file of certificates, PEM or DER → the answer's fields, bounded by the bytes.
#![no_main]

#[path = "../../../plugins/certificates/src/certificate.rs"]
mod certificate;
#[path = "../../../plugins/certificates/src/name.rs"]
mod name;
#[path = "../../../plugins/certificates/src/pem.rs"]
mod pem;

use certificate::Certificate;

fn check(der: &[u8]) {
    if let Some(certificate) = Certificate::parse(der) {
        assert!(certificate.length <= der.len());
        // Each byte becomes a few characters at most, in few fields.
        let shown = certificate.subject.len() + certificate.issuer.len() + certificate.serial.len();
        assert!(shown <= 64 * der.len(), "{shown} of {}", der.len());
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    for der in pem::certificates(&String::from_utf8_lossy(bytes)).into_iter().flatten() {
        assert!(der.len() <= bytes.len());
        check(&der);
    }
});
