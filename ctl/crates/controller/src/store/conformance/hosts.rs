//! Joining by token: what every store must do with hosts that enroll.

use super::Database;
use crate::store::{Admission, EnrollRequest, HostQuery, NewToken, Store};
use fleet::identity::{Answer, Certificate, EnrollRefusal, Offer};
use fleet::{
    DAY, Digest, HostState, IdentityRefusal, JoinRefusal, JoinTerms, LabelKey, LabelSource,
    LabelValue, TokenId, UnixMillis,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The time of these tests: so late that nothing is too old by the clock of the machine.
pub(in crate::store) const NOW: UnixMillis = 4_000_000_000_000;

/// Returns the id of a token.
pub(in crate::store) fn token_id(number: u32) -> TokenId {
    TokenId::new(&format!("{number:012}")).unwrap()
}

/// Returns the terms of a token for a hundred hosts.
pub(in crate::store) fn terms() -> JoinTerms {
    let label = (LabelKey::new("env").unwrap(), LabelValue::new("prod").unwrap());
    JoinTerms {
        expires: NOW + DAY,
        max_uses: 100,
        labels: [label].into(),
        networks: Vec::new(),
        approval: false,
        per_source_rate: None,
    }
}

/// Returns a token; its secret is its number.
pub(in crate::store) fn token(number: u32, terms: JoinTerms) -> NewToken {
    NewToken {
        id: token_id(number),
        secret: Digest::of(&number.to_be_bytes()),
        name: format!("token {number}"),
        terms,
        created_by: "anna".to_owned(),
        now: NOW,
    }
}

/// Returns a key.
pub(in crate::store) fn key(number: u32) -> Digest {
    Digest::of(format!("key {number}").as_bytes())
}

/// Returns fresh values for a certificate.
pub(in crate::store) fn offer(number: u8, now: UnixMillis) -> Offer {
    Offer { serial: [number; 16], not_before: now, not_after: now + 7 * DAY }
}

/// A host that asks to join.
#[derive(Clone)]
pub(in crate::store) struct Newcomer(pub(in crate::store) EnrollRequest);

impl Newcomer {
    /// Makes a host with a key that brings a token.
    pub(in crate::store) fn by(token: u32, of_key: u32) -> Self {
        Self(EnrollRequest {
            token: token_id(token),
            secret: Digest::of(&token.to_be_bytes()),
            key: key(of_key),
            wanted: None,
            fresh: format!("fresh-{of_key:04}"),
            machine: None,
            boot: Some("boot".to_owned()),
            version: Some("0.1.0".to_owned()),
            source: "192.0.2.7".parse::<IpAddr>().unwrap(),
            offer: offer(of_key.to_be_bytes()[3], NOW),
            now: NOW,
        })
    }

    /// Makes the host want an id.
    pub(in crate::store) fn wanting(mut self, id: &str) -> Self {
        self.0.wanted = Some(id.to_owned());
        self
    }

    /// Asks.
    pub(in crate::store) async fn enroll(
        &self,
        store: &dyn Store,
    ) -> Result<Admission, EnrollRefusal> {
        store.enroll(self.0.clone()).await.unwrap()
    }
}

/// Returns the certificate of an answer.
pub(in crate::store) fn certificate(answer: &Answer) -> &Certificate {
    match answer {
        Answer::Certificate(certificate) => certificate,
        Answer::Pending => panic!("pending"),
    }
}

/// Opens a store with one token.
pub(super) async fn with_token<D: Database>(terms: JoinTerms) -> (D, Arc<dyn Store>) {
    let database = D::create().await;
    let store = database.open().await;
    store.create_token(token(1, terms)).await.unwrap();
    (database, store)
}

async fn uses(store: &dyn Store) -> u32 {
    store.token(&token_id(1)).await.unwrap().unwrap().uses
}

pub(in crate::store) async fn a_token_admits_a_host_with_its_labels_in_one_step<D: Database>() {
    let (database, store) = with_token::<D>(terms()).await;
    let admitted = Newcomer::by(1, 1).wanting("web-1").enroll(&*store).await.unwrap();
    assert_eq!((&*admitted.host, admitted.new), ("web-1", true));
    let issued = certificate(&admitted.answer);
    assert_eq!((issued.key, issued.generation, issued.serial), (key(1), 1, [1; 16]));
    store.close().await;
    drop(store);
    // Twice: what is on disk, and that looking changes nothing.
    for _ in 0..2 {
        let store = database.open().await;
        let host = store.host("web-1").await.unwrap().unwrap();
        assert_eq!(host.identity.state, HostState::Active);
        assert_eq!(host.identity.token, Some(token_id(1)));
        assert_eq!(host.labels["env"].value, "prod");
        assert_eq!(host.labels["env"].source, LabelSource::Token);
        assert_eq!((host.enrolled_at, host.version.as_deref()), (NOW, Some("0.1.0")));
        assert_eq!((uses(&*store).await, store.counts().active), (1, 1));
        let log = store.events(crate::store::EventQuery { limit: 10, ..Default::default() });
        let log = log.await.unwrap();
        assert_eq!((log.len(), &*log[0].event.action), (1, "hosts.enroll"));
        assert_eq!(log[0].event.hosts, ["web-1"]);
        store.close().await;
    }
}

pub(in crate::store) async fn the_same_token_and_key_give_the_same_host_and_count_no_use<
    D: Database,
>() {
    let mut once = terms();
    once.max_uses = 1;
    let (_database, store) = with_token::<D>(once).await;
    let first = Newcomer::by(1, 1).enroll(&*store).await.unwrap();
    let mut again = Newcomer::by(1, 1).wanting("web-1");
    again.0.offer = offer(99, NOW);
    // Used up since, and then expired.
    for now in [NOW, NOW + 2 * DAY] {
        again.0.now = now;
        let second = again.enroll(&*store).await.unwrap();
        assert_eq!((&second.host, &second.answer, second.new), (&first.host, &first.answer, false));
    }
    assert_eq!((uses(&*store).await, store.counts().active), (1, 1));
    assert_eq!(Newcomer::by(1, 2).enroll(&*store).await.unwrap_err(), JoinRefusal::UsedUp.into());
    store.close().await;
}

pub(in crate::store) async fn fifty_hosts_race_for_a_token_of_one_use_and_one_gets_it<
    D: Database,
>() {
    let mut once = terms();
    once.max_uses = 1;
    let (_database, store) = with_token::<D>(once).await;
    let racing: Vec<_> = (0..50)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { Newcomer::by(1, number).enroll(&*store).await })
        })
        .collect();
    let mut admitted = 0;
    for one in racing {
        match one.await.unwrap() {
            Ok(_) => admitted += 1,
            Err(refusal) => assert_eq!(refusal, JoinRefusal::UsedUp.into()),
        }
    }
    assert_eq!((admitted, uses(&*store).await, store.counts().active), (1, 1, 1));
    let page = HostQuery { limit: 100, ..Default::default() };
    assert_eq!(store.hosts(page).await.unwrap().len(), 1);
    store.close().await;
}

