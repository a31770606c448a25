//! `--check-config`: everything that the configuration names, as the start and the first connection
//! find it.

use super::MISCONFIGURED;
use super::error::Error;
use crate::cli::Overrides;
use crate::config::{Config, Examined, TlsFiles};
use crate::enroll::{Joined, Leaf, Source, now, sha256_hex, source};
use crate::identity::{check_state_dir, machine_id, stored_host_id};
use crate::logging::{AGENT, complain};
use crate::named_file::{self, Writers};
use crate::policy::{Name, Policy};
use crate::schedule::Crontabs;
use crate::{clock, link, local, policy, schedule};
use agent_wire::Method;
use agent_wire::message::AccountId;
use nix::unistd::{AccessFlags, Group, User, access};
use rustls_pki_types::ServerName;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bytes of a certificate file that are looked at.
const MAX_CERT: u64 = 1 << 20;

/// Prints every problem and returns the exit status.
pub(super) fn run(overrides: &Overrides) -> ExitCode {
    let found = match overrides.examined() {
        Ok(found) => found,
        Err(error) => {
            complain(AGENT, &error);
            return if error.may_pass() { ExitCode::FAILURE } else { MISCONFIGURED.into() };
        }
    };
    let problems = problems(&found);
    for problem in &problems {
        complain(AGENT, problem);
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { MISCONFIGURED.into() }
}

fn problems(found: &Examined) -> Vec<String> {
    let config = &found.config;
    let mut problems = rules(config);
    let cron = &config.cron;
    for checked in [schedule::check(&cron.timezone, ""), schedule::check("", &cron.calendar)] {
        problems.extend(checked.err().map(|error| error.to_string()));
    }
    problems.extend(crontabs(config));
    problems.extend(super::check_kernel().err().map(|error| error.to_string()));
    problems.extend(shell(config));
    problems.extend(folders(config));
    problems.extend(check_state_dir(&config.state_dir).err().map(|error| error.to_string()));
    problems.extend(certificate(config));
    let problems = problems.into_iter().map(|problem| found.placed(problem));
    found.problems.iter().cloned().chain(problems).collect()
}

/// Returns the problems of the policy. A method or account that is unknown here may be right on
/// another host of the same policy, so it is only named.
fn rules(config: &Config) -> Vec<String> {
    let found = match policy::examine(config.policy.as_deref()) {
        Ok(Some(found)) => found,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![format!("policy: {error}")],
    };
    if found.is_blank() {
        let path = found.path.display();
        let why = "it has neither a default nor rules, so controllers may do everything";
        complain(AGENT, &format_args!("{path}: {why}"));
    }
    for method in unknown_methods(&found.policy) {
        complain(AGENT, &format_args!("{}: unknown method {method}", found.place(method)));
    }
    for name in found.policy.names().iter() {
        let (what, name) = match name {
            Name::User(user) if !is_user(user) => ("user", user),
            Name::Group(group) if !is_group(group) => ("group", group),
            Name::User(_) | Name::Group(_) => continue,
        };
        let place = found.place(name);
        complain(AGENT, &format_args!("{place}: this host has no {what} {name}"));
    }
    found.problems
}

/// Returns the problems of the crontab files: lines that are no entries, and users that do not
/// exist.
fn crontabs(config: &Config) -> Vec<String> {
    let crontabs = Crontabs::read(&config.cron.dir);
    for warning in &crontabs.warnings {
        complain(AGENT, warning);
    }
    let of_dir = format!("{}: ", config.cron.dir.display());
    let mut problems = crontabs.problems;
    for problem in problems.iter_mut().filter(|problem| problem.starts_with(&of_dir)) {
        problem.insert_str(0, "cron.dir: ");
    }
    for job in &crontabs.jobs {
        let (file, line) = (job.file.display(), job.line);
        let zone = job.definition.options.timezone.as_deref().filter(|zone| !zone.is_empty());
        if let Some(Err(why)) = zone.map(schedule::check_zone) {
            problems.push(format!("{file}:{line}: {why}"));
        }
        if let Some(AccountId::Name(user)) = &job.definition.bash.user
            && !is_user(user)
        {
            problems.push(format!("{file}:{line}: this host has no user {user}"));
        }
    }
    problems
}

/// Returns whether a user exists, by name or by the digits of a uid.
fn is_user(name: &str) -> bool {
    let by_name = User::from_name(name).is_ok_and(|user| user.is_some());
    by_name || name.parse::<u32>().is_ok()
}

/// Returns whether a group exists, likewise.
fn is_group(name: &str) -> bool {
    let by_name = Group::from_name(name).is_ok_and(|group| group.is_some());
    by_name || name.parse::<u32>().is_ok()
}

/// Returns the problems of folders: those that plugins are in, and those that the agent writes to.
fn folders(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let are_default = config.plugin_dirs == Config::default().plugin_dirs;
    // The default folders need not exist.
    for dir in config.plugin_dirs.iter().filter(|dir| !are_default || dir.exists()) {
        let checked = plugin_api::host::check_folder(dir);
        problems.extend(checked.err().map(|error| format!("plugin_dirs: {error}")));
    }
    // The agent makes these, where the folder above lets it.
    let made = |dir: &Path| dir.ancestors().find(|dir| dir.exists()).map(Path::to_owned);
    let beside = |file: &PathBuf| file.parent().map(Path::to_owned);
    let audit = config.audit_file().filter(|file| !file.starts_with(&config.state_dir));
    let log = config.log.file.clone().filter(|file| !file.starts_with("/dev"));
    for (key, file) in [("audit.file", &audit), ("log.file", &log)] {
        if let Some(file) = file.as_deref().filter(|file| file.is_dir()) {
            problems.push(format!("{key}: {} is a folder", file.display()));
        }
    }
    for (key, dir) in [
        ("state_dir", made(&config.state_dir)),
        ("run_dir", made(&config.run_dir)),
        ("audit.file", audit.as_ref().and_then(beside)),
        ("log.file", log.as_ref().and_then(beside)),
    ] {
        // Of a relative path, the reader of the file complains.
        let Some(dir) = dir.filter(|dir| dir.is_absolute()) else { continue };
        let why = match access(&dir, AccessFlags::W_OK | AccessFlags::X_OK) {
            Ok(()) if dir.is_dir() => continue,
            Ok(()) | Err(_) if !dir.is_dir() && dir.exists() => "it is not a folder",
            Ok(()) => "it does not exist",
            Err(errno) => errno.desc(),
        };
        problems.push(format!("{key}: the agent cannot write to {}: {why}", dir.display()));
    }
    if !local::fits(&config.run_dir) {
        let path = config.run_dir.display();
        problems.push(format!("run_dir: {path} is too long for the path of a socket in it"));
    }
    problems
}

/// Returns the problems of the host's identity: the files of its certificate, or of its joining.
fn certificate(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    let mut host_id = config.host_id.clone().or_else(|| stored_host_id(&config.state_dir));
    let files = match source(config) {
        Ok(Source::Files(files)) => {
            problems.extend(expired(&files));
            Some(files)
        }
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

/// Returns the problem that the operator's certificate is over, or not yet good.
fn expired(files: &TlsFiles) -> Option<String> {
    let bytes = named_file::read(&files.cert, MAX_CERT, Writers::TrustedLinks).ok()?;
    let leaf = Leaf::read(&bytes)?;
    let (word, at) = match now() {
        now if now > leaf.not_after => ("expired at", leaf.not_after),
        now if now < leaf.not_before => ("is not good before", leaf.not_before),
        _ => return None,
    };
    let at = clock::Seconds(at);
    Some(format!("tls.cert: {}: {word} {at}; no server accepts it", files.cert.display()))
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
    anchor
        .map(|error| error.to_string())
        .chain(token.map(|error| format!("enroll.{error}")))
        .collect()
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
    let shell = Some(&config.exec.shell).filter(|shell| shell.is_absolute())?;
    let why = match access(shell, AccessFlags::X_OK) {
        Ok(()) if shell.is_file() => return None,
        Ok(()) => "it is not a file",
        Err(errno) => errno.desc(),
    };
    Some(format!("exec.shell: {}: {why}; no command can be run", shell.display()))
}

/// Returns the problem that no certificate can carry a host id as a DNS name (RFC 5280 §4.2.1.6).
pub(super) fn uncertifiable(host_id: &str) -> Option<String> {
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
