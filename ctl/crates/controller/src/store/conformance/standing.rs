//! Hosts that have joined: what every store must do when they connect, renew, and are decided about.

use super::Database;
use super::hosts::{NOW, Newcomer, key, offer, terms, token, token_id, with_token};
use crate::store::{
    ChannelProof, HostQuery, HostRow, LabelChange, NewChannel, RecoverRequest, RenewRequest,
    StateName, Store, StoreError,
};
use controller_api::Departure;
use fleet::identity::{
    Answer, Certificate, Choice, Connection, EnrollRefusal, PendingReason, Standing, UnknownHosts,
};
use fleet::{
    DAY, Digest, HostState, IdentityRefusal, LabelKey, LabelSource, LabelValue, Labels, MAX_LABELS,
    Selector, UnixMillis,
};
use std::collections::BTreeMap;

/// Opens a channel by a key of our own CA, with a certificate that was made at `made`.
async fn connect_made(
    store: &dyn Store,
    host: &str,
    key: Digest,
    made: UnixMillis,
) -> Result<Connection, IdentityRefusal> {
    store.connected(channel(host, ChannelProof::Own { key, not_before: made })).await.unwrap()
}

async fn connect(
    store: &dyn Store,
    host: &str,
    of_key: u32,
) -> Result<Connection, IdentityRefusal> {
    connect_made(store, host, key(of_key), NOW).await
}

fn channel(host: &str, proof: ChannelProof) -> NewChannel {
    NewChannel {
        host: host.to_owned(),
        proof,
        address: "192.0.2.7:4711".parse().unwrap(),
        version: Some("0.2.0".to_owned()),
        boot: Some("boot-2".to_owned()),
        ca_version: Some(3),
        now: NOW + 10,
    }
}

async fn foreign(
    store: &dyn Store,
    host: &str,
    unknown: UnknownHosts,
) -> Result<Connection, IdentityRefusal> {
    store.connected(channel(host, ChannelProof::Foreign { unknown })).await.unwrap()
}

async fn renew(
    store: &dyn Store,
    id: &str,
    by: u32,
    new: u32,
) -> Result<Certificate, IdentityRefusal> {
    let request = RenewRequest {
        host: "web-1".to_owned(),
        key: key(by),
        source: "192.0.2.7".parse().unwrap(),
        renewal: id.to_owned(),
        new_key: key(new),
        offer: offer(new.to_be_bytes()[3], NOW),
        now: NOW,
    };
    store.renew(request).await.unwrap()
}

/// Opens a store with the host web-1, which has the key 1.
async fn with_host<D: Database>() -> (D, std::sync::Arc<dyn Store>) {
    let (database, store) = with_token::<D>(terms()).await;
    Newcomer::by(1, 1).wanting("web-1").enroll(&*store).await.unwrap();
    (database, store)
}

async fn host(store: &dyn Store) -> HostRow {
    store.host("web-1").await.unwrap().unwrap()
}

fn active() -> Connection {
    Connection::new(Standing::Active)
}

pub(in crate::store) async fn a_host_that_connects_is_seen<D: Database>() {
    let (database, store) = with_host::<D>().await;
    assert_eq!(host(&*store).await.last_seen, None);
    assert_eq!(connect(&*store, "web-1", 1).await, Ok(active()));
    let seen = host(&*store).await;
    assert_eq!(seen.address, Some("192.0.2.7:4711".parse().unwrap()));
    assert_eq!((seen.version.as_deref(), seen.boot.as_deref()), (Some("0.2.0"), Some("boot-2")));
    assert_eq!((seen.connected_at, seen.last_seen), (Some(NOW + 10), Some(NOW + 10)));
    store.disconnected("web-1", Some(Departure::Lost), NOW + 20).await.unwrap();
    store.disconnected("nobody", None, NOW + 20).await.unwrap();
    let seen = host(&*store).await;
    assert_eq!(seen.departure, Some(Departure::Lost));
    assert_eq!((seen.connected_at, seen.last_seen), (Some(NOW + 10), Some(NOW + 20)));
    assert_eq!(connect(&*store, "web-1", 2).await, Err(IdentityRefusal::Unknown));
    assert_eq!(connect(&*store, "web-1", 1).await, Ok(active()));
    assert_eq!(host(&*store).await.departure, None);
    store.disconnected("web-1", Some(Departure::Closed), NOW + 30).await.unwrap();
    store.close().await;
    let store = database.open().await;
    let seen = host(&*store).await;
    assert_eq!((seen.connected_at, seen.last_seen), (Some(NOW + 10), Some(NOW + 30)));
    assert_eq!(seen.departure, Some(Departure::Closed));
    store.close().await;
}

