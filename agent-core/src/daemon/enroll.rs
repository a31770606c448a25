//! `BasicAgent enroll`: lets this host join, as a command of the operator or of an installer.
//!
//! It may run beside the agent, which takes the identity up at its next connection. The exit status
//! says who has to do something: see the help of the subcommand.

use super::MISCONFIGURED;
use super::check::uncertifiable;
use crate::cli::Enroll;
use crate::config::{Anchor, Config};
use crate::enroll::{Folder, Joined, Leaf, Record, now, sha256_hex};
use crate::identity::{check_state_dir, machine_id, stored_host_id};
use crate::link::{Application, Error as LinkError, discard_token, join, read_token, targets};
use crate::logging::{AGENT, complain};
use crate::{clock, task};
use agent_wire::Retcode;
use agent_wire::message::{Issued, Joiner, MAX_APPROVAL_WAIT, TokenText};
use std::fmt::Display;
use std::fs::DirBuilder;
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Exit statuses beside 0 and [`MISCONFIGURED`].
const NOT_REACHED: u8 = 1;
const REFUSED: u8 = 3;
const UNVERIFIED: u8 = 4;

/// How long to wait for a server with too many requests that does not say how long.
const TOO_MANY: Duration = Duration::from_secs(30);

/// The pause before a server that is out of reach is asked again by a host that waits for approval.
const AGAIN: Duration = Duration::from_secs(5);

/// Why the host has not joined.
struct Failed {
    status: u8,
    why: String,
}

fn wrong(why: impl Display) -> Failed {
    Failed { status: MISCONFIGURED, why: why.to_string() }
}

/// Runs the subcommand under the agent's configuration, which its flags have overridden.
pub(super) fn run(arguments: &Enroll, config: &Config) -> ExitCode {
    match enroll(arguments, config) {
        Ok(text) => {
            say(&text);
            ExitCode::SUCCESS
        }
        Err(Failed { status, why }) => {
            complain(AGENT, &why);
            status.into()
        }
    }
}

