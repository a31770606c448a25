//! Hosts that one of several selectors matches, as an operator's roles reach them: never another one.

use super::Database;
use super::hosts::{NOW, Newcomer, terms, with_token};
use crate::store::{HostQuery, InUse, LabelChange, StateName, Store};
use fleet::{LabelKey, LabelValue, Labels, Selector};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

const HOSTS: u32 = 60;

/// Questions that are asked of each fleet.
const QUESTIONS: usize = 400;

/// Terms of which selectors are made.
const TERMS: [&str; 14] = [
    "a=x",
    "a!=y",
    "a in (x,y)",
    "a",
    "b",
    "!b",
    "b=z",
    "c notin (x,z)",
    "c=y",
    "c",
    "d",
    "host in (web-01,web-02,db-40,none)",
    "host=db-33",
    "host!=web-03",
];

/// A host as the test knows it.
struct Known {
    id: String,
    labels: Labels,
    state: StateName,
}

fn drawn<T: Strategy>(runner: &mut TestRunner, strategy: &T) -> T::Value {
    strategy.new_tree(runner).unwrap().current()
}

fn selector() -> impl Strategy<Value = Selector> {
    subsequence(TERMS.to_vec(), 1..=3).prop_map(|terms| Selector::parse(&terms.join(",")).unwrap())
}

/// Returns queries without a place to begin.
fn queries() -> impl Strategy<Value = HostQuery> {
    let states = [StateName::Active, StateName::Pending, StateName::Quarantined];
    (
        prop::option::weighted(0.9, prop::collection::vec(selector(), 0..=4)),
        prop::option::of(selector()),
        prop::option::of(select(states.to_vec())),
        prop::option::of(select(vec!["web", "DB", "0", "31", "none"])),
        1..20_usize,
    )
        .prop_map(|(reach, selector, state, search, limit)| HostQuery {
            reach,
            selector,
            state,
            search: search.map(str::to_owned),
            limit,
            ..HostQuery::default()
        })
}

/// Makes hosts with random labels, some of them quarantined.
async fn fill(store: &dyn Store, runner: &mut TestRunner) -> Vec<Known> {
    let label = prop::option::of(select(vec!["x", "y", "z"]));
    let mut known = Vec::new();
    for number in 0..HOSTS {
        let name = if number % 3 == 0 { "db" } else { "web" };
        let id = format!("{name}-{number:02}");
        Newcomer::by(1, number).wanting(&id).enroll(store).await.unwrap();
        let mut labels = Labels::new();
        for key in ["a", "b", "c"] {
            if let Some(value) = drawn(runner, &label) {
                labels.insert(LabelKey::new(key).unwrap(), LabelValue::new(value).unwrap());
            }
        }
        let change = LabelChange { set: labels.clone(), remove: Vec::new() };
        store.set_labels(&id, change).await.unwrap();
        labels.insert(LabelKey::new("env").unwrap(), LabelValue::new("prod").unwrap());
        let mut state = StateName::Active;
        if number % 7 == 0 {
            store.quarantine(&id, "", NOW).await.unwrap();
            state = StateName::Quarantined;
        }
        known.push(Known { id, labels, state });
    }
    known.sort_by(|one, other| one.id.cmp(&other.id));
    known
}

/// Changes a label of some host, or the state of one.
async fn change(store: &dyn Store, runner: &mut TestRunner, known: &mut [Known]) {
    let host = &mut known[drawn(runner, &(0..HOSTS as usize))];
    let key = LabelKey::new(drawn(runner, &select(vec!["a", "b", "c"]))).unwrap();
    let mut change = LabelChange::default();
    match drawn(runner, &prop::option::weighted(0.7, select(vec!["x", "y", "z"]))) {
        Some(value) => {
            let value = LabelValue::new(value).unwrap();
            host.labels.insert(key.clone(), value.clone());
            change.set.insert(key, value);
        }
        None if host.labels.remove(&key).is_some() => change.remove.push(key),
        None if host.state == StateName::Active => {
            host.state = StateName::Quarantined;
            store.quarantine(&host.id, "", NOW).await.unwrap();
        }
        None => {}
    }
    store.set_labels(&host.id, change).await.unwrap();
}

