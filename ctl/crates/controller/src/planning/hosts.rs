//! Finds the hosts of a plan, and judges each by the operator's roles and by its own state.

use super::wanted::{Hosts, Wanted};
use super::{NoPlan, Planner};
use crate::agents;
use crate::store::{BudgetRow, HostQuery, HostRow, LeftOut, plain_labels};
use controller_api::Answer;
use fleet::role::{self, Reach};
use fleet::run::Request;
use fleet::{Action, HostState, Labels, Selector, UnixMillis};
use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

/// Hosts that are read at once.
const PAGE: usize = 1000;

/// Budgets that are read at once; there are fewer.
const BUDGETS: usize = 1000;

/// The hosts that a plan looked at.
#[derive(Debug, Default)]
pub(super) struct LookedAt {
    /// Those that become targets.
    pub(super) candidates: Vec<Candidate>,
    /// The others that the operator may know of.
    pub(super) left_out: Vec<LeftOut>,
}

/// A host that becomes a target.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) host: String,
    pub(super) budgets: Vec<String>,
    pub(super) answer: Answer,
    pub(super) why: Option<String>,
    /// The way to it, if it is to be asked whether it would do it.
    pub(super) reach: Option<agents::Reach>,
    /// The version of its agent.
    pub(super) version: Option<String>,
}

/// A budget, and the hosts that count for it.
struct Counted {
    name: String,
    selector: Selector,
}

/// What each host is judged by.
struct Judge<'a> {
    planner: &'a Planner<'a>,
    request: &'a Request,
    no_wait: bool,
    budgets: Vec<Counted>,
    /// Whether the roles allow the request on each host, so that labels need not be looked at.
    everywhere: bool,
    seen: Reach<'a>,
}

impl Planner<'_> {
    /// Finds and judges the hosts.
    pub(super) async fn look(&self, wanted: &Wanted) -> Result<LookedAt, NoPlan> {
        let request = &wanted.request;
        let judge = Judge {
            planner: self,
            request,
            no_wait: wanted.options.no_wait,
            budgets: counted(self.store.budgets("", BUDGETS).await?),
            everywhere: self.principal.may_everywhere(request.action(), request.judged_command()),
            seen: self.principal.reach(Action::HostsRead),
        };
        let mut found = LookedAt::default();
        match &wanted.hosts {
            Hosts::Selected { selector, .. } => self.select(selector, &judge, &mut found).await?,
            Hosts::Listed(hosts) => self.list(hosts, &judge, &mut found, false).await?,
            Hosts::Again { hosts, .. } => self.list(hosts, &judge, &mut found, true).await?,
        }
        Ok(found)
    }

    async fn select(
        &self,
        selector: &Selector,
        judge: &Judge<'_>,
        found: &mut LookedAt,
    ) -> Result<(), NoPlan> {
        let mut after = String::new();
        loop {
            let selector = Some(selector.clone());
            let query = HostQuery { selector, after, limit: PAGE, ..HostQuery::default() };
            let rows = self.store.hosts(query).await?;
            for row in &rows {
                judge.judge(row, found);
            }
            match rows.last() {
                Some(last) if rows.len() == PAGE => after = last.identity.id.clone(),
                _ => return Ok(()),
            }
        }
    }

    async fn list(
        &self,
        hosts: &[String],
        judge: &Judge<'_>,
        found: &mut LookedAt,
        may_be_gone: bool,
    ) -> Result<(), NoPlan> {
        let mut named = HashSet::new();
        for page in hosts.chunks(PAGE) {
            let rows = self.store.hosts_named(page.to_vec()).await?;
            for host in page.iter().filter(|host| named.insert(host.as_str())) {
                match rows.get(host) {
                    // A host that the operator may not see must look like one that does not exist.
                    Some(row) if judge.sees(row) || judge.allows(row).is_none() => {
                        judge.judge(row, found);
                    }
                    None if may_be_gone => found.left_out.push(LeftOut {
                        host: host.clone(),
                        answer: Answer::Invalid.name().to_owned(),
                        why: Some("there is no such host anymore".to_owned()),
                    }),
                    Some(_) if may_be_gone => {}
                    Some(_) | None => return Err(NoPlan::UnknownHost(host.clone())),
                }
            }
        }
        Ok(())
    }
}

