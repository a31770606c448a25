//! Facts: documents that hosts share, the log of their changes, searches, and labels.

use super::Database;
use super::hosts::NOW;
use crate::store::{
    ChannelProof, DocumentHosts, EntryQuery, FactAnswer, FactLabels, Facts, HostAnswers, Hosts,
    KeyRange, LabelChange, NewChannel, Selection, StoredAnswers,
};
use fleet::facts::index::Kind;
use fleet::identity::UnknownHosts;
use fleet::{Digest, LabelKey, LabelSource, LabelValue, Selector};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lets a host of a company's PKI connect.
async fn connect<S: Hosts + ?Sized>(store: &Arc<S>, host: &str) {
    let channel = NewChannel {
        host: host.to_owned(),
        proof: ChannelProof::Foreign { unknown: UnknownHosts::Accept },
        address: "192.0.2.7:1".parse().unwrap(),
        version: None,
        boot: None,
        ca_version: None,
        now: NOW,
    };
    store.connected(channel).await.unwrap().unwrap();
}

fn facts(document: &str) -> FactAnswer {
    FactAnswer::Facts { document: document.to_owned(), whole: None }
}

/// Stores the answers of a host, so many milliseconds after [`NOW`].
async fn put<S: Facts + ?Sized>(
    store: &Arc<S>,
    host: &str,
    after: i64,
    answers: &[(&str, FactAnswer)],
) -> StoredAnswers {
    let answers =
        answers.iter().map(|(method, answer)| ((*method).to_owned(), answer.clone())).collect();
    let labels = FactLabels::default();
    let answers = HostAnswers { host: host.to_owned(), now: NOW + after, answers, labels };
    store.put_facts(answers).await.unwrap()
}

async fn text<S: Facts + ?Sized>(
    store: &Arc<S>,
    host: &str,
    method: &str,
    at: Option<i64>,
) -> Option<String> {
    let at = at.map(|at| NOW + at);
    store.fact(host, method, at).await.unwrap()?.1.map(|text| text.text)
}

