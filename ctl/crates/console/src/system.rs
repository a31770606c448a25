//! The controller itself: its nodes, its database, what is kept, and its CA with the rotation.

use crate::api::Failure;
use crate::form::Form;
use crate::later;
use crate::page::{Frame, Page, Section, done, host_page, html, html_with, text};
use crate::session::Session;
use crate::units::{self, Moment};
use askama::Template;
use axum::Router;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::get;
use controller_api::{
    CaCertificate, CaStatus, DatabaseUse, Kept, Node, ProcessUse, Records, RotationRequest,
    RotationState, RotationStep, System as Status, path,
};
use fleet::Action;

/// Hosts that the page names while a rotation waits for them.
const NAMED: usize = 20;

/// A certificate that ends within this many milliseconds is a warning.
const SOON: i64 = 30 * units::DAY;

pub(crate) fn page() -> Page {
    Page {
        section: Some(Section {
            group: "Controller",
            name: "System",
            icon: "system",
            path: "/system",
            also: &[],
            needs: Some(Action::MetricsRead),
        }),
        routes: Router::new()
            .route("/system", get(show))
            .route("/system/rotation", get(show).post(rotate)),
        notices: &[
            ("init", "The new root is made. Hosts receive it now."),
            ("issue", "The new CA signs from now on. Hosts renew their certificates."),
            ("retire", "The old root is removed. The rotation is complete."),
            ("abort", "The rotation was aborted. The old root stays."),
        ],
    }
}

async fn show(session: Session) -> Result<Response, Failure> {
    let status: Status = session.api.get(path::SYSTEM).await?;
    let before = text(&SystemPage::new(&session, &status, None, None))?;
    let answer = async move {
        let ca = authority(&session).await?;
        html(&SystemPage::new(&session, &status, ca, None))
    };
    later::page(before, answer).await
}

async fn rotate(session: Session, form: Form) -> Result<Response, Failure> {
    let step = match form.get("step") {
        "init" => RotationStep::Init,
        "issue" => RotationStep::Issue,
        "retire" => RotationStep::Retire,
        _ => RotationStep::Abort,
    };
    let request = RotationRequest { step, force: form.has("force") };
    match session.api.act(Method::POST, path::CA_ROTATION, &request, form.csrf()).await {
        Ok(()) => Ok(done("/system", step_name(step))),
        Err(failure) if failure.status == StatusCode::CONFLICT => {
            let status: Status = session.api.get(path::SYSTEM).await?;
            let ca = authority(&session).await?;
            let page = SystemPage::new(&session, &status, ca, Some(failure.sentence()));
            html_with(failure.status, &page)
        }
        Err(failure) => Err(failure),
    }
}

const fn step_name(step: RotationStep) -> &'static str {
    match step {
        RotationStep::Init => "init",
        RotationStep::Issue => "issue",
        RotationStep::Retire => "retire",
        RotationStep::Abort => "abort",
    }
}