fn enroll(arguments: &Enroll, config: &Config) -> Result<String, Failed> {
    if config.tls.names_files() {
        return Err(wrong(
            "agent.toml names files in [tls], which the agent would use in place of the \
             certificate from the server; remove tls.ca, tls.cert and tls.key first",
        ));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.state_dir)
        .map_err(|error| wrong(format!("{}: {error}", config.state_dir.display())))?;
    check_state_dir(&config.state_dir).map_err(wrong)?;
    if let Some(why) = config.host_id.as_deref().and_then(uncertifiable) {
        return Err(wrong(why));
    }
    let folder = Folder::of(&config.state_dir);
    let record = record(arguments, config);
    let token_file = token_file(arguments, config);
    let joined = folder.joined().map_err(wrong)?;
    if let Some(joined) = &joined
        && let Some(text) = stays(joined, arguments.replace, &record)?
    {
        token_file.iter().for_each(|path| discard_token(path));
        return Ok(text);
    }
    let application = application(arguments, config, &folder, record)?;
    let set_aside = match joined {
        None => None,
        Some(joined) => {
            let key = folder.lock().and_then(|locked| locked.set_aside()).map_err(wrong)?;
            say(&format!("The key of {} is set aside: {}", joined.host_id, key.display()));
            Some(key)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed { status: NOT_REACHED, why: format!("event loop: {error}") })?;
    let joined = runtime.block_on(join_any(config, &application));
    runtime.shutdown_background();
    let (issued, server) = match joined {
        Ok(joined) => joined,
        Err(failed) => return Err(restored(failed, &folder, set_aside.as_deref())),
    };
    token_file.iter().for_each(|path| discard_token(path));
    Ok(success(&issued, &server))
}

/// Puts the former identity back, since there is no new one.
fn restored(failed: Failed, folder: &Folder, set_aside: Option<&Path>) -> Failed {
    let Some(key) = set_aside else { return failed };
    let words = match folder.lock().and_then(|locked| locked.restore(key)) {
        Ok(()) => "the former identity stays in use".to_owned(),
        Err(error) => format!("the former identity cannot be put back: {error}"),
    };
    Failed { why: format!("{}; {words}", failed.why), ..failed }
}

/// Returns the words for a host that keeps the identity it has; `None` if it joins again.
fn stays(joined: &Joined, replace: bool, record: &Record) -> Result<Option<String>, Failed> {
    if replace || joined.record.is_of_another_machine(record.machine.as_deref()) {
        return Ok(None);
    }
    if record.servers != joined.record.servers {
        return Err(wrong(format!(
            "this host has joined already, as {} through {}; to leave that identity and join \
             through {}: add --replace",
            joined.host_id,
            named(&joined.record.servers),
            named(&record.servers)
        )));
    }
    let pair = &joined.pairs[0];
    let end = clock::Seconds(pair.leaf.not_after);
    let state = match joined.has_expired(pair, now()) {
        true => format!("has expired at {end}; the agent asks for another by itself"),
        false => format!("is good until {end}"),
    };
    Ok(Some(format!(
        "This host has joined already, as {}. Its certificate {state}. To join again: --replace",
        joined.host_id
    )))
}

/// Returns the servers as words.
fn named(servers: &[String]) -> String {
    match servers.is_empty() {
        true => "the default server".to_owned(),
        false => servers.join(", "),
    }
}

fn token_file(arguments: &Enroll, config: &Config) -> Option<PathBuf> {
    if arguments.token.is_some() {
        return None;
    }
    let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    arguments.token_file.as_ref().map(absolute).or(config.enroll.token_file.clone())
}

/// Returns what is kept about this host and its servers.
fn record(arguments: &Enroll, config: &Config) -> Record {
    Record {
        machine: machine_id().map(|id| sha256_hex(id.as_bytes())),
        servers: config.server.clone(),
        server_name: arguments.server_name.clone().or(config.tls.server_name.clone()),
        ..Record::default()
    }
}

/// Returns what the host says to the server, from the flags and the configuration.
fn application(
    arguments: &Enroll,
    config: &Config,
    folder: &Folder,
    record: Record,
) -> Result<Application, Failed> {
    let anchor = match &arguments.ca {
        Some(text) => match Anchor::parse(text).map_err(|why| wrong(format!("--ca: {why}")))? {
            Anchor::File(path) => Anchor::File(
                std::path::absolute(&path)
                    .map_err(|error| wrong(format!("--ca: {}: {error}", path.display())))?,
            ),
            pin => pin,
        },
        None => config.enroll.ca.clone().ok_or_else(|| {
            wrong(
                "--ca is missing: the pin (sha256:…) or the file of CAs by which the server is \
                 verified before it gets the token; BasicAgentCtl token create prints the line",
            )
        })?,
    };
    let joiner = Joiner {
        machine: record.machine.clone(),
        boot: task::boot_id().ok(),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        wait: MAX_APPROVAL_WAIT,
    };
    let wanted = config.host_id.clone().or_else(|| stored_host_id(&config.state_dir));
    let token = token(arguments, config)?;
    Ok(Application { folder: folder.clone(), token, anchor, wanted, record, joiner })
}

fn token(arguments: &Enroll, config: &Config) -> Result<TokenText, Failed> {
    if let Some(given) = &arguments.token {
        return TokenText::parse(&given.0).map_err(|error| wrong(format!("--token: {error}")));
    }
    if let (None, Some(token)) = (&arguments.token_file, &config.enroll.token) {
        return Ok(token.clone());
    }
    match token_file(arguments, config) {
        Some(path) => read_token(&path).map_err(wrong),
        None => Err(wrong(
            "--token or --token-file is missing; BasicAgentCtl token create makes a token",
        )),
    }
}

/// Asks each server in turn, and waits as long as one asks to.
async fn join_any(config: &Config, application: &Application) -> Result<(Issued, String), Failed> {
    let mut config = config.clone();
    config.tls.server_name.clone_from(&application.record.server_name);
    let (mut told, mut waits) = (String::new(), false);
    loop {
        match one_round(&config, application).await {
            Round::Joined(issued, server) => return Ok((issued, server)),
            // A server that restarts does not end the wait for an operator.
            Round::Failed(failed) if waits && failed.status == NOT_REACHED => {
                tokio::time::sleep(AGAIN).await;
            }
            Round::Failed(failed) => return Err(failed),
            Round::Wait(wait, why) => {
                waits = true;
                // Once: the wait may last for days.
                if told != why {
                    say(&why);
                    told = why;
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
}

/// How one round over the servers ended.
enum Round {
    Joined(Issued, String),
    Wait(Duration, String),
    Failed(Failed),
}

async fn one_round(config: &Config, application: &Application) -> Round {
    let mut last: Option<Failed> = None;
    for server in config.servers() {
        let found = match targets(&server, config).await {
            Ok(found) => found,
            Err(error) => {
                last = Some(worse(last, NOT_REACHED, &error));
                continue;
            }
        };
        for target in found {
            let error = match join(&target, application).await {
                Ok(issued) => return Round::Joined(issued, target.address.to_string()),
                Err(error) => error,
            };
            match &error {
                LinkError::Pending { host_id, .. } => {
                    let why = format!(
                        "Waiting: an operator has to approve this host, {host_id}, on the \
                         controller. This may be interrupted and run again."
                    );
                    return Round::Wait(wait(&error), why);
                }
                LinkError::Refused { retcode, .. } if *retcode == Retcode::Busy.number() => {
                    return Round::Wait(wait(&error), format!("Waiting: {error}"));
                }
                LinkError::Refused { .. } => last = Some(worse(last, REFUSED, &error)),
                LinkError::Unverified { .. } => last = Some(worse(last, UNVERIFIED, &error)),
                LinkError::Tls(_) | LinkError::Token { .. } | LinkError::Identity(_) => {
                    return Round::Failed(wrong(error));
                }
                _ => last = Some(worse(last, NOT_REACHED, &error)),
            }
        }
    }
    let none = || Failed { status: NOT_REACHED, why: "no server is configured".to_owned() };
    Round::Failed(last.unwrap_or_else(none))
}

/// Returns how long a server asks to wait.
fn wait(error: &LinkError) -> Duration {
    match error {
        LinkError::Pending { retry_after, .. } => *retry_after,
        LinkError::Refused { retry_after, .. } => retry_after.unwrap_or(TOO_MANY),
        _ => TOO_MANY,
    }
    .max(Duration::from_secs(1))
}

/// Adds one server's failure to those before it. The gravest decides the exit status.
fn worse(before: Option<Failed>, status: u8, error: &LinkError) -> Failed {
    match before {
        None => Failed { status, why: error.to_string() },
        Some(before) => {
            Failed { status: before.status.max(status), why: format!("{}\n{error}", before.why) }
        }
    }
}

fn success(issued: &Issued, server: &str) -> String {
    let end = Leaf::read(issued.certificate.as_bytes()).map(|leaf| clock::Seconds(leaf.not_after));
    let until = end.map(|end| format!(" until {end}")).unwrap_or_default();
    format!(
        "This host has joined as {} through {server}. Its certificate is good{until}; the agent \
         renews it.\nNext: systemctl enable --now basicagent; or, for an agent that runs, systemctl \
         reload basicagent.",
        issued.host_id
    )
}

/// Tells the operator something that is no error.
fn say(text: &str) {
    // A reader that has gone does not keep the host from joining.
    let _ = writeln!(std::io::stdout(), "{text}");
}
