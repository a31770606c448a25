//! `--check-config`: everything that the configuration names, as the start and the first connection
//! find it.

use super::MISCONFIGURED;
use crate::config::Config;
use crate::identity::{check_state_dir, stored_host_id};
use crate::logging::{AGENT, complain};
use crate::policy::Policy;
use crate::{link, policy, schedule};
use agent_wire::Method;
use nix::unistd::{AccessFlags, access};
use rustls_pki_types::ServerName;
use std::process::ExitCode;

/// Prints every problem and returns the exit status. The configuration itself has been checked
/// already.
pub(super) fn run(config: &Config) -> ExitCode {
    let problems = problems(config);
    for problem in &problems {
        complain(AGENT, problem);
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { MISCONFIGURED.into() }
}

fn problems(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    match policy::load(config.policy.as_deref()) {
        Ok(policy) => {
            for method in policy.iter().flat_map(unknown_methods) {
                complain(AGENT, &format_args!("policy: unknown method {method}"));
            }
        }
        Err(error) => problems.push(error.to_string()),
    }
    let cron = schedule::check(&config.cron.timezone, &config.cron.calendar);
    problems.extend(cron.err().map(|error| error.to_string()));
    problems.extend(shell(config));
    problems.extend(check_state_dir(&config.state_dir).err().map(|error| error.to_string()));
    let host_id = config.host_id.clone().or_else(|| stored_host_id(&config.state_dir));
    problems.extend(host_id.as_deref().and_then(uncertifiable));
    match link::load_tls(&config.tls) {
        Ok(identity) => {
            for problem in &identity.skipped {
                complain(AGENT, problem);
            }
            let mismatch = host_id.as_deref().and_then(|host_id| identity.mismatch(host_id));
            problems.extend(mismatch.map(|problem| problem.to_string()));
        }
        Err(link::Error::Tls(files)) => problems.extend(files.iter().map(ToString::to_string)),
        Err(error) => problems.push(error.to_string()),
    }
    problems
}

/// Returns the problem that the shell cannot be run.
pub(super) fn shell(config: &Config) -> Option<String> {
    let shell = &config.exec.shell;
    let why = match access(shell, AccessFlags::X_OK) {
        Ok(()) if shell.is_file() => return None,
        Ok(()) => "it is not a file",
        Err(errno) => errno.desc(),
    };
    Some(format!("exec.shell: {}: {why}; no command can be run", shell.display()))
}

/// Returns the problem that no certificate can carry a host id as a DNS name (RFC 5280 §4.2.1.6).
fn uncertifiable(host_id: &str) -> Option<String> {
    match ServerName::try_from(host_id) {
        Ok(ServerName::DnsName(_)) => None,
        _ => Some(format!(
            "host_id: \"{host_id}\" is not a DNS name, so no certificate can carry it; use letters, \
             digits and '-', in parts of up to 63 characters with a dot between them"
        )),
    }
}

/// Returns the methods in rules that this agent does not have: misspelled, or of another version.
/// They are accepted, so that one policy can serve agents of different versions.
pub(super) fn unknown_methods(policy: &Policy) -> impl Iterator<Item = &str> {
    policy.methods().filter(|method| matches!(Method::parse(method), Method::Unknown(_)))
}