#[derive(Template)]
#[template(path = "system/system.html")]
struct SystemPage {
    frame: Frame,
    version: String,
    problem: Option<String>,
    bus_problem: Option<String>,
    connected: String,
    active_runs: String,
    active_targets: String,
    nodes: Vec<NodeRow>,
    database: Vec<(&'static str, String)>,
    nearly_full: bool,
    kept: Vec<KeptRow>,
    settings: Vec<(&'static str, String)>,
    ca: Option<Authority>,
    /// Why the step of the rotation was not taken.
    refused: Option<String>,
}

/// A process.
struct NodeRow {
    name: String,
    started: Option<Moment>,
    http: String,
    listen: String,
    status: &'static str,
    /// What is to be said beside its name.
    words: Vec<&'static str>,
    connected: String,
    process: Option<ProcessRow>,
}

/// What a process uses.
struct ProcessRow {
    opening: String,
    memory: String,
    processor: String,
    descriptors: String,
}

/// One kind of record.
struct KeptRow {
    records: &'static str,
    within: String,
    most: String,
    flag: String,
}

/// The CA.
struct Authority {
    certificates: Vec<CertificateRow>,
    pin: Option<String>,
    bundle: u64,
    state: &'static str,
    rotating: bool,
    hosts: String,
    ready: String,
    percent: String,
    missing: Vec<Named>,
    more_missing: bool,
    /// The next step, where the operator may take it.
    next: Option<Step>,
    may_abort: bool,
}

struct CertificateRow {
    kind: &'static str,
    subject: String,
    fingerprint: String,
    ends: Option<Moment>,
    status: &'static str,
    word: &'static str,
}

struct Named {
    id: String,
    address: String,
}

/// A step of the rotation, explained before it is taken.
struct Step {
    name: &'static str,
    title: &'static str,
    button: &'static str,
    explanation: &'static str,
}

/// Reads the state of the CA, for which all hosts are counted, if the operator may see it.
async fn authority(session: &Session) -> Result<Option<Authority>, Failure> {
    if !session.may(Action::CaRead) {
        return Ok(None);
    }
    let may_rotate = session.may(Action::CaRotate);
    Ok(Some(Authority::of(session.api.get(path::CA).await?, may_rotate)))
}

impl SystemPage {
    fn new(
        session: &Session,
        status: &Status,
        ca: Option<Authority>,
        refused: Option<String>,
    ) -> Self {
        let database = &status.database;
        Self {
            frame: session.frame("System"),
            connected: units::count(status.nodes.iter().map(|node| node.connected).sum()),
            active_runs: units::count(status.active_runs),
            active_targets: units::counted(status.active_targets, "host"),
            nodes: status.nodes.iter().map(NodeRow::of).collect(),
            nearly_full: database.free.is_some_and(|free| free < 1 << 30),
            database: kept_in(database),
            kept: status.keep.iter().map(KeptRow::of).collect(),
            settings: settings(status),
            version: status.version.clone(),
            problem: status.problem.as_deref().map(crate::api::sentence),
            bus_problem: status.bus_problem.as_deref().map(crate::api::sentence),
            ca,
            refused,
        }
    }
}

/// Returns what is said of the database.
fn kept_in(database: &DatabaseUse) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Engine", database.engine.clone()), ("Place", database.place.clone())];
    let size = database.bytes.map_or_else(|| "unknown at present".to_owned(), units::bytes);
    rows.push(("On disk", size));
    rows.extend(database.free.map(|free| ("Free on the disk", units::bytes(free))));
    rows.push(("Waiting to be stored", units::bytes(database.queued)));
    rows
}

fn settings(status: &Status) -> Vec<(&'static str, String)> {
    let span = |seconds: u64| units::duration(seconds.saturating_mul(1000));
    let names = status.facts_methods.iter().map(|name| name.trim_start_matches("getinfo."));
    let every = match status.facts_every {
        0 => "on request only".to_owned(),
        seconds => format!("on connect, then every {}", span(seconds)),
    };
    vec![
        ("Life of a host's certificate", span(status.certificate_life)),
        ("A late host recovers by itself within", span(status.recover_within)),
        ("Facts are collected", every),
        ("Facts that are kept", names.collect::<Vec<_>>().join(", ")),
    ]
}

impl NodeRow {
    fn of(node: &Node) -> Self {
        Self {
            name: node.name.clone(),
            started: Moment::of(&node.started),
            http: node.http.clone(),
            listen: node.listen.join(", "),
            status: match (node.running, node.drained) {
                (false, _) => "bad",
                (true, true) => "pending",
                (true, false) => "ok",
            },
            words: [
                (!node.running, "does not run"),
                (node.drained, "drained"),
                (node.leads && node.number.is_some(), "drives the runs"),
                (node.this && node.number.is_some(), "shows this page"),
            ]
            .into_iter()
            .filter_map(|(is_so, word)| is_so.then_some(word))
            .collect(),
            connected: units::count(node.connected),
            process: node.process.as_ref().map(ProcessRow::of),
        }
    }
}

impl ProcessRow {
    fn of(process: &ProcessUse) -> Self {
        Self {
            opening: units::count(process.opening),
            memory: units::bytes(process.memory),
            processor: units::duration(process.processor_ms),
            descriptors: format!(
                "{} of {}",
                units::count(process.descriptors),
                units::count(process.max_descriptors)
            ),
        }
    }
}

impl KeptRow {
    fn of(kept: &Kept) -> Self {
        Self {
            records: match kept.records {
                Records::Results => "Results of tasks",
                Records::Runs => "Runs that have ended",
                Records::Facts => "Facts of former times",
                Records::Audit => "Audit log",
            },
            within: units::duration(kept.within.saturating_mul(1000)),
            most: kept.max_bytes.map_or_else(|| "no bound".to_owned(), units::bytes),
            flag: kept.flag.clone(),
        }
    }
}

impl Authority {
    fn of(status: CaStatus, may_rotate: bool) -> Self {
        let roots = status.roots.iter().map(|root| ("Root", root));
        let rest = [("Signs hosts", &status.issuing), ("This server", &status.server)];
        let rest = rest.into_iter().filter_map(|(kind, it)| Some((kind, it.as_ref()?)));
        let missing = status
            .missing
            .iter()
            .take(NAMED)
            .map(|id| Named { id: id.clone(), address: host_page(id) });
        let rotating = status.rotation != RotationState::None;
        Self {
            certificates: roots
                .chain(rest)
                .map(|(kind, it)| CertificateRow::of(kind, it))
                .collect(),
            pin: status.pin,
            bundle: status.bundle_version,
            state: match status.rotation {
                RotationState::None => "No rotation is in progress.",
                RotationState::Initiated => "A new root exists, and hosts receive it.",
                RotationState::Issuing => "The new CA signs, and hosts renew their certificates.",
            },
            rotating,
            hosts: units::count(status.hosts),
            ready: units::count(status.hosts_ready),
            percent: units::percent(status.hosts_ready, status.hosts),
            missing: missing.collect(),
            more_missing: status.missing.len() > NAMED,
            next: status.next_step.filter(|_| may_rotate).and_then(Step::of),
            may_abort: rotating && may_rotate,
        }
    }
}

impl CertificateRow {
    fn of(kind: &'static str, certificate: &CaCertificate) -> Self {
        let left = units::millis(&certificate.not_after).map(|end| end - units::now());
        let (status, word) = match left {
            Some(..=0) => ("bad", "expired"),
            Some(left) if left < SOON => ("pending", "ends soon"),
            _ => ("ok", "valid"),
        };
        Self {
            kind,
            subject: certificate.subject.clone(),
            fingerprint: certificate.fingerprint.clone(),
            ends: Moment::of(&certificate.not_after),
            status,
            word,
        }
    }
}

impl Step {
    fn of(step: RotationStep) -> Option<Self> {
        let (title, button, explanation) = match step {
            RotationStep::Init => (
                "Rotate the CA",
                "Make a new root",
                "The controller makes a new root and sends it to every host. Both roots are trusted \
                 until the old one is retired, so no host is cut off.",
            ),
            RotationStep::Issue => (
                "Sign with the new CA",
                "Sign with the new CA",
                "From now on the new CA signs hosts' certificates. A host that does not have the \
                 new root yet must join again.",
            ),
            RotationStep::Retire => (
                "Retire the old root",
                "Retire the old root",
                "Hosts forget the old root. A host whose certificate is still of the old CA must \
                 join again.",
            ),
            RotationStep::Abort => return None,
        };
        Some(Self { name: step_name(step), title, button, explanation })
    }
}
