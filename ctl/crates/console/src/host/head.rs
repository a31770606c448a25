//! What stands above every tab of a host: its state, why it is away, and the actions that the
//! operator's roles allow.

use crate::api::Failure;
use crate::page::{Frame, host_page};
use crate::session::Session;
use crate::units::{self, Moment};
use controller_api::{Departure, Host, HostState, path};
use fleet::Action;

/// A tab of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    Overview,
    Facts,
    Changes,
    Tasks,
    Schedules,
    Events,
    Run,
}

/// The head of a host's page.
pub(super) struct Head {
    pub(super) frame: Frame,
    pub(super) id: String,
    /// The path of the host's page.
    pub(super) path: String,
    /// The kind of the status's shape.
    pub(super) kind: &'static str,
    pub(super) word: &'static str,
    pub(super) sub: String,
    /// Why the host is as it is, where there is more to say.
    pub(super) why: Option<String>,
    /// When it went, of a host that is away; the script keeps it true.
    pub(super) went: Option<Moment>,
    /// An operator's next step for a host that is away.
    pub(super) advice: Option<&'static str>,
    pub(super) tabs: Vec<TabLink>,
    pub(super) may: May,
    pub(super) connected: bool,
    /// The kinds of changes that keep the head fresh.
    pub(super) live: &'static str,
}

pub(super) struct TabLink {
    pub(super) name: &'static str,
    pub(super) href: String,
    pub(super) current: bool,
}

/// What is offered.
pub(super) struct May {
    pub(super) run: bool,
    pub(super) refresh: bool,
    pub(super) label: bool,
    pub(super) approve: bool,
    pub(super) quarantine: bool,
    pub(super) settle: bool,
    pub(super) ban: bool,
    pub(super) remove: bool,
}

/// Reads a host and makes the head of its page.
///
/// # Errors
/// When the API does not show the host.
pub(super) async fn read(session: &Session, id: &str, tab: Tab) -> Result<(Head, Host), Failure> {
    let host: Host = session.api.get(&path::host(id)).await?;
    Ok((head(session, &host, tab), host))
}

fn head(session: &Session, host: &Host, tab: Tab) -> Head {
    let at = host_page(&host.id);
    let may = |action| session.may(action);
    let active = host.state == HostState::Active;
    let (kind, word) = status(host);
    let mut tabs = Vec::new();
    for (one, name, end, needs) in [
        (Tab::Overview, "Overview", "", Action::HostsRead),
        (Tab::Facts, "Facts", "/facts", Action::FactsRead),
        (Tab::Changes, "Changes", "/changes", Action::FactsRead),
        (Tab::Tasks, "Tasks", "/tasks", Action::ResultsRead),
        (Tab::Schedules, "Schedules", "/schedules", Action::SchedulesRead),
        (Tab::Events, "Events", "/events", Action::AuditRead),
        (Tab::Run, "Run a command", "/run", Action::CommandsRun),
    ] {
        if may(needs) {
            tabs.push(TabLink { name, href: format!("{at}{end}"), current: one == tab });
        }
    }
    let mut sub = Vec::new();
    if let Some(version) = &host.version {
        sub.push(format!("agent {version}"));
    }
    if let Some(address) = &host.address {
        sub.push(address.ip().to_string());
    }
    for key in ["os.id", "os.version_id", "arch"] {
        sub.extend(host.labels.get(key).map(|label| label.value.clone()));
    }
    Head {
        frame: session.frame(host.id.clone()),
        id: host.id.clone(),
        path: at,
        kind,
        word,
        sub: sub.join(" · "),
        why: why(host),
        went: host.last_seen.as_deref().filter(|_| is_away(host)).and_then(Moment::of),
        advice: is_away(host).then(|| advice(host)),
        tabs,
        may: May {
            run: active && host.connected && may(Action::CommandsRun),
            refresh: active && host.connected && may(Action::FactsRead),
            label: may(Action::HostsLabel),
            approve: host.state == HostState::Pending && may(Action::HostsApprove),
            quarantine: active && may(Action::HostsQuarantine),
            settle: host.state == HostState::Quarantined && may(Action::HostsQuarantine),
            ban: host.state != HostState::Banned && may(Action::HostsBan),
            remove: may(Action::HostsRemove),
        },
        connected: host.connected,
        live: "hosts",
    }
}

fn status(host: &Host) -> (&'static str, &'static str) {
    match (host.state, host.connected) {
        (HostState::Active, true) => ("ok", "Online"),
        (HostState::Active, false) => ("away", "Away"),
        (HostState::Pending, _) => ("pending", "Pending"),
        (HostState::Quarantined, _) => ("bad", "Quarantined"),
        (HostState::Banned, _) => ("stopped", "Banned"),
    }
}

/// Returns why a host gets no request, or is away, and what to do.
fn why(host: &Host) -> Option<String> {
    let reason = host.state_reason.as_deref().unwrap_or("no reason was given");
    match host.state {
        HostState::Pending => {
            return Some(format!(
                "It waits for approval: {reason}. It gets no request until then."
            ));
        }
        HostState::Quarantined => {
            return Some(format!("Quarantined: {reason}. It may connect, but gets no request."));
        }
        HostState::Banned => return Some("Its key is refused for ever.".to_owned()),
        HostState::Active if host.connected => return None,
        HostState::Active => {}
    }
    if host.last_seen.is_none() {
        return Some("It has never connected since it joined.".to_owned());
    }
    // Without one, no controller was there to see why.
    let because = host.departure.map_or("its connection ended unseen", Departure::words);
    Some(format!("Away: {because}"))
}

/// Returns whether a host is away that has been there.
const fn is_away(host: &Host) -> bool {
    matches!(host.state, HostState::Active) && !host.connected && host.last_seen.is_some()
}

/// Returns an operator's next step for a host that is away.
fn advice(host: &Host) -> &'static str {
    let end = host.certificate_not_after.as_deref().and_then(units::millis);
    if end.is_some_and(|end| end < units::now()) {
        return "Its certificate has expired since. It recovers by itself when its machine is \
                back; `systemctl status basicagent` on it says more.";
    }
    match host.departure {
        Some(Departure::Closed) => "It comes back when its agent is started, or its machine is.",
        Some(Departure::ProtocolError) => {
            "The controller's log has more; its agent may need an update."
        }
        Some(Departure::CertificateExpired) => "Its agent asks for a new one by itself.",
        Some(Departure::Revoked) => "It has to join again.",
        Some(Departure::Lost | Departure::ControllerStopped) | None => {
            "Its machine is off, its agent is stopped, or the network between is down; its \
             certificate is still valid."
        }
        Some(
            Departure::Replaced
            | Departure::NoRoom
            | Departure::Renewed
            | Departure::Redelivery
            | Departure::Moved,
        ) => "It should have come back by itself: `systemctl status basicagent` on it says more.",
    }
}
