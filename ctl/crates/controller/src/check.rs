//! `--check-config`: everything that the flags name, as the start finds it. Reads only: it makes no
//! file, takes no lock and opens no port, so it may run beside the controller.

use crate::agents;
use crate::auth::{FileRoles, Token};
use crate::cli::Flags;
use crate::store::{self, Address};
use crate::{files, identity, pem};
use rustls_pki_types::CertificateDer;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// Prints every problem, and returns the exit status.
pub(crate) fn run(flags: &Flags) -> ExitCode {
    let problems = problems(flags);
    let mut out = std::io::stderr().lock();
    for problem in &problems {
        let _ = writeln!(out, "BasicAgentController: {problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn problems(flags: &Flags) -> Vec<String> {
    let mut found = Vec::new();
    let mut note = |flag: &str, problem: Option<String>| {
        found.extend(problem.map(|problem| format!("{flag}: {problem}")));
    };
    for address in flags.listen() {
        note("--listen", unusable(address));
    }
    note("--http", unusable(flags.http));
    note("--name", identity::server_names(&flags.name).err().map(|error| error.to_string()));
    let token = flags.token_file.as_deref().filter(|path| path.exists());
    note("--token-file", token.and_then(|path| Token::load(path).err()).map(|e| e.to_string()));
    let roles = flags.roles.as_deref().and_then(|path| FileRoles::load(path).err());
    note("--roles", roles.map(|error| error.to_string()));
    for (flag, cert, key) in
        [("--cert", &flags.cert, &flags.key), ("--http-cert", &flags.http_cert, &flags.http_key)]
    {
        if let (Some(cert), Some(key)) = (cert, key) {
            pair(cert, key).into_iter().for_each(|problem| note(flag, Some(problem)));
        }
    }
    for (flag, path) in [("--server-ca", &flags.server_ca), ("--agent-ca", &flags.agent_ca)] {
        let Some(path) = path else { continue };
        match pem::certificates(path) {
            Err(error) => note(flag, Some(error.to_string())),
            Ok(certificates) => certificates.iter().for_each(|der| note(flag, over(path, der))),
        }
    }
    let key = flags.root_key.as_deref().filter(|path| path.as_os_str() != "offline");
    let key = key.filter(|path| path.exists()).and_then(|path| pem::private_key(path).err());
    note("--root-key", key.map(|error| error.to_string()));
    note("--state-dir", state(&flags.state_dir()));
    if flags.database.is_none() {
        let moved = store::refuse_moved(&flags.state_dir()).err();
        note("--state-dir", moved.map(|error| error.to_string()));
    }
    if let Some(url) = &flags.database {
        let address = Address::parse(url, flags.database_password_file.as_deref());
        note("--database", address.err().map(|error| error.to_string()));
    }
    note("--bus", flags.bus().err().map(|error| error.to_string()));
    found
}

/// Returns why nothing can listen at an address. Its port may be the running controller's.
fn unusable(address: SocketAddr) -> Option<String> {
    let probe = SocketAddr::new(address.ip(), 0);
    TcpListener::bind(probe).err().map(|error| format!("{}: {error}", address.ip()))
}

/// Returns the problems of a certificate chain and its key.
fn pair(cert: &Path, key: &Path) -> Vec<String> {
    let private = pem::private_key(key).err().map(|error| error.to_string());
    let chain = match pem::certificates(cert) {
        Ok(chain) => chain,
        Err(error) => return private.into_iter().chain([error.to_string()]).collect(),
    };
    let mut problems: Vec<String> = chain.iter().filter_map(|der| over(cert, der)).collect();
    if let (Some(leaf), None) = (chain.first(), &private) {
        match agents::key_matches(leaf, key) {
            Ok(true) => {}
            Ok(false) => problems.push(format!(
                "{}: it is not the key of the certificate in {}",
                key.display(),
                cert.display()
            )),
            Err(error) => problems.push(error.to_string()),
        }
    }
    problems.extend(private);
    problems
}

/// Returns the problem that a certificate's time is over, or has not begun.
fn over(path: &Path, der: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    (!validity.is_valid()).then(|| {
        let (from, until) = (validity.not_before, validity.not_after);
        format!(
            "{}: {} is good from {from} until {until} only",
            path.display(),
            certificate.subject()
        )
    })
}

/// Returns the problem of the state directory. The start makes one that is missing.
fn state(dir: &Path) -> Option<String> {
    if !dir.exists() {
        return None;
    }
    if let Err(error) = files::check_dir(dir) {
        return Some(error.to_string());
    }
    let access = nix::unistd::AccessFlags::W_OK | nix::unistd::AccessFlags::X_OK;
    let refused = nix::unistd::access(dir, access).err();
    refused.map(|errno| format!("{}: cannot be written to: {}", dir.display(), errno.desc()))
}
