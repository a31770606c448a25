//! `--check-config`: everything that the configuration names, as the start and the first connection
//! find it.

use super::MISCONFIGURED;
use super::error::Error;
use crate::config::{Config, TlsFiles};
use crate::enroll::{Joined, Source, now, sha256_hex, source};
use crate::identity::{check_state_dir, machine_id, stored_host_id};
use crate::logging::{AGENT, complain};
use crate::policy::Policy;
use crate::{clock, link, policy, schedule};
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
    let mut host_id = config.host_id.clone().or_else(|| stored_host_id(&config.state_dir));
    let files = match source(config) {
        Ok(Source::Files(files)) => Some(files),
        Ok(Source::Joined(joined) | Source::Expired(joined)) => {
            problems.extend(other_machine(config, &joined));
            host_id = Some(joined.host_id.clone());
            let pair = joined.pair(false);
            if joined.has_expired(pair, now()) {
                let end = clock::Seconds(pair.leaf.not_after);
                let path = pair.cert.display();
                complain(
                    AGENT,
                    &format_args!("{path}: expired at {end}; the agent asks for another"),
                );
            }
            let (ca, cert, key) = (joined.ca.clone(), pair.cert.clone(), pair.key.clone());
            Some(TlsFiles { ca, cert, key, enrolled: true })
        }
        Ok(Source::Join) => {
            problems.extend(joining(config));
            None
        }
        Err(error) => {
            problems.push(error.to_string());
            None
        }
    };
    problems.extend(host_id.as_deref().and_then(uncertifiable));
    problems.extend(files.iter().flat_map(|files| tls(config, files, host_id.as_deref())));
    problems
}

/// Returns the problem that the host joined as another machine, where the agent would stop for it.
fn other_machine(config: &Config, joined: &Joined) -> Option<String> {
    let machine = machine_id().map(|id| sha256_hex(id.as_bytes()));
    let is_other = joined.record.is_of_another_machine(machine.as_deref());
    let host_id = joined.host_id.clone();
    (is_other && !config.enroll.is_set()).then(|| Error::OtherMachine { host_id }.to_string())
}

/// Returns the problems of the files that the host joins with.
fn joining(config: &Config) -> Vec<String> {
    let anchor = config.enroll.ca.iter().filter_map(|anchor| link::check_anchor(anchor).err());
    let token = config.enroll.token_file.iter().filter_map(|path| link::read_token(path).err());
    anchor.chain(token).map(|error| error.to_string()).collect()
}

/// Returns the problems of the files of the channel.
fn tls(config: &Config, files: &TlsFiles, host_id: Option<&str>) -> Vec<String> {
    let mut problems = Vec::new();
    match link::load_tls(files, config.tls.min_version) {
        Ok(identity) => {
            for problem in &identity.skipped {
                complain(AGENT, problem);
            }
            let mismatch = host_id.and_then(|host_id| identity.mismatch(host_id));
            problems.extend(mismatch.map(|problem| problem.to_string()));
        }
        Err(link::Error::Tls(files)) => problems.extend(files.iter().map(ToString::to_string)),
        Err(error) => problems.push(error.to_string()),
    }
    if !problems.is_empty() && !config.tls.names_files() && !files.enrolled {
        problems.push(link::NOT_JOINED.to_owned());
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
