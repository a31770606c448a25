//! A schedule reaches hosts whatever is lost or changed on the way.

use super::read;
use crate::schedule::reconcile::{Cause, Step, Wanted, reconcile};
use crate::schedule::{Definition, job_name, schedule_name};
use agent_wire::message::{Missed, Overlap};
use agent_wire::reply::JobStatus;
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

/// A host: its jobs by name with revision and command.
#[derive(Clone, Debug, Default)]
struct Host {
    jobs: BTreeMap<String, (Option<String>, String)>,
    /// It knows no revisions.
    old: bool,
}

impl Host {
    fn list(&self) -> Vec<JobStatus<'_>> {
        self.jobs
            .iter()
            .map(|(name, (revision, cmd))| JobStatus {
                name: name.as_str().into(),
                schedule: "0 0 0 * * *".into(),
                timezone: Some("UTC".into()),
                user: None,
                cmd: cmd.as_str().into(),
                enabled: true,
                overlap: Overlap::Skip,
                missed: Missed::Skip,
                jitter: 0,
                calendar: None,
                revision: revision.as_deref().filter(|_| !self.old).map(Into::into),
                file: None,
                next: Vec::new(),
                running: 0,
                last: None,
                skipped: None,
            })
            .collect()
    }
}

#[derive(Clone, Debug)]
enum Event {
    /// The schedule has this command for the host from now on, or does not match it.
    Want(u8, Option<u8>),
    /// A pass of the reconciler, of which only the first steps reach the host, and only the first
    /// answers come back.
    Pass { reach: usize, noted: usize },
    /// Somebody removes a job on the host.
    Lose(u8),
    /// Somebody changes a job on the host.
    Tamper(u8),
    /// The host makes a job of its own.
    Own(u8),
    /// The host loses its state.
    Reinstall,
    /// The controller's database is of yesterday.
    Forget(u8),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..6_u8, proptest::option::of(0..3_u8)).prop_map(|(name, cmd)| Event::Want(name, cmd)),
        (0..8_usize, 0..8_usize).prop_map(|(reach, noted)| Event::Pass { reach, noted }),
        (0..6_u8).prop_map(Event::Lose),
        (0..6_u8).prop_map(Event::Tamper),
        (0..6_u8).prop_map(Event::Own),
        Just(Event::Reinstall),
        (0..6_u8).prop_map(Event::Forget),
    ]
}

fn numbered(name: u8, cmd: u8) -> Definition {
    let fields = json!({"name": format!("s{name}"), "selector": "", "schedule": "0 0 0 * * *",
        "cmd": format!("run {cmd}")});
    read(fields).unwrap()
}

fn pass(
    host: &mut Host,
    wanted: &BTreeMap<u8, Definition>,
    applied: &mut BTreeMap<String, String>,
    (reach, noted): (usize, usize),
) -> usize {
    let wanted = Wanted { schedules: wanted.values().collect(), ..Wanted::default() };
    let before = host.clone();
    let found = before.list();
    let steps = reconcile(&wanted, &found, applied);
    for (place, step) in steps.iter().enumerate() {
        let (is_reached, is_noted) = (place < reach, place < reach.min(noted));
        match step {
            Step::Set { definition, .. } => {
                let job = definition.job();
                if is_reached {
                    let entry = (job.options.revision.clone(), job.bash.cmd.clone());
                    host.jobs.insert(job.name.clone(), entry);
                }
                if is_noted {
                    applied.insert(definition.name().to_owned(), definition.revision().to_owned());
                }
            }
            Step::Remove { job } => {
                if is_reached {
                    host.jobs.remove(job);
                }
                if is_noted {
                    applied.remove(schedule_name(job).unwrap());
                }
            }
        }
    }
    steps.len()
}

proptest! {
    #[test]
    fn any_sequence_of_changes_and_losses_converges_and_touches_no_job_of_the_hosts_own(
        events in proptest::collection::vec(event(), 0..60),
        old in any::<bool>(),
    ) {
        let mut host = Host { old, ..Host::default() };
        let mut wanted = BTreeMap::new();
        let mut applied = BTreeMap::new();
        for event in events {
            match event {
                Event::Want(name, Some(cmd)) => { wanted.insert(name, numbered(name, cmd)); }
                Event::Want(name, None) => { wanted.remove(&name); }
                Event::Pass { reach, noted } => {
                    pass(&mut host, &wanted, &mut applied, (reach, noted));
                }
                Event::Lose(name) => { host.jobs.remove(&job_name(&format!("s{name}"))); }
                Event::Tamper(name) => {
                    if let Some(job) = host.jobs.get_mut(&job_name(&format!("s{name}"))) {
                        *job = (None, "evil".to_owned());
                    }
                }
                Event::Own(name) => {
                    host.jobs.insert(format!("own{name}"), (None, "own".to_owned()));
                }
                Event::Reinstall => host.jobs.clear(),
                Event::Forget(name) => { applied.remove(&format!("s{name}")); }
            }
        }
        let own = |host: &Host| -> Vec<String> {
            host.jobs.keys().filter(|name| name.starts_with("own")).cloned().collect()
        };
        let before = own(&host);
        pass(&mut host, &wanted, &mut applied, (usize::MAX, usize::MAX));
        prop_assert_eq!(own(&host), before);
        let jobs: BTreeMap<String, String> = host
            .jobs
            .iter()
            .filter(|(name, _)| name.starts_with("fleet:"))
            .map(|(name, (_, cmd))| (name.clone(), cmd.clone()))
            .collect();
        let desired: BTreeMap<String, String> = wanted
            .values()
            .map(|wanted| (wanted.job_name().to_owned(), wanted.job().bash.cmd.clone()))
            .collect();
        prop_assert_eq!(jobs, desired);
        // And then there is nothing more to do.
        prop_assert_eq!(pass(&mut host, &wanted, &mut applied, (usize::MAX, usize::MAX)), 0);
    }
}

#[test]
fn a_job_that_somebody_removed_or_changed_on_the_host_is_told_apart_from_one_that_is_due() {
    let definition = numbered(1, 1);
    let wanted = Wanted { schedules: vec![&definition], ..Wanted::default() };
    let cause = |host: &Host, applied: &BTreeMap<String, String>| match reconcile(
        &wanted,
        &host.list(),
        applied,
    )
    .first()
    {
        Some(Step::Set { cause, .. }) => Some(*cause),
        Some(Step::Remove { .. }) => panic!("removes"),
        None => None,
    };
    let mut host = Host::default();
    let mut applied = BTreeMap::new();
    assert_eq!(cause(&host, &applied), Some(Cause::Due));
    applied.insert("s1".to_owned(), definition.revision().to_owned());
    assert_eq!(cause(&host, &applied), Some(Cause::Removed));
    let set = |host: &mut Host, revision: &str, cmd: &str| {
        host.jobs.insert("fleet:s1".to_owned(), (Some(revision.to_owned()), cmd.to_owned()))
    };
    set(&mut host, definition.revision(), "run 1");
    assert_eq!(cause(&host, &applied), None);
    set(&mut host, definition.revision(), "evil");
    assert_eq!(cause(&host, &applied), Some(Cause::Changed));
    set(&mut host, "other", "run 1");
    assert_eq!(cause(&host, &applied), Some(Cause::Changed));
    applied.insert("s1".to_owned(), "earlier".to_owned());
    assert_eq!(cause(&host, &applied), Some(Cause::Due));
    // A schedule that its author may not push stays as it is on the host.
    let kept = Wanted { kept: ["s1"].into(), ..Wanted::default() };
    assert!(reconcile(&kept, &host.list(), &applied).is_empty());
}
