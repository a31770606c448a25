//! A change of many hosts: the hosts that are ticked, or all that match. A page says first how many
//! hosts it is; the change is made only if it still is as many.

use super::filter::Filter;
use super::list::at_least;
use crate::api::Failure;
use crate::form::Form;
use crate::page::{Frame, done, host_page, html_with, see};
use crate::session::Session;
use crate::units;
use askama::Template;
use axum::extract::RawQuery;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use controller_api::{HostList, HostsChange, HostsChanged, LabelChange, ProblemKind, path};
use fleet::{LabelKey, LabelValue};
use std::collections::BTreeMap;

/// Hosts that an address names, one by one.
const MAX_NAMED: usize = 100;

/// What a form asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Label,
    Remove,
}

impl What {
    fn of(form: &Form) -> Self {
        if form.get("what") == "remove" { Self::Remove } else { Self::Label }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Remove => "remove",
        }
    }
}

#[derive(Template)]
#[template(path = "hosts/change.html")]
struct Change {
    frame: Frame,
    what: &'static str,
    /// The hosts, as the form brings them: ticked ones, or those of a filter.
    hosts: Vec<String>,
    is_all: bool,
    filter: Filter,
    back: String,
    /// What a preview said.
    expect: u64,
    /// The number and the noun, as "12 hosts".
    number: String,
    not_allowed: Option<String>,
    first: Vec<(String, String)>,
    more: Option<String>,
    set: String,
    remove: String,
    set_problem: Option<String>,
    remove_problem: Option<String>,
    problem: Option<String>,
}

/// Asks what to change on the ticked hosts.
pub(super) async fn ask(session: Session, RawQuery(query): RawQuery) -> Result<Response, Failure> {
    let form = Form::of_query(query.as_deref());
    if form.get("what") == "run" {
        return Ok(see(&run(&session, &form).await?));
    }
    draw(&session, &form, StatusCode::OK, |_| {}).await
}

/// Returns the address of a run on the ticked hosts, or on all that match.
async fn run(session: &Session, form: &Form) -> Result<String, Failure> {
    if let Some(address) = run_address(form) {
        return Ok(address);
    }
    // A run takes a selector or hosts by their ids: neither a text nor a status.
    let query = Filter::of(form).page(MAX_NAMED, None);
    let list: HostList = session.api.query(path::HOSTS, &query).await?;
    if list.next.is_some() {
        let problem = format!(
            "more than {MAX_NAMED} hosts match: a run takes that many by a selector only, not by a \
             search or a status"
        );
        return Err(Failure::new(ProblemKind::InvalidRequest, problem));
    }
    let hosts: Vec<&str> = list.hosts.iter().map(|host| host.id.as_str()).collect();
    Ok(run_on(&named(&hosts)))
}

/// Returns the address of a run; `None` where the hosts have to be looked up first.
fn run_address(form: &Form) -> Option<String> {
    let filter = Filter::of(form);
    match form.has("all") {
        false => Some(run_on(&named(&form.all("host").collect::<Vec<_>>()))),
        true if !filter.is_any() => Some("/runs/new?all=on".to_owned()),
        true if filter.text.is_empty() && filter.status.is_none() => Some(run_on(&filter.selector)),
        true => None,
    }
}

fn run_on(selector: &str) -> String {
    let query = serde_urlencoded::to_string([("l", selector)]).unwrap_or_default();
    format!("/runs/new?{query}")
}

/// Returns a selector of these hosts.
fn named(hosts: &[&str]) -> String {
    match hosts {
        [] => String::new(),
        hosts => format!("host in ({})", hosts.join(",")),
    }
}

/// Makes the change, if it concerns as many hosts as the page said.
pub(super) async fn apply(session: Session, form: Form) -> Result<Response, Failure> {
    let what = What::of(&form);
    let mut change = asked(&form);
    change.expect = form.get("expect").parse().ok();
    if what == What::Label {
        let (set, remove) = (labels(form.get("set")), keys(form.get("remove")));
        match (set, remove) {
            (Ok(set), Ok(remove)) if set.is_empty() && remove.is_empty() => {
                let problem = "Type a label to set, or the key of one to remove.".to_owned();
                return draw(&session, &form, StatusCode::BAD_REQUEST, |page| {
                    page.set_problem = Some(problem);
                })
                .await;
            }
            (Ok(set), Ok(remove)) => change.labels = Some(LabelChange { set, remove }),
            (set, remove) => {
                return draw(&session, &form, StatusCode::BAD_REQUEST, |page| {
                    page.set_problem = set.err();
                    page.remove_problem = remove.err();
                })
                .await;
            }
        }
    } else {
        change.remove = true;
    }
    let changed: Result<HostsChanged, Failure> =
        session.api.send(Method::POST, path::FLEET_CHANGE, &change, form.csrf()).await;
    match changed {
        Ok(changed) => {
            let key = match what {
                _ if changed.changed < changed.hosts => "partly",
                What::Label => "labeled",
                What::Remove => "removed",
            };
            Ok(done(&Filter::of(&form).list(""), key))
        }
        Err(failure) if failure.status == StatusCode::CONFLICT => {
            let problem = failure.sentence();
            draw(&session, &form, failure.status, |page| page.problem = Some(problem)).await
        }
        Err(failure) => Err(failure),
    }
}

