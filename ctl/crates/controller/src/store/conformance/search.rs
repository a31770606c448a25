//! Finding hosts by parts of their names, and the labels that are in use.

use super::Database;
use super::hosts::{NOW, Newcomer, terms, token, token_id, with_token};
use crate::store::{HostQuery, InUse, LabelChange};
use fleet::{LabelKey, LabelValue, Selector};
use std::collections::BTreeMap;

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<LabelKey, LabelValue> {
    let label = |(key, value): &(&str, &str)| {
        (LabelKey::new(key).unwrap(), LabelValue::new(value).unwrap())
    };
    pairs.iter().map(label).collect()
}

pub(in crate::store) async fn hosts_are_found_by_a_part_of_their_id_or_hostname<D: Database>() {
    let (_database, store) = with_token::<D>(terms()).await;
    for (number, (id, hostname)) in [
        ("eu-Web-1", "front.example"),
        ("eu-web-2", "eu-web-2"),
        ("us-db-1", "WEB-of-old.example"),
        ("us-db-2", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let number = u32::try_from(number).unwrap();
        Newcomer::by(1, number).wanting(id).enroll(&*store).await.unwrap();
        let set = labels(&[("hostname", hostname), ("zone", &id[..2])]);
        store.set_labels(id, LabelChange { set, remove: Vec::new() }).await.unwrap();
    }
    let found = async |search: &str, selector: &str| {
        let query = HostQuery {
            search: Some(search.to_owned()),
            selector: Some(Selector::parse(selector).unwrap()),
            limit: 100,
            ..HostQuery::default()
        };
        let rows = store.hosts(query.clone()).await.unwrap();
        let ids = store.host_ids(query).await.unwrap();
        assert_eq!(rows.into_iter().map(|row| row.identity.id).collect::<Vec<_>>(), ids);
        ids
    };
    assert_eq!(found("web", "").await, ["eu-Web-1", "eu-web-2", "us-db-1"]);
    assert_eq!(found("WEB", "zone=us").await, ["us-db-1"]);
    assert_eq!(found("2", "").await, ["eu-web-2", "us-db-2"]);
    assert_eq!(found("of-old.ex", "").await, ["us-db-1"]);
    assert_eq!(found("example", "zone").await, ["eu-Web-1", "us-db-1"]);
    assert_eq!(found("us", "").await, ["us-db-1", "us-db-2"]);
    for nothing in ["eb", "zone", "-", "b-2", "web*", "%", "_", "x\"y"] {
        assert_eq!(found(nothing, "").await, [""; 0], "{nothing}");
    }
    let renamed = labels(&[("hostname", "mail.example")]);
    let change = LabelChange { set: renamed, remove: Vec::new() };
    store.set_labels("us-db-1", change).await.unwrap();
    let forgotten = vec![LabelKey::new("hostname").unwrap()];
    let change = LabelChange { set: labels(&[]), remove: forgotten };
    store.set_labels("eu-Web-1", change).await.unwrap();
    assert_eq!(found("web", "").await, ["eu-Web-1", "eu-web-2"]);
    assert_eq!(found("example", "").await, ["us-db-1"]);
    store.remove("us-db-1", NOW).await.unwrap();
    assert_eq!(found("example", "").await, [""; 0]);
    store.close().await;
}

pub(in crate::store) async fn keys_and_values_of_labels_that_are_in_use_are_found_by_their_beginning<
    D: Database,
>() {
    let (_database, store) = with_token::<D>(terms()).await;
    for number in 0..6 {
        let id = format!("h{number}");
        Newcomer::by(1, number).wanting(&id).enroll(&*store).await.unwrap();
        let role = ["web", "db", "database"][number as usize % 3];
        let set = labels(&[("role", role), ("rack", &format!("r{number}"))]);
        store.set_labels(&id, LabelChange { set, remove: Vec::new() }).await.unwrap();
    }
    let keys = async |prefix: &str, limit| store.label_keys(prefix, limit).await.unwrap();
    assert_eq!(keys("", 10).await.texts, ["env", "rack", "role"]);
    assert_eq!(keys("r", 10).await.texts, ["rack", "role"]);
    assert_eq!((keys("r", 1).await.texts, keys("r", 1).await.more), (vec!["rack".into()], true));
    assert_eq!(keys("x", 10).await, InUse::default());
    let values = async |prefix: &str| store.label_values("role", prefix, 10).await.unwrap();
    assert_eq!(values("").await.texts, ["database", "db", "web"]);
    assert_eq!(values("d").await.texts, ["database", "db"]);
    assert!(store.label_values("rack", "r", 5).await.unwrap().more);
    assert_eq!(store.label_values("none", "", 5).await.unwrap(), InUse::default());
    store.close().await;
}

pub(in crate::store) async fn the_hosts_that_joined_last_are_found_also_by_their_token<
    D: Database,
>() {
    let (_database, store) = with_token::<D>(terms()).await;
    store.create_token(token(2, terms())).await.unwrap();
    for (number, by, id) in [(1, 1, "c"), (2, 2, "a"), (3, 1, "b"), (4, 1, "d")] {
        Newcomer::by(by, number).wanting(id).enroll(&*store).await.unwrap();
    }
    let newest = async |token: Option<u32>, limit| {
        let rows = store.newest_hosts(token.map(token_id).as_ref(), limit).await.unwrap();
        rows.into_iter().map(|row| row.identity.id).collect::<Vec<_>>()
    };
    assert_eq!(newest(None, 10).await, ["d", "b", "a", "c"]);
    assert_eq!(newest(None, 2).await, ["d", "b"]);
    assert_eq!(newest(Some(1), 10).await, ["d", "b", "c"]);
    assert_eq!(newest(Some(1), 1).await, ["d"]);
    assert_eq!(newest(Some(2), 10).await, ["a"]);
    assert_eq!(newest(Some(3), 10).await, [""; 0]);
    store.remove("d", NOW).await.unwrap();
    assert_eq!(newest(Some(1), 10).await, ["b", "c"]);
    store.close().await;
}