pub(in crate::store) async fn a_renewal_answers_the_same_question_with_the_same_certificate<
    D: Database,
>() {
    let (_database, store) = with_host::<D>().await;
    connect(&*store, "web-1", 1).await.unwrap();
    let first = renew(&*store, "r1", 1, 2).await.unwrap();
    assert_eq!((first.generation, first.serial, first.key), (2, [2; 16], key(2)));
    assert_eq!(renew(&*store, "r1", 1, 2).await, Ok(first));
    assert_eq!(renew(&*store, "r1", 1, 3).await, Err(IdentityRefusal::OtherRenewal));
    // The answer is lost: the host comes back by its old key, and renews again.
    assert!(connect(&*store, "web-1", 1).await.unwrap().answer_lost);
    assert_eq!(connect(&*store, "web-1", 2).await, Ok(active()));
    Newcomer::by(1, 7).enroll(&*store).await.unwrap();
    assert_eq!(renew(&*store, "r2", 2, 7).await, Err(IdentityRefusal::KeyInUse));
    store.close().await;
}

pub(in crate::store) async fn an_older_key_quarantines_the_host_until_it_is_settled<D: Database>() {
    for choice in [Choice::Keep, Choice::Restored, Choice::EnrollAgain] {
        let (_database, store) = with_host::<D>().await;
        renew(&*store, "r1", 1, 2).await.unwrap();
        connect(&*store, "web-1", 2).await.unwrap();
        let mut standings = store.standings();
        let copy = connect(&*store, "web-1", 1).await.unwrap();
        assert_eq!((copy.standing, copy.quarantined_now), (Standing::Quarantined, true));
        let published = standings.try_recv().unwrap();
        assert!(matches!(published[0].state, Some(HostState::Quarantined(_))));
        assert_eq!(store.counts().quarantined, 1);
        let found = connect(&*store, "web-1", 2).await.unwrap();
        assert_eq!((found.standing, found.quarantined_now), (Standing::Quarantined, false));
        let log = store
            .events(crate::store::EventQuery {
                action: Some("hosts.quarantine".to_owned()),
                host: Some("web-1".to_owned()),
                limit: 10,
                ..Default::default()
            })
            .await
            .unwrap();
        assert_eq!((log.len(), &*log[0].event.actor), (1, "host:web-1"));

        let (settled, sessions) = store.settle("web-1", choice, NOW).await.unwrap();
        assert_eq!(settled.identity.state, HostState::Active);
        assert_eq!(sessions.reset_others, choice == Choice::EnrollAgain);
        let (winner, loser) = if choice == Choice::Restored { (1, 2) } else { (2, 1) };
        assert_eq!(connect(&*store, "web-1", winner).await, Ok(active()));
        assert_eq!(connect(&*store, "web-1", loser).await, Err(IdentityRefusal::Superseded));
        store.close().await;
    }
}

pub(in crate::store) async fn a_host_recovers_by_its_bound_key<D: Database>() {
    let (_database, store) = with_host::<D>().await;
    let ask = |by: u32, new: u32, now: UnixMillis| RecoverRequest {
        host: "web-1".to_owned(),
        key: key(by),
        new_key: key(new),
        machine: None,
        source: "192.0.2.7".parse().unwrap(),
        offer: offer(new.to_be_bytes()[3], now),
        within: 90 * DAY,
        now,
    };
    let late = NOW + 30 * DAY;
    let recovered = store.recover(ask(1, 2, late)).await.unwrap().unwrap();
    assert!(matches!(recovered, Answer::Certificate(certificate) if certificate.generation == 2));
    let unknown = store.recover(ask(9, 3, late)).await.unwrap();
    assert_eq!(unknown, Err(IdentityRefusal::Unknown));
    let too_late = store.recover(ask(2, 3, late + 200 * DAY)).await.unwrap();
    assert_eq!((too_late, store.counts().pending), (Ok(Answer::Pending), 1));
    store.approve("web-1", late + 200 * DAY).await.unwrap();
    let recovered = store.recover(ask(2, 3, late + 200 * DAY)).await.unwrap().unwrap();
    assert!(matches!(recovered, Answer::Certificate(_)));
    store.close().await;
}

