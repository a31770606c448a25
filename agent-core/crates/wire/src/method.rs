//! The methods that an agent answers: one enum for both ends, the policy, the audit log and
//! dispatch.
//!
//! To add a method, add its line to `methods!` below. The compiler then names every exhaustive
//! match that has to know it, and the drift tests name the tables of PROTOCOL.md.

use std::fmt;

/// A group of methods, the word before the first dot of their names. A policy rule names all of a
/// family's methods as `sync.*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `agent.*`: the agent about itself.
    Agent,
    /// `async.*`: tasks (§6).
    Async,
    /// `cert.*`: the host's certificate and the CAs that it trusts (§9). The policy does not apply
    /// to it, and only a controller may ask for it.
    Cert,
    /// `cron.*`: jobs (§7).
    Cron,
    /// `exec.*`: what a command would meet on this host (§5). The policy judges the method that it
    /// asks about.
    Exec,
    /// `getinfo.*`: facts (§8).
    Getinfo,
    /// `sync.*`: commands (§5).
    Sync,
}

impl Family {
    /// Every family, in alphabetical order.
    pub const ALL: [Self; 7] =
        [Self::Agent, Self::Async, Self::Cert, Self::Cron, Self::Exec, Self::Getinfo, Self::Sync];

    /// Returns the family's word, without the dot.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Async => "async",
            Self::Cert => "cert",
            Self::Cron => "cron",
            Self::Exec => "exec",
            Self::Getinfo => "getinfo",
            Self::Sync => "sync",
        }
    }

    /// Returns the family with this word.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.name() == name)
    }
}

/// Defines [`Method`] and its names and summaries from one line per method.
macro_rules! methods {
    ($($variant:ident, $family:ident, $name:literal, $summary:literal;)+) => {
        /// A method that a request asks for.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`: ", $summary, ".")] $variant,)+
            /// A `getinfo.*` method that a plugin answers, by its whole name. Whether a plugin for
            /// it is installed shows when it is called.
            Provider(String),
            /// A name that this version does not know. It is kept for the policy and the audit log;
            /// the reply is 3004.
            Unknown(String),
        }

        impl Method {
            /// Every method that the agent answers itself, in alphabetical order.
            pub const OWN: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Returns the method with this name.
            pub fn parse(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    _ if name.starts_with("getinfo.") => Self::Provider(name.to_owned()),
                    _ => Self::Unknown(name.to_owned()),
                }
            }

            /// Returns the name on the wire.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Provider(name) | Self::Unknown(name) => name,
                }
            }

            /// Returns the family; an unknown method has none.
            pub const fn family(&self) -> Option<Family> {
                match self {
                    $(Self::$variant => Some(Family::$family),)+
                    Self::Provider(_) => Some(Family::Getinfo),
                    Self::Unknown(_) => None,
                }
            }

            /// Returns the line that `agent.methods` shows; a provider's comes from its plugin.
            pub const fn summary(&self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($summary),)+
                    Self::Provider(_) | Self::Unknown(_) => None,
                }
            }
        }
    };
}

methods! {
    AgentInfo, Agent, "agent.info", "returns the agent's version, identity, uptime and counters";
    AgentMethods, Agent, "agent.methods", "lists every method with a one-line summary";
    AgentPing, Agent, "agent.ping", "replies at once";
    AsyncAck, Async, "async.ack", "acknowledges a task's result, which is then no longer redelivered";
    AsyncBash, Async, "async.bash", "runs a shell command as a durable task; its result follows when it ends";
    AsyncCancel, Async, "async.cancel", "cancels a task and kills its whole process tree";
    AsyncList, Async, "async.list", "lists the tasks that the agent knows, with their states";
    AsyncOutput, Async, "async.output", "returns what a task has printed so far";
    AsyncStatus, Async, "async.status", "returns a task's state";
    CertRenewNow, Cert, "cert.renew_now", "renews the host's certificate now";
    CertReset, Cert, "cert.reset", "sets the host's key aside; the agent enrolls again or stops";
    CertTrust, Cert, "cert.trust", "stores the CAs that servers' certificates chain to";
    CronHistory, Cron, "cron.history", "lists a job's runs, newest first";
    CronList, Cron, "cron.list", "lists the scheduled jobs, with their next runs and last result";
    CronRemove, Cron, "cron.remove", "removes a job";
    CronRun, Cron, "cron.run", "starts a run of a job now";
    CronSet, Cron, "cron.set", "schedules a shell command; each of its runs is a task with a result";
    ExecCheck, Exec, "exec.check", "tells whether a request would be admitted and its command could start";
    GetinfoAll, Getinfo, "getinfo.all", "asks several providers of facts in one request";
    SyncBash, Sync, "sync.bash", "runs a shell command as a user and replies when it has ended";
    SyncCancel, Sync, "sync.cancel", "cancels another request's command and kills its whole process tree";
}

impl Method {
    /// Returns whether a request for this method brings a command, which the policy judges together
    /// with the user and group that it would run as.
    pub const fn brings_command(&self) -> bool {
        match self {
            Self::AsyncBash | Self::CronSet | Self::SyncBash => true,
            Self::AgentInfo
            | Self::AgentMethods
            | Self::AgentPing
            | Self::AsyncAck
            | Self::AsyncCancel
            | Self::AsyncList
            | Self::AsyncOutput
            | Self::AsyncStatus
            | Self::CertRenewNow
            | Self::CertReset
            | Self::CertTrust
            | Self::CronHistory
            | Self::CronList
            | Self::CronRemove
            | Self::CronRun
            | Self::ExecCheck
            | Self::GetinfoAll
            | Self::SyncCancel
            | Self::Provider(_)
            | Self::Unknown(_) => false,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_reads_back_from_its_name_and_belongs_to_the_family_in_it() {
        let mut names: Vec<&str> = Vec::new();
        for method in &Method::OWN {
            assert_eq!(Method::parse(method.name()), *method);
            let (family, _) = method.name().split_once('.').unwrap();
            assert_eq!(method.family(), Family::parse(family), "{method}");
            assert!(method.summary().is_some(), "{method}");
            names.push(method.name());
        }
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn names_that_the_agent_does_not_own_are_kept() {
        let provider = Method::parse("getinfo.users");
        assert_eq!(provider, Method::Provider("getinfo.users".to_owned()));
        assert_eq!((provider.name(), provider.family()), ("getinfo.users", Some(Family::Getinfo)));
        for name in ["", "sync", "sync.bashful", "getinfo", "Sync.bash"] {
            let method = Method::parse(name);
            assert_eq!((&method, method.family()), (&Method::Unknown(name.to_owned()), None));
            assert_eq!(
                (method.name(), method.summary(), method.brings_command()),
                (name, None, false)
            );
        }
    }
}
