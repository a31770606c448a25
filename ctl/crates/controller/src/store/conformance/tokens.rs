//! Join tokens: what every store must do with them.

use super::Database;
use super::hosts::{NOW, Newcomer, terms, token, token_id};
use crate::store::StoreError;

pub(in crate::store) async fn a_token_is_stored_as_it_was_created_and_its_id_only_once<
    D: Database,
>() {
    let database = D::create().await;
    let store = database.open().await;
    let mut wanted = terms();
    wanted.networks = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    wanted.approval = true;
    wanted.per_source_rate = Some(7);
    let created = store.create_token(token(1, wanted.clone())).await.unwrap();
    assert_eq!((&created.terms, created.uses, created.revoked_at), (&wanted, 0, None));
    assert_eq!(store.token(&token_id(1)).await.unwrap(), Some(created));
    assert_eq!(store.token(&token_id(2)).await.unwrap(), None);
    let again = store.create_token(token(1, terms())).await.unwrap_err();
    assert!(matches!(again, StoreError::Conflict(_)), "{again}");
    assert_eq!(store.token(&token_id(1)).await.unwrap().unwrap().terms, wanted);
    store.close().await;
}

pub(in crate::store) async fn tokens_come_in_pages_ordered_by_id<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let mut all = Vec::new();
    for number in [5, 3, 9, 1, 7] {
        all.push(store.create_token(token(number, terms())).await.unwrap().id);
    }
    all.sort();
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = store.tokens(&after, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        after = last.id.as_str().to_owned();
        found.extend(page.into_iter().map(|token| token.id));
    }
    assert_eq!(found, all);
    store.close().await;
}

pub(in crate::store) async fn a_revoked_token_bans_its_hosts_only_if_asked_to<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    for number in [1, 2] {
        store.create_token(token(number, terms())).await.unwrap();
    }
    let mut ids = Vec::new();
    for key in [1, 2, 3] {
        ids.push(Newcomer::by(1, key).enroll(&*store).await.unwrap().host);
    }
    let other = Newcomer::by(2, 9).enroll(&*store).await.unwrap().host;
    assert_eq!(store.revoke_token(&token_id(1), false, NOW).await.unwrap(), [""; 0]);
    let refused = Newcomer::by(1, 4).enroll(&*store).await.unwrap_err();
    assert_eq!(refused, fleet::JoinRefusal::Revoked.into());
    // The first revocation counts.
    let mut standings = store.standings();
    let mut banned = store.revoke_token(&token_id(1), true, NOW + 1).await.unwrap();
    assert_eq!(store.token(&token_id(1)).await.unwrap().unwrap().revoked_at, Some(NOW));
    banned.sort();
    ids.sort();
    assert_eq!(banned, ids);
    let changes = standings.try_recv().expect("it was not published");
    assert_eq!(changes.len(), 3);
    assert!(changes.iter().all(|change| change.state == Some(fleet::HostState::Banned)));
    let other = store.host(&other).await.unwrap().unwrap();
    assert_eq!(other.identity.state, fleet::HostState::Active);
    assert_eq!((store.counts().banned, store.counts().active), (3, 1));
    let missing = store.revoke_token(&token_id(8), false, NOW).await.unwrap_err();
    assert!(matches!(missing, StoreError::NotFound(_)), "{missing}");
    store.close().await;
}
