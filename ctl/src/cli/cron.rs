//! The flags of `cron`.

use super::Command;
use crate::cron::{Given, MAX_COUNT};
use crate::exit;
use agent_wire::message::MAX_TASK_TIMEOUT;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// What to do with schedules and scheduled jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum Cron {
    /// Print the next times of a schedule
    #[command(after_help = NEXT, override_usage = "BasicAgentCtl cron next [OPTIONS] <EXPR>")]
    Next(CronNext),
    /// Say in words what a schedule means
    #[command(after_help = EXPLAIN, override_usage = "BasicAgentCtl cron explain [OPTIONS] <EXPR>")]
    Explain(CronExplain),
    /// Read crontab files and say what they mean and what is wrong with them
    #[command(after_help = CHECK)]
    Check(CronCheck),
    /// List the jobs of an agent, when they run next and how they ended last
    #[command(after_help = exit::HELP)]
    List(CronList),
    /// Schedule a command, or change a job
    #[command(after_help = SET)]
    Set(Box<CronSet>),
    /// Remove a job; a run that is under way goes on
    #[command(after_help = exit::HELP)]
    Remove(CronJob),
    /// Start a run of a job now, and print its task's id
    #[command(after_help = exit::HELP)]
    Run(CronJob),
    /// List the runs of a job, newest first
    #[command(after_help = exit::HELP)]
    History(CronHistory),
}

impl Cron {
    /// Whether an agent is asked.
    pub(super) fn asks_agent(&self) -> bool {
        !matches!(self, Self::Next(_) | Self::Explain(_) | Self::Check(_))
    }

    /// Whether the shell has made several words of a schedule.
    pub(super) fn lacks_quotes(&self) -> bool {
        match self {
            Self::Next(CronNext { when, .. }) | Self::Explain(CronExplain { when, .. }) => {
                when.words.len() > 1
            }
            _ => false,
        }
    }

    /// `--socket`.
    pub(crate) fn socket(&self) -> Option<&Path> {
        let at = match self {
            Self::Next(_) | Self::Explain(_) | Self::Check(_) => return None,
            Self::List(list) => &list.at,
            Self::Set(set) => &set.at,
            Self::Remove(job) | Self::Run(job) => &job.at,
            Self::History(history) => &history.at,
        };
        at.socket.as_deref()
    }
}

/// Behind the list of subcommands.
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
Put it in quotes: the shell would take the * for files.

next, explain and check read schedules right here: no agent and no privilege is needed.
list, set, remove, run and history ask this machine's agent, as root; with --controller URL and
--host ID, another machine's.";

const NEXT: &str = "\
Examples:
  BasicAgentCtl cron next \"0 30 9 * * MON-FRI\"
  BasicAgentCtl cron next \"30 2 * * *\" --tz Europe/Berlin --from 2026-03-28 -n 3
  BasicAgentCtl cron next \"0 0 8 1C * ?\" --calendar holidays.txt

A calendar excludes days, for items such as 1C: the first day from the 1st on that is not excluded.
Its lines: 2026-12-25 (a day), 2026-12-24..2026-12-31, 12-25 (of every year), SAT-SUN, # a comment.

