//! A company's own PKI in a directory: `ca.pem` and `ca.key`, the server's `server.pem` and
//! `server.key`, and a pair in `agents/` for each host.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The name in the server's certificate.
const SERVER_NAME: &str = "config.cargo.com";

/// Makes what is missing of a PKI with these hosts.
pub(crate) fn make(dir: &Path, hosts: &[&str]) {
    fs::create_dir_all(dir.join("agents")).unwrap();
    if !dir.join("ca.key").exists() {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = ca_params();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        fs::write(dir.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        write_private(&dir.join("ca.key"), &key.serialize_pem());
    }
    if !dir.join("server.key").exists() {
        let names = [SERVER_NAME, "localhost", "127.0.0.1"];
        sign(dir, &dir.join("server"), &names, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        });
    }
    let missing = |host: &&&str| !dir.join(format!("agents/{host}.key")).exists();
    for host in hosts.iter().filter(missing) {
        sign(dir, &dir.join("agents").join(host), &[host], |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
    }
}

/// Signs a certificate by the CA of a PKI; writes it and its key at `base`.
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
    let cert = params.signed_by(&key, &issuer(dir)).unwrap();
    fs::write(base.with_extension("pem"), cert.pem()).unwrap();
    write_private(&base.with_extension("key"), &key.serialize_pem());
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "our own CA");
    params
}

/// Returns the CA of a PKI.
pub(crate) fn issuer(dir: &Path) -> Issuer<'static, KeyPair> {
    let ca_key = KeyPair::from_pem(&fs::read_to_string(dir.join("ca.key")).unwrap()).unwrap();
    // An issuer is its name and its key.
    Issuer::new(ca_params(), ca_key)
}

pub(crate) fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
