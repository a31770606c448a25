//! A plan for people: what would run, on how many hosts, in which stages, and which hosts would not
//! run it and why.

use crate::client::Controller;
use crate::clock;
use crate::control::parsed;
use crate::error::Error;
use crate::print::{Record, table};
use crate::terminal::safe;
use controller_api::{AgentRequest, Amount, Answer, Plan, PlanTargetList, Tolerance, path};
use std::fmt::Write as _;

/// The most hosts that are named for each answer.
const MAX_NAMED: usize = 10;

/// The answers of hosts that would not run it.
const NOT_RUN: [Answer; 5] =
    [Answer::Refused, Answer::Invalid, Answer::Quarantined, Answer::Pending, Answer::NotYours];

/// Returns the plan with the hosts that would not run it.
///
/// # Errors
/// Any [`Error`] of a request.
pub(super) fn whole(controller: &Controller, plan: &Plan) -> Result<String, Error> {
    let mut text = head(plan);
    let mut rows: Vec<[String; 3]> = Vec::new();
    let mut more = 0;
    for answer in NOT_RUN.into_iter().filter(|answer| plan.answers.of(*answer) > 0) {
        let path =
            format!("{}?answer={}&limit={MAX_NAMED}", path::plan_targets(&plan.id), answer.name());
        let page: PlanTargetList = parsed(&controller.read(&path)?)?;
        more += plan.answers.of(answer).saturating_sub(page.targets.len() as u64);
        rows.extend(page.targets.into_iter().map(|target| {
            let why = target.why.as_deref().map_or_else(|| "-".to_owned(), safe);
            [safe(&target.host), answer.name().to_owned(), why]
        }));
    }
    if !rows.is_empty() {
        text.push_str("These hosts would not run it:\n");
        text.push_str(&table::text(["HOST", "ANSWER", "WHY"], &rows));
    }
    if more > 0 {
        let _ = writeln!(text, "… and {more} more: BasicAgentCtl run targets {}", plan.id);
    }
    Ok(text)
}

fn head(plan: &Plan) -> String {
    let zone = clock::here();
    let options = &plan.options;
    let mut record = Record::default();
    record.add("plan", &plan.id).add("hash", &plan.hash);
    record.add("request", request(&plan.request));
    record.some(
        "selector",
        plan.selector.as_ref().map(|text| match text.as_str() {
            "" => "all hosts",
            text => text,
        }),
    );
    record.add("hosts", format!("{}: {}", plan.total, answers(plan)));
    let stages: Vec<String> = plan.stages.iter().map(|stage| stage.size.to_string()).collect();
    let soak = match options.soak {
        0 => String::new(),
        seconds => format!(", {seconds} s between them"),
    };
    match stages.as_slice() {
        [] | [_] => record.add("stages", "all at once"),
        stages => record.add("stages", format!("{}{soak}", stages.join(", then "))),
    };
    let ramp = if options.ramp { ", beginning with one" } else { "" };
    record.add("at once", format!("{}{ramp}", options.concurrency));
    record.add(
        "stops",
        match options.stop_after {
            Tolerance::Unlimited => "never, however many hosts fail".to_owned(),
            Tolerance::AtMost(Amount::Count(0)) => "at the first failure".to_owned(),
            Tolerance::AtMost(most) => format!("when more than {most} of the hosts have failed"),
        },
    );
    match &options.not_after {
        Some(at) => record.add("not after", clock::shown(at, &zone)),
        None => record.add("not after", "an hour from its start"),
    };
    record.add("good until", clock::shown(&plan.valid_until, &zone));
    record.text()
}

/// Returns `38 online, 2 offline: they wait, 1 refused`.
fn answers(plan: &Plan) -> String {
    let parts: Vec<String> = Answer::ALL
        .into_iter()
        .filter(|answer| plan.answers.of(*answer) > 0)
        .map(|answer| {
            let words = match answer {
                Answer::Queued => "offline (they are waited for)",
                Answer::NotAsked => "online (not asked)",
                Answer::NotYours => "not yours (left out)",
                other => other.name(),
            };
            format!("{} {words}", plan.answers.of(answer))
        })
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// Returns a request in one line.
pub(super) fn request(request: &AgentRequest) -> String {
    let text = |name: &str| request.fields.get(name).and_then(|value| value.as_str());
    let account = |name: &str| {
        request
            .fields
            .get(name)
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    match text("cmd") {
        Some(cmd) => {
            let user = account("user").map(|user| format!(" as {user}")).unwrap_or_default();
            let method = match request.method.as_str() {
                "async.bash" | "sync.bash" => String::new(),
                other => format!("{other} {} ", text("name").unwrap_or_default()),
            };
            format!("{method}{cmd}{user}")
        }
        None => {
            let about = ["args", "name", "task"].into_iter().find_map(text).unwrap_or_default();
            format!("{} {about}", request.method).trim_end().to_owned()
        }
    }
}