/// Judges one host.
fn is_wanted(query: &HostQuery, host: &Known) -> bool {
    let matches = |selector: &Selector| selector.matches(&host.id, &host.labels);
    let search = query.search.as_ref().map(|text| text.to_ascii_lowercase());
    query.reach.as_ref().is_none_or(|reach| reach.iter().any(matches))
        && query.selector.as_ref().is_none_or(matches)
        && query.state.is_none_or(|state| state == host.state)
        && search.is_none_or(|text| host.id.split('-').any(|part| part.starts_with(&text)))
}

/// Reads all pages of a query.
async fn pages(store: &dyn Store, mut query: HostQuery) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let ids = store.host_ids(query.clone()).await.unwrap();
        let rows = store.hosts(query.clone()).await.unwrap();
        assert_eq!(ids, rows.into_iter().map(|row| row.identity.id).collect::<Vec<_>>());
        assert!(ids.len() <= query.limit);
        let Some(last) = ids.last() else { return found };
        query.after.clone_from(last);
        found.extend(ids);
    }
}

pub(in crate::store) async fn hosts_of_several_selectors_are_those_that_one_by_one_are_judged_so<
    D: Database,
>() {
    let (_database, store) = with_token::<D>(terms()).await;
    let mut runner = TestRunner::deterministic();
    let mut known = fill(&*store, &mut runner).await;
    let queries = queries();
    let (mut hosts, mut of_several) = (0, 0);
    for question in 0..QUESTIONS {
        // What was read for earlier questions may be known by heart.
        if question % 3 == 0 {
            change(&*store, &mut runner, &mut known).await;
        }
        let query = drawn(&mut runner, &queries);
        let wanted: Vec<&Known> = known.iter().filter(|host| is_wanted(&query, host)).collect();
        let ids: Vec<&str> = wanted.iter().map(|host| host.id.as_str()).collect();
        assert_eq!(pages(&*store, query.clone()).await, ids, "{query:?}");
        let counted = store.count_hosts(query.clone()).await.unwrap();
        assert_eq!(counted, ids.len().min(query.limit) as u64, "{query:?}");
        hosts += ids.len();
        of_several +=
            usize::from(query.reach.is_some_and(|reach| reach.len() > 1) && ids.len() > 1);
    }
    assert!(hosts > QUESTIONS && of_several > QUESTIONS / 10, "{hosts} {of_several}");
    store.close().await;
}

pub(in crate::store) async fn labels_of_some_hosts_are_those_of_no_other_host<D: Database>() {
    let (_database, store) = with_token::<D>(terms()).await;
    let mut runner = TestRunner::deterministic();
    let known = fill(&*store, &mut runner).await;
    let queries = queries();
    for _ in 0..QUESTIONS / 4 {
        let query = HostQuery { limit: known.len() + 1, ..drawn(&mut runner, &queries) };
        let of = known.iter().filter(|host| is_wanted(&query, host)).flat_map(|host| &host.labels);
        let (mut keys, mut values) = (BTreeSet::new(), BTreeSet::new());
        for (key, value) in of {
            keys.insert(key.as_str().to_owned());
            if key.as_str() == "a" {
                values.insert(value.as_str().to_owned());
            }
        }
        for (key, all) in [(None, keys), (Some("a"), values)] {
            let found = store.labels_of(query.clone(), key, "", 10).await.unwrap();
            let all: Vec<String> = all.into_iter().collect();
            assert_eq!(found, InUse { texts: all.clone(), more: false }, "{query:?}");
            let few = store.labels_of(query.clone(), key, "", 1).await.unwrap();
            assert_eq!((few.texts.len(), few.more), (all.len().min(1), all.len() > 1));
            let begun = store.labels_of(query.clone(), key, "e", 10).await.unwrap();
            let begins: Vec<String> =
                all.into_iter().filter(|text| text.starts_with('e')).collect();
            assert_eq!(begun.texts, begins, "{query:?}");
        }
    }
    // A page that is full says that there may be more.
    let one = HostQuery { limit: 1, ..HostQuery::default() };
    assert!(store.labels_of(one, None, "", 10).await.unwrap().more);
    store.close().await;
}
