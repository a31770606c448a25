//! The audit log: what every store must do with it.

use super::Database;
use super::hosts::NOW;
use crate::store::{EventQuery, EventRow, MAX_EVENT_BYTES, Store, StoreError};
use fleet::audit::{Event, Outcome};
use test_support::DEADLINE;
use tokio::time::timeout;

fn event(actor: &str, action: &str, hosts: &[&str]) -> Event {
    Event {
        actor: actor.to_owned(),
        source: Some("192.0.2.7".to_owned()),
        action: action.to_owned(),
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        detail: Some("{\"a\":1}".to_owned()),
    }
}

async fn page(store: &dyn Store, query: EventQuery) -> Vec<EventRow> {
    store.events(EventQuery { limit: 100, ..query }).await.unwrap()
}

pub(in crate::store) async fn an_event_is_there_before_its_action_and_ends_once<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let mut newest = store.newest_event();
    let begun = store.begin(event("anna", "hosts.ban", &["h"]), NOW + 5).await.unwrap();
    timeout(DEADLINE, newest.changed()).await.expect("nobody was told").unwrap();
    let found = page(&*store, EventQuery::default()).await;
    assert_eq!((found[0].sequence, found[0].at, &found[0].end), (begun, NOW + 5, &None));
    assert_eq!(found[0].event, event("anna", "hosts.ban", &["h"]));
    let detail = Some("{\"status\":409}".to_owned());
    store.complete(begun, Outcome::Refused, detail.clone(), NOW + 6).await.unwrap();
    let found = page(&*store, EventQuery::default()).await;
    let end = found[0].end.as_ref().unwrap();
    assert_eq!(
        (found.len(), end.at, end.outcome, &end.detail),
        (1, NOW + 6, Outcome::Refused, &detail)
    );
    for wrong in [begun, begun + 1, begun + 9] {
        let error = store.complete(wrong, Outcome::Succeeded, None, NOW + 7).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    let verified = store.verify_events().await.unwrap();
    assert_eq!((verified.lines, verified.fault), (2, None));
    store.close().await;
}

pub(in crate::store) async fn an_event_that_a_crash_left_open_ends_as_unknown<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let open = store.begin(event("anna", "hosts.ban", &[]), NOW + 5).await.unwrap();
    store.record(event("anna", "login", &[]), Outcome::Failed, NOW + 5).await.unwrap();
    store.close().await;
    drop(store);
    for _ in 0..2 {
        let store = database.open().await;
        let found = page(&*store, EventQuery::default()).await;
        let outcomes: Vec<_> =
            found.iter().map(|row| row.end.as_ref().map(|end| end.outcome)).collect();
        assert_eq!(outcomes, [Some(Outcome::Unknown), Some(Outcome::Failed)]);
        assert!(store.complete(open, Outcome::Succeeded, None, NOW + 9).await.is_err());
        assert_eq!(store.verify_events().await.unwrap().lines, 4);
        assert_eq!(*store.newest_event().borrow(), 4);
        store.close().await;
    }
}

pub(in crate::store) async fn events_are_found_by_actor_action_and_host_in_pages<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let mut all = Vec::new();
    for number in 0..40 {
        let actor = ["anna", "bert"][number % 2];
        let action = ["hosts.ban", "hosts.label", "login"][number % 3];
        let hosts = [&["a", "b"][..], &["b"], &[], &["a", "a"]][number % 4];
        let event = event(actor, action, hosts);
        let sequence = store.record(event.clone(), Outcome::Succeeded, NOW + 5).await.unwrap();
        all.push((sequence, event));
    }
    let some = |text: &str| Some(text.to_owned());
    for (actor, action, host) in [
        (None, None, None),
        (some("anna"), None, None),
        (None, some("login"), None),
        (None, None, some("a")),
        (some("bert"), some("hosts.label"), some("b")),
        (some("bert"), some("login"), None),
        (some("nobody"), None, None),
        (None, None, some("nobody")),
    ] {
        for newest_first in [false, true] {
            let mut wanted: Vec<i64> = all
                .iter()
                .filter(|(_, event)| actor.as_ref().is_none_or(|actor| *actor == event.actor))
                .filter(|(_, event)| action.as_ref().is_none_or(|wish| *wish == event.action))
                .filter(|(_, event)| host.as_ref().is_none_or(|host| event.hosts.contains(host)))
                .map(|(sequence, _)| *sequence)
                .collect();
            if newest_first {
                wanted.reverse();
            }
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let (actor, action, host) = (actor.clone(), action.clone(), host.clone());
                let query = EventQuery {
                    after,
                    newest_first,
                    limit: 6,
                    actor,
                    action,
                    host,
                    since: None,
                    until: None,
                };
                let page = store.events(query).await.unwrap();
                let Some(last) = page.last() else { break };
                assert!(page.len() <= 6);
                after = Some(last.sequence);
                found.extend(page.into_iter().map(|row| row.sequence));
            }
            assert_eq!(found, wanted, "{actor:?} {action:?} {host:?} {newest_first}");
        }
    }
    store.close().await;
}

pub(in crate::store) async fn events_are_found_by_their_time<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    for time in [5, 5, 6, 8] {
        store.record(event("anna", "login", &[]), Outcome::Succeeded, NOW + time).await.unwrap();
    }
    for (since, until, wanted) in [
        (None, None, &[5, 5, 6, 8][..]),
        (Some(5), None, &[5, 5, 6, 8]),
        (Some(6), None, &[6, 8]),
        (Some(7), Some(8), &[]),
        (Some(9), None, &[]),
        (None, Some(5), &[]),
        (None, Some(6), &[5, 5]),
        (Some(6), Some(9), &[6, 8]),
    ] {
        for newest_first in [false, true] {
            let time = |time: Option<i64>| time.map(|time| NOW + time);
            let (since, until) = (time(since), time(until));
            let query = EventQuery { since, until, newest_first, ..EventQuery::default() };
            let mut found: Vec<i64> =
                page(&*store, query).await.into_iter().map(|row| row.at - NOW).collect();
            if newest_first {
                found.reverse();
            }
            assert_eq!(found, wanted, "{since:?} {until:?} {newest_first}");
        }
    }
    store.close().await;
}

pub(in crate::store) async fn an_event_that_is_too_large_is_refused<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let mut large = event("anna", "hosts.ban", &[]);
    large.detail = Some("x".repeat(MAX_EVENT_BYTES));
    let error = store.begin(large, NOW + 5).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(page(&*store, EventQuery::default()).await, []);
    assert_eq!(store.begin(event("anna", "login", &[]), NOW + 5).await.unwrap(), 1);
    store.close().await;
}
