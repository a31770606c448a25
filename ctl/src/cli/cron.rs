//! The flags of `cron`.

use super::number::{count, seconds};
use super::target::{At, Conflict, Target};
use super::{Command, Remote};
use crate::cron::{Given, MAX_COUNT};
use crate::exit;
use agent_wire::message::MAX_TASK_TIMEOUT;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// The subcommands of `cron`.
#[derive(Debug, Subcommand)]
pub(crate) enum Cron {
    /// Print the next times at which a schedule is due
    #[command(after_help = NEXT, override_usage = "BasicAgentCtl cron next [OPTIONS] <EXPR>")]
    Next(CronNext),
    /// Explain a schedule in words
    #[command(after_help = EXPLAIN, override_usage = "BasicAgentCtl cron explain [OPTIONS] <EXPR>")]
    Explain(CronExplain),
    /// Check crontab files: list their entries and problems
    #[command(after_help = CHECK)]
    Check(CronCheck),
    /// List an agent's jobs with their next and last runs
    #[command(after_help = exit::HELP)]
    List(CronList),
    /// Schedule a command, or replace a job
    #[command(after_help = SET)]
    Set(Box<CronSet>),
    /// Remove a job; a running run continues
    #[command(after_help = exit::HELP)]
    Remove(CronJob),
    /// Start a run of a job now and print its task's id
    #[command(after_help = exit::HELP)]
    Run(CronJob),
    /// List a job's runs, newest first
    #[command(after_help = exit::HELP)]
    History(CronHistory),
}

impl Cron {
    /// Returns the host whose agent gets the request; `None`: this machine's agent, or no agent.
    pub(super) fn remote(&self, target: Target) -> Result<Option<Remote>, Conflict> {
        let when = match self {
            Self::Next(next) => Some(&next.when),
            Self::Explain(explain) => Some(&explain.when),
            Self::Check(_) | Self::List(_) | Self::Set(_) => None,
            Self::Remove(_) | Self::Run(_) | Self::History(_) => None,
        };
        if when.is_some_and(|when| when.words.len() > 1) {
            return Err(Conflict("the schedule is one argument: quote it, as in \"*/10 * * * *\""));
        }
        match self.at() {
            None if target.is_local() => Ok(None),
            None => Err(Conflict(
                "cron next, explain and check read schedules locally; they cannot be combined with --controller",
            )),
            Some(at) => target.agent(at),
        }
    }

    /// Returns the path in `--socket`.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.at()?.socket.as_deref()
    }

    /// Returns the choice of the agent, for the subcommands that send a request to one.
    fn at(&self) -> Option<&At> {
        match self {
            Self::Next(_) | Self::Explain(_) | Self::Check(_) => None,
            Self::List(list) => Some(&list.at),
            Self::Set(set) => Some(&set.at),
            Self::Remove(job) | Self::Run(job) => Some(&job.at),
            Self::History(history) => Some(&history.at),
        }
    }
}

/// Printed after the list of subcommands.
pub(super) const HELP: &str = "\
A schedule has six fields: second minute hour day-of-month month day-of-week.
With five fields the second is 0.
  */10 * * * * *           every ten seconds
  0 30 9 * * MON-FRI       at 09:30 on weekdays
  30 9 * * MON-FRI         the same
  0 0 8 LW * ?             at 08:00 on the last weekday of the month
  0 0 8 ? * FRI#2          at 08:00 on the second Friday
  CRON_TZ=Asia/Tokyo 0 0 9 * * *    at 09:00 in Tokyo
  @hourly @daily @weekly @monthly @yearly
Quote the schedule: otherwise the shell expands the * to file names.

next, explain and check read schedules locally and require neither an agent nor privileges.
list, set, remove, run and history send requests to this machine's agent, as root; with
--controller URL and --host ID, to another machine's.";

const NEXT: &str = "\
Examples:
  BasicAgentCtl cron next \"0 30 9 * * MON-FRI\"
  BasicAgentCtl cron next \"30 2 * * *\" --tz Europe/Berlin --from 2026-03-28 -n 3
  BasicAgentCtl cron next \"0 0 8 1C * ?\" --calendar holidays.txt

A calendar excludes days for items such as 1C, the first day from the 1st on that is not excluded.
Its lines: 2026-12-25 (a day), 2026-12-24..2026-12-31, 12-25 (every year), SAT-SUN, # a comment.

