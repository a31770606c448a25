//! `/runs/new`: what is to run, and where. It ends in a plan, which nobody has applied yet.

use super::draft::{COMMAND, Draft, MAX_HOSTS, Problems};
use super::placed::placed;
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, html, html_with, see};
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use controller_api::{HostCount, HostCountQuery, Plan, PlanTargetList, path};
use fleet::Action;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// The methods that are offered beside a command. Others may be typed.
const METHODS: [(&str, &str); 27] = [
    ("getinfo.os", "Operating system"),
    ("getinfo.kernel", "Kernel"),
    ("getinfo.cpu", "Processors"),
    ("getinfo.memory", "Memory"),
    ("getinfo.disks", "Disks"),
    ("getinfo.mounts", "Mounts"),
    ("getinfo.network", "Network"),
    ("getinfo.hardware", "Hardware"),
    ("getinfo.time", "Clock"),
    ("getinfo.services", "Services"),
    ("getinfo.packages", "Packages"),
    ("getinfo.certificates", "Certificates"),
    ("getinfo.processes", "Processes"),
    ("getinfo.sockets", "Sockets"),
    ("getinfo.sessions", "Sessions"),
    ("getinfo.users", "Users"),
    ("getinfo.groups", "Groups"),
    ("getinfo.limits", "Limits"),
    ("getinfo.sysctl", "Kernel settings"),
    ("getinfo.cron", "Crontabs"),
    ("agent.ping", "Whether the agent answers"),
    ("agent.info", "The agent itself"),
    ("cron.list", "Schedules on the host"),
    ("cron.run", "Run a schedule now"),
    ("cron.remove", "Remove a schedule"),
    ("async.list", "Tasks on the host"),
    ("async.cancel", "Cancel a task"),
];

pub(super) async fn show(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let query = Form::of_query(query.as_deref());
    let draft = match query.some("from") {
        Some(plan) => changed(&session, plan).await?,
        None => Draft::of(&query),
    };
    let page = Compose::new(&session, draft, Problems::new(), query.get("once")).await?;
    html(&page)
}

/// Returns the form of a plan or run that is to be changed.
async fn changed(session: &Session, id: &str) -> Result<Draft, Failure> {
    let plan: Plan = session.api.get(&path::plan(id)).await?;
    let mut hosts = Vec::new();
    if plan.selector.is_none() {
        let path = format!("{}?limit={MAX_HOSTS}", path::plan_targets(id));
        let list: PlanTargetList = session.api.get(&path).await?;
        hosts = list.targets.into_iter().map(|target| target.host).collect();
    }
    Ok(Draft::of_plan(&plan, hosts))
}

pub(super) async fn plan(session: Session, form: Form) -> Result<Response, Failure> {
    let draft = Draft::of(&form);
    // A person who only wants to know how many match gets the form again.
    if form.has("count") {
        let page = Compose::new(&session, draft, Problems::new(), form.get("once")).await?;
        return html(&page);
    }
    let (status, problems) = match draft.plan() {
        Err(problems) => (StatusCode::BAD_REQUEST, problems),
        Ok(new) => {
            let once = form.some("once");
            let made: Result<Plan, Failure> =
                session.api.create(path::PLANS, &new, form.csrf(), once).await;
            match made {
                Ok(plan) => return Ok(see(&format!("/plans/{}", plan.id))),
                Err(failure) if matches!(failure.status.as_u16(), 400 | 404 | 409 | 413) => {
                    let placed = placed(&failure.problem.detail);
                    (failure.status, Problems::from([placed]))
                }
                Err(failure) => return Err(failure),
            }
        }
    };
    // The form that is shown again is another request.
    html_with(status, &Compose::new(&session, draft, problems, "").await?)
}

/// Returns a key that no other form has. It is no secret: it only tells one form from the next.
pub(crate) fn random_key() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

#[derive(Template)]
#[template(path = "runs/compose.html")]
struct Compose {
    frame: Frame,
    draft: Draft,
    problems: Problems,
    /// A key by which the plan is made once, however often the form is sent.
    once: String,
    matches: Matches,
    may_command: bool,
}

/// How many hosts match.
enum Matches {
    /// Nothing was chosen.
    Nothing,
    /// So many of the hosts of a selector, and those of them that are connected.
    Selected { hosts: String, online: String, none: bool },
    /// The hosts that are ticked.
    Ticked(usize),
    /// The selector cannot be read.
    Wrong(String),
}

impl Compose {
    async fn new(
        session: &Session,
        draft: Draft,
        problems: Problems,
        once: &str,
    ) -> Result<Self, Failure> {
        let matches = Matches::of(session, &draft).await?;
        let once = match once {
            "" => random_key(),
            once => once.to_owned(),
        };
        Ok(Self {
            frame: session.frame("New run"),
            may_command: session.may(Action::CommandsRun),
            draft,
            problems,
            once,
            matches,
        })
    }

    fn problem(&self, name: &str) -> Option<&String> {
        self.problems.get(name)
    }

    /// Returns the methods that are offered, and which one is chosen.
    fn methods(&self) -> Vec<(&'static str, &'static str, bool)> {
        let chosen = self.draft.method();
        METHODS.into_iter().map(|(name, word)| (name, word, name == chosen)).collect()
    }

    /// Returns the method that is chosen, where it is not offered.
    fn other_method(&self) -> Option<&str> {
        let chosen = self.draft.method();
        let offered = chosen == COMMAND || METHODS.iter().any(|(name, _)| *name == chosen);
        (!offered).then_some(chosen)
    }

    fn is_large_output(&self, bytes: &str) -> bool {
        self.draft.get("max_output") == bytes
    }
}

impl Matches {
    async fn of(session: &Session, draft: &Draft) -> Result<Self, Failure> {
        let selector = draft.get("l").trim();
        if selector.is_empty() && !draft.hosts.is_empty() {
            return Ok(Self::Ticked(draft.hosts.len()));
        }
        if selector.is_empty() && !draft.all || !session.may(Action::HostsRead) {
            return Ok(Self::Nothing);
        }
        let query = |connected| HostCountQuery {
            selector: Some(selector.to_owned()),
            connected,
            ..HostCountQuery::default()
        };
        let count = async |connected| -> Result<HostCount, Failure> {
            session.api.query(path::FLEET_COUNT, &query(connected)).await
        };
        let text = |count: HostCount| {
            format!("{}{}", units::count(count.hosts), if count.more { "+" } else { "" })
        };
        match count(None).await {
            Ok(all) => Ok(Self::Selected {
                none: all.hosts == 0 && !all.more,
                hosts: text(all),
                online: text(count(Some(true)).await?),
            }),
            Err(failure) if failure.status == StatusCode::BAD_REQUEST => {
                Ok(Self::Wrong(failure.sentence()))
            }
            Err(failure) => Err(failure),
        }
    }
}