/// Returns the hosts that a form means, without what to change.
fn asked(form: &Form) -> HostsChange {
    if !form.has("all") {
        let hosts = Some(form.all("host").map(str::to_owned).collect());
        return HostsChange { hosts, ..HostsChange::default() };
    }
    let filter = Filter::of(form);
    let (state, connected) = filter.asked();
    HostsChange {
        selector: Some(filter.selector.clone()),
        q: filter.text(),
        state,
        connected,
        ..HostsChange::default()
    }
}

/// Draws the page with a fresh preview.
async fn draw(
    session: &Session,
    form: &Form,
    status: StatusCode,
    complete: impl FnOnce(&mut Change),
) -> Result<Response, Failure> {
    let what = What::of(form);
    let mut change = asked(form);
    change.preview = true;
    match what {
        What::Label => change.labels = Some(LabelChange::default()),
        What::Remove => change.remove = true,
    }
    // A preview changes nothing, though it is a POST.
    let csrf = session.me.csrf.clone().unwrap_or_default();
    let preview: Result<HostsChanged, Failure> =
        session.api.send(Method::POST, path::FLEET_CHANGE, &change, &csrf).await;
    let (preview, problem) = match preview {
        Ok(preview) => (preview, None),
        Err(failure) if failure.status == StatusCode::CONFLICT => {
            (HostsChanged::default(), Some(failure.sentence()))
        }
        Err(failure) => return Err(failure),
    };
    let filter = Filter::of(form);
    let first: Vec<_> = preview.first.iter().map(|id| (id.clone(), host_page(id))).collect();
    let more = preview.hosts.saturating_sub(first.len() as u64);
    let noun = if preview.hosts == 1 { "host" } else { "hosts" };
    let number = format!("{} {noun}", at_least(preview.hosts, false));
    let title = match what {
        What::Label => format!("Label {number}"),
        What::Remove => format!("Remove {number}"),
    };
    let mut page = Change {
        frame: session.frame(title),
        what: what.name(),
        hosts: form.all("host").map(str::to_owned).collect(),
        is_all: form.has("all"),
        back: filter.list(""),
        filter,
        expect: preview.hosts,
        number,
        not_allowed: (preview.not_allowed > 0).then(|| units::count(preview.not_allowed)),
        first,
        more: (more > 0).then(|| units::count(more)),
        set: form.get("set").to_owned(),
        remove: form.get("remove").to_owned(),
        set_problem: None,
        remove_problem: None,
        problem,
    };
    if page.is_all {
        page.hosts.clear();
    }
    complete(&mut page);
    html_with(status, &page)
}

/// Reads labels: `key=value`, with commas, spaces or lines between them.
pub(crate) fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    for pair in words(text) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("{pair:?} is not a label. Write KEY=VALUE, as env=prod."))?;
        let key = LabelKey::new(key).map_err(|error| format!("{pair}: {error}."))?;
        let value = LabelValue::new(value).map_err(|error| format!("{pair}: {error}."))?;
        labels.insert(key.to_string(), value.to_string());
    }
    Ok(labels)
}

/// Reads keys of labels.
fn keys(text: &str) -> Result<Vec<String>, String> {
    words(text)
        .map(|key| match LabelKey::new(key) {
            Ok(key) => Ok(key.to_string()),
            Err(error) => Err(format!("{key}: {error}.")),
        })
        .collect()
}

pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\n', '\r', '\t']).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_from_words_and_each_mistake_is_named() {
        let found = labels(" env=prod, role=web\r\nlegacy= ").unwrap();
        let found: Vec<_> = found.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(found, ["env=prod", "legacy=", "role=web"]);
        for (wrong, named) in [("env", "KEY=VALUE"), ("host=a", "host"), ("a=b c=<x>", "c=<x>")] {
            let problem = labels(wrong).unwrap_err();
            assert!(problem.contains(named), "{problem}");
        }
        assert_eq!(keys("legacy,  old").unwrap(), ["legacy", "old"]);
        assert!(keys("a=b").is_err());
    }

    #[test]
    fn a_run_goes_to_the_ticked_hosts_or_to_the_selector() {
        let of = |query: &str| run_address(&Form::of_query(Some(query))).unwrap_or_default();
        assert_eq!(of("what=run&host=a&host=b&l=x"), "/runs/new?l=host+in+%28a%2Cb%29");
        assert_eq!(of("what=run&all=1&host=a&l=role%3Dweb"), "/runs/new?l=role%3Dweb");
        assert_eq!(of("what=run&all=1"), "/runs/new?all=on");
        assert_eq!(of("what=run&all=1&l=role%3Dweb&q=a"), "", "the hosts are looked up first");
    }
}