If EXPR is -, each line of standard input is a query, and standard output has one reply per line, in
order:
  {\"expr\":\"0 9 * * *\",\"tz\":\"UTC\",\"from\":\"2026-01-01T09:00:00Z\",\"n\":2,\"calendar\":[\"2026-01-02\"]}
  {\"next\":[\"2026-01-02T09:00:00Z\",\"2026-01-03T09:00:00Z\"]}
or {\"error\":\"...\"}. Only expr is required; the flags set the defaults of the others.

Exit status: 0 success, also if replies to - are errors; 1 invalid EXPR, zone or calendar;
2 usage error.";

const EXPLAIN: &str = "\
Example:
  BasicAgentCtl cron explain \"0 */30 8-17 * * MON-FRI\"

Exit status: 0 success; 1 invalid EXPR, zone or calendar; 2 usage error.";

const CHECK: &str = "\
Problems and warnings go to standard error, one per line: FILE:LINE:COLUMN: MESSAGE.
The exit status is 1 if there is a problem, and 0 if there are only warnings.

Examples:
  BasicAgentCtl cron check /etc/basicagent/cron.d
  BasicAgentCtl cron check backup --tz Europe/Berlin
  crontab -l | BasicAgentCtl cron check --user \"$USER\" -

A line has the fields, the user and the command. If the lines name no user, put CRON_USER=root at
the top. The agent accepts a file only if it belongs to root and is writable by nobody else.";

const SET: &str = "\
Examples:
  BasicAgentCtl cron set backup \"0 30 2 * * *\" --user backup --timeout 3600 -- backup --all
  BasicAgentCtl cron set report \"0 0 8 LW * ?\" --tz Europe/Berlin --missed once -- 'report | mail joe'

This replaces an existing job of that name. Edit jobs from a crontab in their file.";

/// A schedule, its time zone, its start and its calendar.
#[derive(Debug, Args)]
pub(crate) struct CronWhen {
    /// The schedule, in quotes
    #[arg(value_name = "EXPR", required = true)]
    words: Vec<String>,

    /// The time zone, such as Europe/Berlin; CRON_TZ= in EXPR takes precedence [default: this
    /// machine's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// Start after this time: 2026-03-29, 2026-03-29T09:30 (in that zone) or 2026-03-29T09:30:00Z
    /// [default: now]
    #[arg(long, value_name = "TIME", value_parser = Given::parse)]
    pub(crate) from: Option<Given>,

    /// A file of excluded days, for items such as 15C
    #[arg(long, value_name = "FILE")]
    pub(crate) calendar: Option<PathBuf>,
}

impl CronWhen {
    /// Returns the text of the schedule.
    pub(crate) fn expression(&self) -> &str {
        &self.words[0]
    }
}

/// The flags of `cron next`.
#[derive(Debug, Args)]
pub(crate) struct CronNext {
    #[command(flatten)]
    pub(crate) when: CronWhen,

    /// The number of times to print
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 5,
        value_parser = count::<1, MAX_COUNT>)]
    pub(crate) count: u16,

    /// Print the times as JSON, in UTC: {"next":["2026-01-05T00:00:00Z", …]}
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `cron explain`.
#[derive(Debug, Args)]
pub(crate) struct CronExplain {
    #[command(flatten)]
    pub(crate) when: CronWhen,

    /// The number of next times to print
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 3,
        value_parser = count::<0, MAX_COUNT>)]
    pub(crate) count: u16,

    /// Print the explanation as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `cron check`.
#[derive(Debug, Args)]
pub(crate) struct CronCheck {
    /// Crontab files as in /etc/basicagent/cron.d, a directory of them, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Read the files as this user's own crontab, whose lines name no user
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,

    /// The time zone of entries without one [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// A file of excluded days, for items such as 15C
    #[arg(long, value_name = "FILE")]
    pub(crate) calendar: Option<PathBuf>,

    /// Print everything as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// The flags of `cron list`.
#[derive(Debug, Args)]
pub(crate) struct CronList {
    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// The flags of `cron remove` and `cron run`.
#[derive(Debug, Args)]
pub(crate) struct CronJob {
    /// The job's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// The flags of `cron history`.
#[derive(Debug, Args)]
pub(crate) struct CronHistory {
    /// The job's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The most runs to list
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20,
        value_parser = count::<1, 1000>)]
    pub(crate) count: u16,

    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// The flags of `cron set`.
#[derive(Debug, Args)]
pub(crate) struct CronSet {
    /// A name for the job
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The schedule, in quotes
    #[arg(value_name = "EXPR")]
    pub(crate) schedule: String,

    #[command(flatten)]
    pub(crate) command: Command,

    /// Kill the command and its children after this many seconds [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = seconds::<1, MAX_TASK_TIMEOUT>)]
    pub(crate) timeout: Option<u64>,

    /// The time zone, such as Europe/Berlin [default: the agent's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// If a run is due while the previous one is running: skip it, queue it, or allow both
    /// [default: skip]
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(["skip", "queue", "allow"]))]
    pub(crate) overlap: Option<String>,

    /// If runs were due while the agent was down: skip them, or run once for all of them
    /// [default: skip]
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(["skip", "once"]))]
    pub(crate) missed: Option<String>,

    /// With --missed once: only for runs that were due within this many seconds [default: 86400]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) horizon: Option<u64>,

    /// Delay each start by up to this many seconds, by a share that differs per host [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) jitter: Option<u64>,

    /// The absolute path on the agent's host of a file of excluded days, for items such as 15C
    #[arg(long, value_name = "FILE")]
    pub(crate) calendar: Option<String>,

    /// Store the job without running it
    #[arg(long)]
    pub(crate) disabled: bool,

    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}