impl Judge<'_> {
    /// Puts a host among the candidates, or among those left out.
    fn judge(&self, row: &HostRow, found: &mut LookedAt) {
        let host = &row.identity.id;
        if let Some(why) = self.allows(row) {
            if self.sees(row) {
                found.left_out.push(left_out(host, Answer::NotYours, why));
            }
            return;
        }
        let (answer, why) = match &row.identity.state {
            HostState::Active => self.reachable(row),
            HostState::Pending(_) => {
                (Answer::Pending, Some("the host waits for an operator's approval".to_owned()))
            }
            HostState::Quarantined(_) => {
                (Answer::Quarantined, Some("the host is quarantined".to_owned()))
            }
            HostState::Banned => {
                let why = "the host is banned".to_owned();
                return found.left_out.push(left_out(host, Answer::Refused, why));
            }
        };
        if answer == Answer::Refused {
            return found.left_out.push(left_out(host, answer, why.unwrap_or_default()));
        }
        let reach = match answer {
            Answer::Online => self.planner.registry.reach(host),
            _ => None,
        };
        found.candidates.push(Candidate {
            host: host.clone(),
            budgets: self.budgets_of(row),
            answer,
            why,
            reach,
            version: row.version.clone(),
        });
    }

    /// Returns what a host that gets requests would do, as far as its channel tells.
    fn reachable(&self, row: &HostRow) -> (Answer, Option<String>) {
        match self.planner.registry.reach(&row.identity.id) {
            Some(reach) => match reach.restriction() {
                None => (Answer::Online, None),
                Some(restriction) => (Answer::Quarantined, Some(restriction.to_string())),
            },
            None if self.no_wait => {
                (Answer::Refused, Some(format!("{}; the plan does not wait", offline(row))))
            }
            None => (Answer::Queued, Some(offline(row))),
        }
    }

    /// Returns why the roles do not allow the request on a host; `None` if they do.
    fn allows(&self, row: &HostRow) -> Option<String> {
        if self.everywhere {
            return None;
        }
        let (principal, action) = (self.planner.principal, self.request.action());
        let command = self.request.judged_command();
        let verdict = principal.may_on(action, &row.identity.id, &plain_labels(row), command);
        verdict.err().map(|denied| denied.to_string())
    }

    fn sees(&self, row: &HostRow) -> bool {
        match &self.seen {
            Reach::Everything => true,
            Reach::Nothing => false,
            reach => reach.covers(role::Host { id: &row.identity.id, labels: &plain_labels(row) }),
        }
    }

    fn budgets_of(&self, row: &HostRow) -> Vec<String> {
        if self.budgets.is_empty() {
            return Vec::new();
        }
        let (host, labels): (_, Labels) = (&row.identity.id, plain_labels(row));
        let counting = self.budgets.iter().filter(|one| one.selector.matches(host, &labels));
        counting.map(|one| one.name.clone()).collect()
    }
}

fn left_out(host: &str, answer: Answer, why: String) -> LeftOut {
    LeftOut { host: host.to_owned(), answer: answer.name().to_owned(), why: Some(why) }
}

fn offline(row: &HostRow) -> String {
    match row.last_seen {
        Some(seen) => format!("the host is offline, last seen {}", seconds(seen)),
        None => "the host is offline, and never was connected".to_owned(),
    }
}

fn seconds(time: UnixMillis) -> String {
    let since = Duration::from_millis(u64::try_from(time).unwrap_or_default());
    humantime::format_rfc3339_seconds(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
        .to_string()
}

/// Reads the budgets' selectors; one that a later version wrote and that cannot be read counts for
/// every host.
fn counted(rows: Vec<BudgetRow>) -> Vec<Counted> {
    let read = |row: BudgetRow| {
        let selector = Selector::parse(&row.selector).unwrap_or_else(|error| {
            log::error!("the budget {} counts for every host: {error}", row.name);
            Selector::default()
        });
        Counted { name: row.name, selector }
    };
    rows.into_iter().map(read).collect()
}