With - for EXPR, standard input has a question a line and standard output an answer a line, in order:
  {\"expr\":\"0 9 * * *\",\"tz\":\"UTC\",\"from\":\"2026-01-01T09:00:00Z\",\"n\":2,\"calendar\":[\"2026-01-02\"]}
  {\"next\":[\"2026-01-02T09:00:00Z\",\"2026-01-03T09:00:00Z\"]}
or {\"error\":\"...\"}. Only expr has to be there; the flags say what holds for the others.

Exit status: 0 done, also when answers to - are errors; 1 EXPR, zone or calendar is wrong;
2 wrong flags.";

const EXPLAIN: &str = "\
Example:
  BasicAgentCtl cron explain \"0 */30 8-17 * * MON-FRI\"

Exit status: 0 done; 1 EXPR, zone or calendar is wrong; 2 wrong flags.";

const CHECK: &str = "\
Problems and warnings are printed on standard error, a line each: FILE:LINE:COLUMN: what is wrong.
The exit status is 1 if there is a problem, 0 with warnings only.

Examples:
  BasicAgentCtl cron check /etc/basicagent/cron.d
  BasicAgentCtl cron check backup --tz Europe/Berlin
  crontab -l | BasicAgentCtl cron check --user \"$USER\" -

A line is: fields, user, command. A file whose lines name no user begins with CRON_USER=root.
The agent takes a file that belongs to root and that nobody else may write.";

const SET: &str = "\
Examples:
  BasicAgentCtl cron set backup \"0 30 2 * * *\" --user backup --timeout 3600 -- backup --all
  BasicAgentCtl cron set report \"0 0 8 LW * ?\" --tz Europe/Berlin --missed once -- 'report | mail joe'

A job that has the name already is replaced. Jobs of crontab files are changed in their files.";

/// A schedule, and what it is read with.
#[derive(Debug, Args)]
pub(crate) struct CronWhen {
    /// The schedule, in quotes
    #[arg(value_name = "EXPR", required = true)]
    words: Vec<String>,

    /// The time zone, as Europe/Berlin; a CRON_TZ= in EXPR goes first [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// Begin after this time: 2026-03-29, 2026-03-29T09:30 (of that zone) or 2026-03-29T09:30:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = Given::parse)]
    pub(crate) from: Option<Given>,

    /// A file of excluded days, for items such as 15C
    #[arg(long, value_name = "FILE")]
    pub(crate) calendar: Option<PathBuf>,
}

impl CronWhen {
    /// The schedule's text.
    pub(crate) fn expression(&self) -> &str {
        &self.words[0]
    }
}

/// `cron next`.
#[derive(Debug, Args)]
pub(crate) struct CronNext {
    #[command(flatten)]
    pub(crate) when: CronWhen,

    /// How many times
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 5,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_COUNT)))]
    pub(crate) count: u16,

    /// Print them as JSON, in UTC: {"next":["2026-01-05T00:00:00Z", …]}
    #[arg(long)]
    pub(crate) json: bool,
}

/// `cron explain`.
#[derive(Debug, Args)]
pub(crate) struct CronExplain {
    #[command(flatten)]
    pub(crate) when: CronWhen,

    /// How many of the next times
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 3,
        value_parser = clap::value_parser!(u16).range(0..=i64::from(MAX_COUNT)))]
    pub(crate) count: u16,

    /// Print it as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `cron check`.
#[derive(Debug, Args)]
pub(crate) struct CronCheck {
    /// Files as for /etc/basicagent/cron.d, a directory of them, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The lines name no user: they are this user's own crontab
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,

    /// The time zone of entries that name none [default: this machine's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// A file of excluded days, for items such as 15C
    #[arg(long, value_name = "FILE")]
    pub(crate) calendar: Option<PathBuf>,

    /// Print everything as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which agent is asked.
#[derive(Debug, Args)]
struct At {
    /// The socket of this machine's agent: agent.sock in its run_dir [default: /run/basicagent/agent.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// `cron list`.
#[derive(Debug, Args)]
pub(crate) struct CronList {
    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// `cron remove`, `cron run`.
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

/// `cron history`.
#[derive(Debug, Args)]
pub(crate) struct CronHistory {
    /// The job's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// How many runs at most
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20,
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) count: u16,

    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}

/// `cron set`.
#[derive(Debug, Args)]
pub(crate) struct CronSet {
    /// The job's name, of your own choice
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// The schedule, in quotes
    #[arg(value_name = "EXPR")]
    pub(crate) schedule: String,

    #[command(flatten)]
    pub(crate) command: Command,

    /// Kill the command and all it started after so many seconds [default: never]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=MAX_TASK_TIMEOUT))]
    pub(crate) timeout: Option<u64>,

    /// The time zone, as Europe/Berlin [default: the agent's]
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,

    /// When a run is due while the one before still runs: leave it out, start it then, or run both [default: skip]
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(["skip", "queue", "allow"]))]
    pub(crate) overlap: Option<String>,

    /// When runs were due while the agent was down: leave them out, or run once for all [default: skip]
    #[arg(long, value_name = "WHAT", value_parser = PossibleValuesParser::new(["skip", "once"]))]
    pub(crate) missed: Option<String>,

    /// With --missed once: for runs that were due so many seconds ago at most [default: 86400]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) horizon: Option<u64>,

    /// Start up to so many seconds later, each host by its own part of them [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) jitter: Option<u64>,

    /// A file of excluded days on the agent's host, as an absolute path, for items such as 15C
    #[arg(long, value_name = "FILE")]
    pub(crate) calendar: Option<String>,

    /// Keep the job, but do not run it
    #[arg(long)]
    pub(crate) disabled: bool,

    /// Print the agent's own JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    at: At,
}
