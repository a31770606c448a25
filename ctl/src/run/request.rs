//! The flags of a new run as the body of a plan.

use crate::cli::{RunStart, duration};
use crate::client::checked;
use crate::cron::{Given, utc};
use crate::error::Error;
use crate::{clock, command};
use agent_wire::Method;
use agent_wire::json::quote;
use agent_wire::message::Bash;
use controller_api::{AgentRequest, NewPlan};
use serde_json::{Map, Value};

/// The longest time that `--not-after` may name as a duration, in seconds: a year.
const MAX_WAIT: u64 = 366 * 86_400;

/// The script of the agent's package that upgrades it, and puts the old version back if the new one
/// does not connect.
const UPGRADE: &str = "/usr/lib/basicagent/upgrade";

/// How long a new agent may take to connect, in seconds.
const UPGRADE_WINDOW: u64 = 120;

/// Returns the body. Reads standard input with `--stdin`.
///
/// # Errors
/// [`Error::Usage`] for flags that make no plan.
pub(super) fn new_plan(start: &RunStart) -> Result<NewPlan, Error> {
    let hosts = match (&start.selector, start.hosts.as_slice()) {
        (None, []) => {
            return Err(Error::usage(
                "which hosts? Choose them with -l SELECTOR (-l '' is all hosts) or --host ID",
            ));
        }
        (Some(_), [_, ..]) => {
            return Err(Error::usage("-l and --host both choose hosts: use one"));
        }
        (Some(_), []) => None,
        (None, hosts) => {
            hosts.iter().try_for_each(|host| checked(host).map(drop))?;
            Some(hosts.to_vec())
        }
    };
    let pace = &start.pace;
    Ok(NewPlan {
        request: request(start)?,
        selector: start.selector.clone(),
        hosts,
        stages: Some(pace.stages.clone()).filter(|stages| !stages.is_empty()),
        soak: pace.soak,
        max_failed: pace.max_failed,
        concurrency: pace.concurrency,
        ramp: pace.no_ramp.then_some(false),
        stop_after: pace.stop_after,
        not_after: pace.not_after.as_deref().map(not_after).transpose()?,
        no_wait: pace.no_wait,
    })
}

fn request(start: &RunStart) -> Result<AgentRequest, Error> {
    if let Some(version) = &start.upgrade {
        if has_command_flags(start) {
            return Err(Error::usage(
                "--user, --env, --timeout and the like do not go with --upgrade",
            ));
        }
        let window = start.window.unwrap_or(UPGRADE_WINDOW);
        let cmd = format!("{UPGRADE} {version} {window}");
        return task(&Bash { cmd, ..Bash::default() });
    }
    let Some(method) = &start.method else {
        if start.command.words.is_empty() {
            return Err(Error::usage(
                "what is to run? Put a command behind --, or name a method with --method",
            ));
        }
        let bash = Bash { timeout: start.timeout, ..command::bash(&start.command)? };
        return task(&bash);
    };
    if has_command_flags(start) {
        return Err(Error::usage(format!(
            "--user, --env, --timeout and the like belong to a command; give {} its fields with \
             --field NAME=VALUE",
            quote(method)
        )));
    }
    let mut fields: Map<String, Value> = start.field.iter().cloned().collect();
    if let Some(args) = &start.args {
        fields.insert("args".to_owned(), args.as_str().into());
    }
    Ok(AgentRequest { method: method.clone(), fields })
}

fn task(bash: &Bash) -> Result<AgentRequest, Error> {
    match serde_json::to_value(bash) {
        Ok(Value::Object(fields)) => {
            Ok(AgentRequest { method: Method::AsyncBash.name().to_owned(), fields })
        }
        _ => Err(Error::failed("the command cannot be written as JSON")),
    }
}

fn has_command_flags(start: &RunStart) -> bool {
    let command = &start.command;
    let texts = [&command.user, &command.group, &command.cwd];
    let numbers = [command.max_output, command.memory, command.cpu, command.pids, start.timeout];
    texts.iter().any(|text| text.is_some())
        || numbers.iter().any(Option::is_some)
        || !command.env.is_empty()
        || command.stdin
        || command.stderr.is_some()
}

/// Reads `1h`, from now on, or a time.
fn not_after(text: &str) -> Result<String, Error> {
    if text.ends_with(char::is_alphabetic)
        && let Ok(wait) = duration::<1, MAX_WAIT>(text)
    {
        return Ok(utc(clock::now().saturating_add_unsigned(wait)));
    }
    match Given::parse(text) {
        Ok(given) => Ok(utc(given.unix(&clock::here()))),
        Err(expected) => {
            Err(Error::usage(format!("--not-after {}: {expected}, or 30m or 24h", quote(text))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[test]
    fn an_upgrade_is_a_task_that_runs_the_script_of_the_package() {
        let flags =
            ["", "-l", "env=prod", "--upgrade", "basicagent=1:1.2.3~rc1-1", "--window", "5m"];
        let request = request(&parsed(&flags)).unwrap();
        assert_eq!(request.method, "async.bash");
        assert_eq!(request.fields["cmd"], "/usr/lib/basicagent/upgrade 1:1.2.3~rc1-1 300");
        for wrong in
            ["nginx=1", "basicagent", "basicagent=", "basicagent=1;reboot", "basicagent=-x"]
        {
            assert!(Start::try_parse_from(["", "--upgrade", wrong]).is_err(), "{wrong}");
        }
        let with_user = parsed(&["", "-l", "", "--upgrade", "basicagent=1", "--user", "app"]);
        assert!(super::request(&with_user).is_err());
    }

    #[derive(clap::Parser)]
    struct Start {
        #[command(flatten)]
        start: RunStart,
    }

    fn parsed(flags: &[&str]) -> RunStart {
        Start::try_parse_from(flags).unwrap().start
    }

    #[test]
    fn not_after_is_so_long_from_now_or_a_time() {
        let now = clock::now();
        let in_an_hour = clock::unix(&not_after("1h").unwrap()).unwrap();
        assert!((now + 3600..now + 3660).contains(&in_an_hour));
        assert_eq!(not_after("2026-01-31T12:00:00Z").unwrap(), "2026-01-31T12:00:00Z");
        assert_eq!(not_after("2026-01-31T12:00:00+02:00").unwrap(), "2026-01-31T10:00:00Z");
        for wrong in ["", "soon", "0h", "-1h", "90"] {
            assert!(not_after(wrong).is_err(), "{wrong}");
        }
    }
}