pub(in crate::store) async fn hosts_share_a_document_and_each_has_its_own_log<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    for host in ["a", "b"] {
        connect(&store, host).await;
        let stored = put(&store, host, 0, &[("getinfo.os", facts(r#"{"id":1}"#))]).await;
        assert_eq!(stored.changed, ["getinfo.os"]);
    }
    let current = store.current_documents("getinfo.os").await.unwrap();
    assert_eq!(current.iter().map(|document| document.hosts).collect::<Vec<_>>(), [2]);
    // The same again is no change; another one is.
    for (after, document, changed) in [(5, r#"{"id":1}"#, 0), (10, r#"{"id":2}"#, 1)] {
        let stored = put(&store, "a", after, &[("getinfo.os", facts(document))]).await;
        assert_eq!(stored.changed.len(), changed);
    }
    for (at, wanted) in [
        (Some(-1), None),
        (Some(0), Some(r#"{"id":1}"#)),
        (Some(9), Some(r#"{"id":1}"#)),
        (Some(10), Some(r#"{"id":2}"#)),
        (None, Some(r#"{"id":2}"#)),
    ] {
        assert_eq!(text(&store, "a", "getinfo.os", at).await.as_deref(), wanted, "{at:?}");
    }
    assert_eq!(text(&store, "b", "getinfo.os", None).await.as_deref(), Some(r#"{"id":1}"#));
    // A clock that was set back keeps the order of the log.
    put(&store, "a", 3, &[("getinfo.os", facts(r#"{"id":1}"#))]).await;
    store.close().await;
    let store = database.open().await;
    let log = store.fact_changes("a", "getinfo.os", i64::MAX, 10).await.unwrap();
    let log: Vec<_> = log.iter().map(|row| (row.since - NOW, row.until.map(|u| u - NOW))).collect();
    assert_eq!(log, [(11, None), (10, Some(11)), (0, Some(10))]);
    let page = store.fact_changes("a", "getinfo.os", NOW + 11, 1).await.unwrap();
    assert_eq!(page[0].since, NOW + 10);
    assert!(store.fact("nobody", "getinfo.os", None).await.unwrap().is_none());
}

pub(in crate::store) async fn a_provider_that_fails_keeps_its_last_document<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    connect(&store, "a").await;
    let failed = |message: &str| FactAnswer::Failed { retcode: 3052, message: message.to_owned() };
    put(&store, "a", 0, &[("getinfo.os", facts("1")), ("getinfo.cpu", failed("x"))]).await;
    for (after, message) in [(1, "first"), (2, "second")] {
        let answers = [("getinfo.os", failed(message)), ("getinfo.cpu", FactAnswer::Absent)];
        put(&store, "a", after, &answers).await;
    }
    let rows = store.host_facts("a", None).await.unwrap();
    assert_eq!(rows.len(), 2);
    let failure = rows[1].failure.clone().unwrap();
    assert_eq!((rows[1].method.as_str(), failure.since - NOW), ("getinfo.os", 1));
    assert_eq!(failure.message, "second");
    assert_eq!(text(&store, "a", "getinfo.os", None).await.as_deref(), Some("1"));
    assert!(rows[0].document.is_none() && rows[0].failure.is_none(), "{:?}", rows[0]);
    // It works again; what is not asked for anymore has ended.
    put(&store, "a", 3, &[("getinfo.os", facts("2"))]).await;
    let rows = store.host_facts("a", None).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].failure.is_none());
    assert_eq!(store.host_facts("a", Some(NOW + 2)).await.unwrap().len(), 2);
}

pub(in crate::store) async fn a_whole_answer_is_kept_beside_its_document<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    connect(&store, "a").await;
    for (after, whole) in [(0, r#"{"total":1,"free":7}"#), (5, r#"{"total":1,"free":8}"#)] {
        let document = r#"{"total":1}"#.to_owned();
        let answer = FactAnswer::Facts { document, whole: Some(whole.to_owned()) };
        put(&store, "a", after, &[("getinfo.memory", answer)]).await;
        let (row, text) = store.fact("a", "getinfo.memory", None).await.unwrap().unwrap();
        let text = text.unwrap();
        assert_eq!((row.since - NOW, text.whole_at), (0, Some(NOW + after)));
        assert_eq!(text.text, whole);
        // The host never gives it again.
        let known = store.known_facts("a").await.unwrap();
        assert_eq!((known.asked, known.digests), (Some(NOW + after), BTreeMap::new()));
    }
    let at = text(&store, "a", "getinfo.memory", Some(5)).await;
    assert_eq!(at.as_deref(), Some(r#"{"total":1}"#));
    put(&store, "a", 9, &[("getinfo.memory", FactAnswer::Unchanged)]).await;
    let (_, text) = store.fact("a", "getinfo.memory", None).await.unwrap().unwrap();
    assert_eq!(text.unwrap().whole_at, Some(NOW + 9));
}

pub(in crate::store) async fn an_answer_that_may_come_again_is_known_by_its_digest<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    connect(&store, "a").await;
    let document = r#"{"id":1}"#;
    let known = async || store.known_facts("a").await.unwrap().digests["getinfo.certificates"];
    for (after, whole) in
        [(0, Some(r#"{"id":1,"days_left":7}"#)), (5, Some(r#"{"id":1,"days_left":6}"#)), (9, None)]
    {
        let whole = whole.map(str::to_owned);
        // What the host would send again is the whole answer; the document is what is shown.
        let sent = whole.clone().unwrap_or_else(|| document.to_owned());
        let answer = FactAnswer::Facts { document: document.to_owned(), whole };
        put(&store, "a", after, &[("getinfo.certificates", answer)]).await;
        assert_eq!(known().await, Digest::of(sent.as_bytes()));
        put(&store, "a", after + 1, &[("getinfo.certificates", FactAnswer::Unchanged)]).await;
        assert_eq!(known().await, Digest::of(sent.as_bytes()));
        let (row, text) = store.fact("a", "getinfo.certificates", None).await.unwrap().unwrap();
        let text = text.unwrap();
        assert_eq!((row.since - NOW, text.text.as_str(), text.whole_at), (0, document, None));
    }
    put(&store, "a", 20, &[("getinfo.certificates", FactAnswer::Absent)]).await;
    assert!(store.known_facts("a").await.unwrap().digests.is_empty());
}

/// Returns a list of packages as a document; the versions of some differ.
fn packages(versions: &[(usize, &str)]) -> String {
    let versions: BTreeMap<usize, &str> = versions.iter().copied().collect();
    let list: Vec<String> = (0..300)
        .map(|number| {
            let version = versions.get(&number).unwrap_or(&"1.0-1");
            format!(
                r#"{{"manager":"dpkg","name":"p{number}","version":"{version}","status":"installed","summary":"the package {number}"}}"#
            )
        })
        .collect();
    format!(r#"{{"packages":[{}]}}"#, list.join(","))
}

async fn with_version<S: Facts + ?Sized>(
    store: &Arc<S>,
    package: &str,
) -> BTreeMap<String, Vec<String>> {
    let key = KeyRange::Is(package.to_owned());
    let found = store.documents_with(EntryQuery { kind: Kind::Package, key }).await.unwrap();
    let current = store.current_documents("getinfo.packages").await.unwrap();
    let documents = current.iter().filter(|document| found.contains_key(&document.number));
    let query = DocumentHosts {
        method: "getinfo.packages".to_owned(),
        documents: Arc::new(documents.map(|it| (it.number, it.hosts)).collect()),
        hosts: Selection::default(),
        after: String::new(),
        limit: 100,
    };
    let page = store.hosts_of_documents(query).await.unwrap();
    let values = |document| found[&document].iter().map(|(_, value)| value.clone()).collect();
    page.hosts.into_iter().map(|(host, document)| (host, values(document))).collect()
}

pub(in crate::store) async fn hosts_are_found_by_the_packages_of_their_documents<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let lists = [
        ("a", packages(&[])),
        ("b", packages(&[(7, "2.0-1")])),
        ("c", packages(&[(7, "3.0-1"), (9, "2")])),
        ("d", packages(&[]).replace(r#""name":"p7""#, r#""name":"other""#)),
        ("e", packages(&[])),
    ];
    for (after, (host, list)) in lists.iter().enumerate() {
        connect(&store, host).await;
        put(&store, host, after.try_into().unwrap(), &[("getinfo.packages", facts(list))]).await;
        assert_eq!(text(&store, host, "getinfo.packages", None).await.as_ref(), Some(list));
    }
    let expected = |hosts: &[(&str, &str)]| -> BTreeMap<String, Vec<String>> {
        hosts.iter().map(|(host, value)| ((*host).to_owned(), vec![(*value).to_owned()])).collect()
    };
    let wanted = expected(&[
        ("a", "dpkg 1.0-1"),
        ("b", "dpkg 2.0-1"),
        ("c", "dpkg 3.0-1"),
        ("e", "dpkg 1.0-1"),
    ]);
    assert_eq!(with_version(&store, "p7").await, wanted);
    assert_eq!(with_version(&store, "other").await, expected(&[("d", "dpkg 1.0-1")]));
    // The host whose document is the base of the others gets another one; they keep theirs.
    for host in ["a", "e"] {
        let list = packages(&[(7, "4.0-1")]);
        put(&store, host, 50, &[("getinfo.packages", facts(&list))]).await;
    }
    store.remove("c", NOW + 60).await.unwrap();
    let wanted = expected(&[("a", "dpkg 4.0-1"), ("b", "dpkg 2.0-1"), ("e", "dpkg 4.0-1")]);
    assert_eq!(with_version(&store, "p7").await, wanted);
    assert_eq!(text(&store, "d", "getinfo.packages", None).await.as_ref(), Some(&lists[3].1));
    assert_eq!(text(&store, "a", "getinfo.packages", Some(0)).await.as_ref(), Some(&lists[0].1));
    // A host that comes again under its id starts without facts.
    connect(&store, "c").await;
    assert!(store.host_facts("c", None).await.unwrap().is_empty());
    assert!(store.host_facts("c", Some(NOW + 3)).await.unwrap().is_empty());
}

pub(in crate::store) async fn pages_and_counts_hold_the_selected_hosts_only<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    for number in 0..10 {
        let host = format!("h{number}");
        connect(&store, &host).await;
        let set = [(
            LabelKey::new("half").unwrap(),
            LabelValue::new(if number < 5 { "a" } else { "b" }).unwrap(),
        )];
        store.set_labels(&host, LabelChange { set: set.into(), remove: Vec::new() }).await.unwrap();
        let document = format!("{}", number % 2);
        let answers = if number == 9 { FactAnswer::Absent } else { facts(&document) };
        put(&store, &host, 0, &[("getinfo.acme", answers)]).await;
    }
    let selector = |text: &str| Selector::parse(text).unwrap();
    let chosen = |reach: Option<&[&str]>, text: Option<&str>| Selection {
        reach: reach.map(|texts| texts.iter().map(|text| selector(text)).collect()),
        selector: text.map(selector),
    };
    let current = store.current_documents("getinfo.acme").await.unwrap();
    let documents: Arc<std::collections::HashMap<i64, u64>> =
        Arc::new(current.iter().map(|it| (it.number, it.hosts)).collect());
    for (hosts, wanted) in [
        (chosen(None, None), 9),
        (chosen(None, Some("half=a")), 5),
        (chosen(Some(&["half=b"]), None), 4),
        (chosen(Some(&["half=b", "host=h1"]), None), 5),
        (chosen(Some(&["half=b"]), Some("half=a")), 0),
        (chosen(Some(&[]), None), 0),
    ] {
        let counts = store.count_documents("getinfo.acme", hosts.clone()).await.unwrap();
        let with: u64 = counts.iter().filter_map(|(document, n)| document.map(|_| n)).sum();
        assert_eq!(with, wanted, "{hosts:?}");
        // A page of two at a time, and one where the documents have too many hosts to gather.
        for many in [1, 1_000_000] {
            let documents = documents.iter().map(|(number, hosts)| (*number, hosts * many));
            let documents = Arc::new(documents.collect());
            let (mut found, mut after) = (Vec::new(), String::new());
            loop {
                let query = DocumentHosts {
                    method: "getinfo.acme".to_owned(),
                    documents: Arc::clone(&documents),
                    hosts: hosts.clone(),
                    after: after.clone(),
                    limit: 2,
                };
                let page = store.hosts_of_documents(query).await.unwrap();
                found.extend(page.hosts.into_iter().map(|(host, _)| host));
                match page.next {
                    Some(next) => after = next,
                    None => break,
                }
            }
            assert_eq!(found.len() as u64, wanted, "{hosts:?}");
            assert!(found.is_sorted() && !found.contains(&"h9".to_owned()));
        }
    }
}

pub(in crate::store) async fn labels_from_facts_never_take_the_place_of_others<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    connect(&store, "a").await;
    let label =
        |key: &str, value: &str| (LabelKey::new(key).unwrap(), LabelValue::new(value).unwrap());
    let own = LabelChange { set: [label("arch", "mine")].into(), remove: Vec::new() };
    let mut relabeled = store.relabeled();
    // Returns the hosts of the next change of labels, if there was another one.
    let mut told = || relabeled.try_recv().map(|hosts| hosts.to_vec());
    store.set_labels("a", own).await.unwrap();
    assert_eq!(told(), Ok(vec!["a".to_owned()]));
    let put = async |set: &[(&str, &str)], keep: &[&str]| {
        let labels = FactLabels {
            set: set.iter().map(|(key, value)| label(key, value)).collect(),
            keep: keep.iter().map(|key| LabelKey::new(key).unwrap()).collect(),
        };
        let answers =
            HostAnswers { host: "a".to_owned(), now: NOW, answers: BTreeMap::new(), labels };
        let changed = store.put_facts(answers).await.unwrap().labels;
        let labels = store.host("a").await.unwrap().unwrap().labels;
        let labels = labels
            .into_iter()
            .map(|(key, label)| (key, label.value, label.source == LabelSource::Fact));
        (changed, labels.collect::<Vec<_>>())
    };
    let row = |key: &str, value: &str, fact: bool| (key.to_owned(), value.to_owned(), fact);
    let mine = row("arch", "mine", false);
    let first = put(&[("arch", "x86_64"), ("os.id", "debian"), ("k", "1")], &[]).await;
    let wanted = vec![mine.clone(), row("k", "1", true), row("os.id", "debian", true)];
    assert_eq!(first, (true, wanted.clone()));
    assert_eq!(told(), Ok(vec!["a".to_owned()]));
    assert_eq!(put(&[("os.id", "debian")], &["k", "arch"]).await, (false, wanted));
    assert!(told().is_err(), "no label changed");
    let wanted = vec![mine, row("os.id", "alpine", true)];
    assert_eq!(put(&[("os.id", "alpine")], &[]).await, (true, wanted));
    assert_eq!(told(), Ok(vec!["a".to_owned()]));
    // The operator's label goes; the fact's comes with the next answer.
    let remove = vec![LabelKey::new("arch").unwrap()];
    store.set_labels("a", LabelChange { set: BTreeMap::new(), remove }).await.unwrap();
    let last = put(&[("arch", "x86_64")], &[]).await;
    assert_eq!(last, (true, vec![row("arch", "x86_64", true)]));
}
