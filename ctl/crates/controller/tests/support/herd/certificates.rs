//! Certificates for a whole herd, signed by the CA of a PKI.

use super::member::Member;
use crate::support::pki;
use rcgen::{CertificateParams, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Makes so many members for a server. Each remembers its last TLS session if it `resumes`.
pub(crate) fn members(
    dir: &Path,
    server: SocketAddr,
    count: usize,
    resumes: bool,
) -> Vec<Arc<Member>> {
    members_of(dir, &[server], 0..count, resumes)
}

/// As [`members`], with these numbers, for a site of several servers.
pub(crate) fn members_of(
    dir: &Path,
    servers: &[SocketAddr],
    numbers: Range<usize>,
    resumes: bool,
) -> Vec<Arc<Member>> {
    let issuer = pki::issuer(dir);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap()).unwrap();
    let roots = Arc::new(roots);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let count = numbers.len();
    let numbers: Vec<usize> = numbers.collect();
    std::thread::scope(|scope| {
        let makers: Vec<_> = numbers
            .chunks(count.div_ceil(threads).max(1))
            .map(|part| {
                let (issuer, roots) = (&issuer, &roots);
                scope.spawn(move || {
                    let member = |number: &usize| {
                        let id = format!("herd-{number:05}");
                        let config = config(issuer, roots, &id, resumes);
                        let servers = order(servers, *number);
                        Arc::new(Member::new(id, address(*number), servers, config))
                    };
                    part.iter().map(member).collect::<Vec<_>>()
                })
            })
            .collect();
        makers.into_iter().flat_map(|maker| maker.join().unwrap()).collect()
    })
}

fn config(
    issuer: &Issuer<'static, KeyPair>,
    roots: &Arc<RootCertStore>,
    id: &str,
    resumes: bool,
) -> Arc<ClientConfig> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let params = CertificateParams::new(vec![id.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(Arc::clone(roots))
        .with_client_auth_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![agent_wire::ALPN.to_vec()];
    config.resumption =
        if resumes { Resumption::in_memory_sessions(1) } else { Resumption::disabled() };
    Arc::new(config)
}

/// Returns the order in which a member tries servers. Each is the first of some members, and the second
/// of some others.
pub(super) fn order(servers: &[SocketAddr], number: usize) -> Vec<SocketAddr> {
    let mut order = servers.to_vec();
    order.rotate_left(number % servers.len());
    let others = &mut order[1..];
    others.rotate_left(number / servers.len() % others.len().max(1));
    order
}

/// Returns a loopback address of a member's own.
fn address(number: usize) -> Ipv4Addr {
    let octet = |value: usize| u8::try_from(value % 250 + 1).unwrap();
    Ipv4Addr::new(127, octet(number / 62_500), octet(number / 250), octet(number))
}
