//! Asks hosts for their facts now: some of them at once, through connections of their own.

use crate::cli::FactsRefresh;
use crate::client::{Controller, checked};
use crate::control::parsed;
use crate::error::Error;
use crate::terminal::safe;
use crate::{exit, output};
use controller_api::{FactRefresh, HostList, path};
use fleet::facts::short_name;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc;
use ureq::http::Method;

/// Hosts that are asked at once.
const AT_ONCE: usize = 16;

/// Asks one host.
pub(super) fn one(controller: &Controller, host: &str) -> Result<FactRefresh, Error> {
    let path = path::host_facts_refresh(host);
    parsed(&controller.change::<()>(&Method::POST, &path, None)?)
}

/// Asks the selected hosts that are connected; says which did not answer.
pub(super) fn selected(controller: &Controller, selector: Option<&str>) -> Result<(), Error> {
    let hosts = connected(controller, selector)?;
    let failed = all(controller, hosts, |host, outcome| {
        if let Err(error) = outcome {
            output::error(&format_args!("{}: {}", safe(host), error.chain()));
        }
        Ok(())
    })?;
    if failed > 0 {
        output::error(&format_args!("{failed} hosts did not answer: their facts are older"));
    }
    Ok(())
}

/// `facts refresh`.
pub(super) fn refresh(controller: &Controller, flags: &FactsRefresh) -> Result<ExitCode, Error> {
    let hosts = match &flags.selected.selector {
        Some(selector) => connected(controller, Some(selector))?,
        None => {
            flags.ids.iter().map(|id| checked(id).map(str::to_owned)).collect::<Result<_, _>>()?
        }
    };
    let failed = all(controller, hosts, |host, outcome| match outcome {
        Ok(refreshed) => output::bytes(line(&refreshed).as_bytes()),
        Err(error) => {
            output::error(&format_args!("{}: {}", safe(host), error.chain()));
            Ok(())
        }
    })?;
    Ok(ExitCode::from(if failed == 0 { exit::DONE } else { exit::FAILED }))
}

/// Returns a host's answer in one line.
fn line(refreshed: &FactRefresh) -> String {
    let names = |methods: &[String]| {
        methods.iter().map(|method| short_name(method)).collect::<Vec<_>>().join(", ")
    };
    let mut text = format!("{}: ", refreshed.host);
    text += &match refreshed.changed.len() {
        0 => "nothing changed".to_owned(),
        _ => format!("changed: {}", names(&refreshed.changed)),
    };
    if !refreshed.absent.is_empty() {
        text += &format!("; absent: {}", names(&refreshed.absent));
    }
    for failure in &refreshed.failed {
        text += &format!("; {} failed: {}", short_name(&failure.method), failure.problem);
    }
    safe(&text) + "\n"
}

/// Returns the ids of the selected hosts that are connected.
fn connected(controller: &Controller, selector: Option<&str>) -> Result<Vec<String>, Error> {
    let (mut ids, mut after) = (Vec::new(), None::<String>);
    loop {
        let query = super::query(&[
            ("connected", Some("true")),
            ("limit", Some("1000")),
            ("selector", selector),
            ("after", after.as_deref()),
        ]);
        let page: HostList = parsed(&controller.read(&format!("{}{query}", path::HOSTS))?)?;
        ids.extend(page.hosts.into_iter().map(|host| host.id));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(ids),
        }
    }
}

/// Asks many hosts, some at once, and reports each in the order in which they answer; returns how
/// many did not.
fn all(
    controller: &Controller,
    hosts: Vec<String>,
    mut report: impl FnMut(&str, Result<FactRefresh, Error>) -> Result<(), Error>,
) -> Result<usize, Error> {
    let threads = AT_ONCE.min(hosts.len());
    let left = Mutex::new(hosts.into_iter());
    let (sender, answers) = mpsc::channel();
    let mut failed = 0;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, left, controller) = (sender.clone(), &left, controller.another());
            scope.spawn(move || {
                loop {
                    let next = left.lock().map_or(None, |mut left| left.next());
                    let Some(host) = next else { return };
                    let outcome = one(&controller, &host);
                    // The other end is gone after a failed output.
                    if sender.send((host, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (host, outcome) in answers {
            failed += usize::from(outcome.is_err());
            report(&host, outcome)?;
        }
        Ok(failed)
    })
}
