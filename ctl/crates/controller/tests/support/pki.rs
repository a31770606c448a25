//! Certificates of a dev directory's CA.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Signs a certificate by the CA of a dev directory; writes it and its key at `base`.
pub(crate) fn sign(
    dir: &Path,
    base: &Path,
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let cert = params.signed_by(&key, &dev_issuer(dir)).unwrap();
    fs::write(base.with_extension("pem"), cert.pem()).unwrap();
    write_private(&base.with_extension("key"), &key.serialize_pem());
}

/// Returns the CA of a dev directory.
pub(crate) fn dev_issuer(dir: &Path) -> Issuer<'static, KeyPair> {
    let ca_key = KeyPair::from_pem(&fs::read_to_string(dir.join("ca.key")).unwrap()).unwrap();
    // An issuer is its name and its key.
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.distinguished_name = DistinguishedName::new();
    ca.distinguished_name.push(DnType::CommonName, "BasicAgent dev CA");
    Issuer::new(ca, ca_key)
}

pub(crate) fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