pub(in crate::store) async fn a_token_that_admits_nobody_says_why<D: Database>() {
    let mut narrow = terms();
    narrow.networks = vec!["10.0.0.0/8".parse().unwrap()];
    let (_database, store) = with_token::<D>(narrow).await;
    let refusal = |newcomer: Newcomer| {
        let store = Arc::clone(&store);
        async move { newcomer.enroll(&*store).await.unwrap_err() }
    };
    let mut near = Newcomer::by(1, 1);
    near.0.source = "10.1.2.3".parse().unwrap();
    let mut wrong = near.clone();
    wrong.0.secret = Digest::of(b"wrong");
    let mut late = near.clone();
    late.0.now = NOW + DAY;
    assert_eq!(refusal(Newcomer::by(1, 1)).await, JoinRefusal::Network.into());
    assert_eq!(refusal(wrong).await, JoinRefusal::Unknown.into());
    assert_eq!(refusal(Newcomer::by(7, 1)).await, JoinRefusal::Unknown.into());
    assert_eq!(refusal(late).await, JoinRefusal::Expired.into());
    store.revoke_token(&token_id(1), false, NOW).await.unwrap();
    assert_eq!(refusal(near).await, JoinRefusal::Revoked.into());
    assert_eq!((uses(&*store).await, store.counts().active), (0, 0));
    store.close().await;
}

pub(in crate::store) async fn a_token_cannot_take_over_an_id<D: Database>() {
    let (_database, store) = with_token::<D>(terms()).await;
    let mut ids = BTreeSet::new();
    for of_key in 1..=3 {
        let admitted = Newcomer::by(1, of_key).wanting("web-1").enroll(&*store).await.unwrap();
        ids.insert(admitted.host);
    }
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["fresh-0002", "fresh-0003", "web-1"]);
    let first = store.host("web-1").await.unwrap().unwrap();
    assert_eq!(first.identity.keys.unwrap().current, key(1));
    store.close().await;
}

pub(in crate::store) async fn a_host_that_needs_approval_asks_until_it_is_approved<D: Database>() {
    let mut asking = terms();
    asking.approval = true;
    let (_database, store) = with_token::<D>(asking).await;
    let newcomer = Newcomer::by(1, 1);
    for new in [true, false, false] {
        let admitted = newcomer.enroll(&*store).await.unwrap();
        assert_eq!((admitted.answer, admitted.new), (Answer::Pending, new));
    }
    assert_eq!((store.counts().pending, uses(&*store).await), (1, 1));
    let mut standings = store.standings();
    let approved = store.approve("fresh-0001", NOW + 5).await.unwrap();
    assert_eq!(approved.identity.state, HostState::Active);
    assert_eq!(standings.try_recv().unwrap()[0].state, Some(HostState::Active));
    let admitted = newcomer.enroll(&*store).await.unwrap();
    assert_eq!(certificate(&admitted.answer).key, key(1));
    assert!(store.approve("fresh-0001", NOW).await.is_err());
    // Instead of approving it, an operator may ban it.
    let other = Newcomer::by(1, 2);
    other.enroll(&*store).await.unwrap();
    store.ban("fresh-0002", NOW).await.unwrap();
    let refused = other.enroll(&*store).await.unwrap_err();
    assert_eq!(refused, IdentityRefusal::NotApproved.into());
    store.close().await;
}