pub(in crate::store) async fn a_banned_host_never_comes_back_and_a_removed_one_may<D: Database>() {
    let (_database, store) = with_host::<D>().await;
    Newcomer::by(1, 2).wanting("web-2").enroll(&*store).await.unwrap();
    store.ban("web-1", NOW).await.unwrap();
    assert_eq!(connect(&*store, "web-1", 1).await, Err(IdentityRefusal::Banned));
    for host in ["web-1", "web-2"] {
        store.remove(host, NOW).await.unwrap();
        assert_eq!(store.host(host).await.unwrap(), None);
        assert!(matches!(store.remove(host, NOW).await, Err(StoreError::NotFound(_))));
    }
    assert_eq!(store.counts(), Default::default());
    assert_eq!(connect(&*store, "web-1", 1).await, Err(IdentityRefusal::Banned));
    assert_eq!(connect(&*store, "web-2", 2).await, Err(IdentityRefusal::Unknown));
    // Not by a token, either, nor as the new key of another host.
    store.create_token(token(2, terms())).await.unwrap();
    assert_eq!(
        Newcomer::by(2, 1).enroll(&*store).await,
        Err(EnrollRefusal::Identity(IdentityRefusal::Banned))
    );
    let again = Newcomer::by(1, 2).wanting("web-2").enroll(&*store).await.unwrap();
    assert_eq!((&*again.host, again.new), ("web-2", true));
    assert_eq!(connect(&*store, "web-2", 2).await, Ok(active()));
    store.close().await;
}

pub(in crate::store) async fn a_host_of_another_pki_comes_as_the_operator_wants<D: Database>() {
    let (_database, store) = with_host::<D>().await;
    let refused = foreign(&*store, "db-1", UnknownHosts::Refuse).await;
    assert_eq!(refused, Err(IdentityRefusal::UnknownHosts));
    assert_eq!(store.host("db-1").await.unwrap(), None);
    let waiting = foreign(&*store, "db-1", UnknownHosts::Pending).await.unwrap();
    assert_eq!((waiting.standing, store.counts().pending), (Standing::Pending, 1));
    store.approve("db-1", NOW).await.unwrap();
    for unknown in [UnknownHosts::Refuse, UnknownHosts::Pending, UnknownHosts::Accept] {
        assert_eq!(foreign(&*store, "db-1", unknown).await, Ok(active()));
    }
    assert_eq!(foreign(&*store, "db-2", UnknownHosts::Accept).await, Ok(active()));
    store.ban("db-2", NOW).await.unwrap();
    let banned = foreign(&*store, "db-2", UnknownHosts::Accept).await;
    assert_eq!(banned, Err(IdentityRefusal::Banned));
    // Neither CA speaks for the other's hosts.
    let stolen = foreign(&*store, "web-1", UnknownHosts::Accept).await;
    assert_eq!(stolen, Err(IdentityRefusal::OtherIssuer));
    assert_eq!(connect(&*store, "db-1", 5).await, Err(IdentityRefusal::OtherIssuer));
    store.close().await;
}

pub(in crate::store) async fn hosts_that_are_newer_than_a_restored_database_are_not_locked_out<
    D: Database,
>() {
    let (_database, store) = with_host::<D>().await;
    // Renewed after the copy was made: a certificate of our CA that is later than all we know.
    let later = connect_made(&*store, "web-1", key(5), NOW + DAY).await.unwrap();
    assert_eq!(later.standing, Standing::Active);
    assert_eq!(host(&*store).await.identity.keys.unwrap().current, key(5));
    // Joined after it: an operator has to say whether the host was there.
    let lost = connect_made(&*store, "web-9", key(9), NOW).await.unwrap();
    assert_eq!(lost.standing, Standing::Pending);
    let row = store.host("web-9").await.unwrap().unwrap();
    assert_eq!(row.identity.state, HostState::Pending(PendingReason::Lost));
    store.approve("web-9", NOW).await.unwrap();
    assert_eq!(connect(&*store, "web-9", 9).await, Ok(active()));
    // A host that was removed is another matter.
    store.remove("web-9", NOW).await.unwrap();
    assert_eq!(
        connect_made(&*store, "web-9", key(9), NOW + DAY).await,
        Err(IdentityRefusal::Unknown)
    );
    store.close().await;
}

pub(in crate::store) async fn an_operator_quarantines_a_host_and_lets_it_go<D: Database>() {
    let (_database, store) = with_host::<D>().await;
    store.quarantine("web-1", "looks odd", NOW).await.unwrap();
    assert_eq!(connect(&*store, "web-1", 1).await.unwrap().standing, Standing::Quarantined);
    store.settle("web-1", Choice::Keep, NOW).await.unwrap();
    assert_eq!(connect(&*store, "web-1", 1).await, Ok(active()));
    for error in [
        store.quarantine("nobody", "", NOW).await.unwrap_err(),
        store.approve("nobody", NOW).await.unwrap_err(),
        store.settle("nobody", Choice::Keep, NOW).await.unwrap_err(),
        store.ban("nobody", NOW).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NotFound(_)), "{error}");
        assert!(error.to_string().contains("\"nobody\""), "{error}");
    }
    let wrong = store.approve("web-1", NOW).await.unwrap_err();
    assert!(matches!(wrong, StoreError::Conflict(_)), "{wrong}");
    store.close().await;
}

