//! A file of certificates, PEM or DER → what is told of each: whatever the bytes are, an answer that is bounded by them.
#![no_main]

#[path = "../../../plugins/certificates/src/der.rs"]
mod der;
#[path = "../../../plugins/certificates/src/name.rs"]
mod name;
#[path = "../../../plugins/certificates/src/pem.rs"]
mod pem;
#[path = "../../../plugins/certificates/src/x509.rs"]
mod x509;

use x509::Certificate;

/// As the plugin has it.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn look(der: &[u8]) {
    if let Some(certificate) = Certificate::parse(der) {
        assert!(certificate.length <= der.len());
        // Each byte becomes a few characters at most, and stands in few fields.
        let told = certificate.subject.len() + certificate.issuer.len() + certificate.serial.len();
        assert!(told <= 64 * der.len(), "{told} of {}", der.len());
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    look(bytes);
    for der in pem::certificates(&String::from_utf8_lossy(bytes)).into_iter().flatten() {
        assert!(der.len() <= bytes.len());
        look(&der);
    }
});
