//! Which host ids a certificate can name.

use agent_wire::message::Init;
use rustls_pki_types::ServerName;

/// Returns whether a host id can be named in a certificate.
pub(crate) fn can_name_a_host(id: &str) -> bool {
    Init::is_hostname(id) && matches!(ServerName::try_from(id), Ok(ServerName::DnsName(_)))
}