fn labels(of: &[(&str, &str)]) -> Labels {
    let label = |(key, value): &(&str, &str)| {
        (LabelKey::new(key).unwrap(), LabelValue::new(value).unwrap())
    };
    of.iter().map(label).collect()
}

async fn set(store: &dyn Store, host: &str, to: &[(&str, &str)]) -> Result<HostRow, StoreError> {
    let change = LabelChange { set: labels(to), remove: Vec::new() };
    store.set_labels(host, change).await
}

pub(in crate::store) async fn an_operators_labels_win_over_those_of_the_token<D: Database>() {
    let (_database, store) = with_host::<D>().await;
    assert_eq!(host(&*store).await.labels["env"].source, LabelSource::Token);
    let changed =
        set(&*store, "web-1", &[("env", "test"), ("role", "web"), ("a", "")]).await.unwrap();
    assert_eq!(changed.labels["env"].source, LabelSource::Operator);
    let found = host(&*store).await.labels;
    assert_eq!(found, changed.labels);
    let texts: Vec<_> = found.iter().map(|(key, label)| format!("{key}={}", label.value)).collect();
    assert_eq!(texts, ["a=", "env=test", "role=web"]);
    let remove = LabelChange {
        set: Labels::new(),
        remove: vec![LabelKey::new("role").unwrap(), LabelKey::new("none").unwrap()],
    };
    assert_eq!(store.set_labels("web-1", remove).await.unwrap().labels.len(), 2);
    // A change that goes too far changes nothing.
    let many: Vec<String> = (0..MAX_LABELS).map(|number| format!("l{number}")).collect();
    let many: Vec<_> = many.iter().map(|key| (key.as_str(), "")).collect();
    let error = set(&*store, "web-1", &many).await.unwrap_err();
    assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    assert_eq!(host(&*store).await.labels.len(), 2);
    assert!(matches!(set(&*store, "nobody", &[]).await, Err(StoreError::NotFound(_))));
    store.close().await;
}

pub(in crate::store) async fn hosts_are_found_by_selector_and_state_in_pages<D: Database>() {
    let mut many = terms();
    many.max_uses = 1000;
    let (_database, store) = with_token::<D>(many).await;
    let mut known = BTreeMap::new();
    for number in 0..60_u32 {
        let id = format!("h{number:03}");
        Newcomer::by(1, number).wanting(&id).enroll(&*store).await.unwrap();
        let role = ["web", "db", "mail"][number as usize % 3];
        let mut own = labels(&[("role", role)]);
        if number % 5 == 0 {
            own.insert(LabelKey::new("legacy").unwrap(), LabelValue::new("").unwrap());
        }
        let change = LabelChange { set: own.clone(), remove: Vec::new() };
        store.set_labels(&id, change).await.unwrap();
        own.extend(labels(&[("env", "prod")]));
        if number % 7 == 0 {
            store.quarantine(&id, "", NOW).await.unwrap();
        }
        known.insert(id, (own, number % 7 == 0));
    }
    for text in [
        "",
        "role=web",
        "env=prod,role in (web,db),!legacy",
        "legacy",
        "!legacy",
        "role!=web",
        "role notin (web,db),legacy",
        "env=test",
        "none",
        "!none",
        "env=prod,none notin (x)",
        "host=h007",
        "host in (h001,h002,h999),role=db",
        "host!=h007,role=db",
        "role in (web)",
    ] {
        let selector = Selector::parse(text).unwrap();
        for state in [None, Some(StateName::Quarantined), Some(StateName::Active)] {
            let wanted: Vec<&String> = known
                .iter()
                .filter(|(id, (labels, _))| selector.matches(id, labels))
                .filter(|(_, (_, odd))| state.is_none_or(|s| (s == StateName::Quarantined) == *odd))
                .map(|(id, _)| id)
                .collect();
            let (mut found, mut after) = (Vec::new(), String::new());
            loop {
                let selector = Some(selector.clone());
                let query = HostQuery { selector, state, after, limit: 7, ..HostQuery::default() };
                let page = store.hosts(query).await.unwrap();
                let Some(last) = page.last() else { break };
                after = last.identity.id.clone();
                found.extend(page.into_iter().map(|host| host.identity.id));
            }
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{text:?} {state:?}");
        }
    }
    assert_eq!(store.token(&token_id(1)).await.unwrap().unwrap().uses, 60);
    store.close().await;
}
