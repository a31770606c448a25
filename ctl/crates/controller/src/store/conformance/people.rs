//! Operators, roles, API tokens and sessions: what every store must do with them.

use super::Database;
use super::hosts::NOW;
use crate::store::{
    ApiTokenRow, LastAdmin, LoginLinkRow, MAX_API_TOKENS, MAX_LOGIN_LINKS, MAX_SESSIONS,
    NewApiToken, OperatorChange, OperatorRow, RoleRow, SessionRow, Store, StoreError,
};
use fleet::Digest;

fn operator(name: &str, roles: &[&str]) -> OperatorRow {
    OperatorRow {
        name: name.to_owned(),
        password: Some(format!("hash of {name}")),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        disabled: false,
        created_at: NOW,
    }
}

fn admins() -> LastAdmin {
    LastAdmin::MustStay { roles: vec!["admin".to_owned(), "chief".to_owned()] }
}

fn disabled() -> OperatorChange {
    OperatorChange { disabled: Some(true), ..Default::default() }
}

fn session(name: &str, number: u64) -> SessionRow {
    SessionRow {
        digest: Digest::of(&number.to_be_bytes()),
        operator: name.to_owned(),
        created_at: NOW + number.cast_signed(),
        expires_at: NOW + 1000,
    }
}

fn api_token(name: &str, number: u64) -> NewApiToken {
    let token = ApiTokenRow {
        id: format!("t{number:04}"),
        operator: name.to_owned(),
        name: "backup".to_owned(),
        created_at: NOW,
        expires_at: Some(NOW + 100_000),
        last_used: None,
    };
    NewApiToken { digest: Digest::of(&number.to_be_bytes()), token }
}

async fn with_anna<D: Database>() -> (D, std::sync::Arc<dyn Store>) {
    let database = D::create().await;
    let store = database.open().await;
    store.create_operator(operator("anna", &["admin", "viewer"])).await.unwrap();
    (database, store)
}

pub(in crate::store) async fn operators_are_kept_by_name<D: Database>() {
    let (database, store) = with_anna::<D>().await;
    let taken = store.create_operator(operator("anna", &[])).await.unwrap_err();
    assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");
    store.create_operator(operator("bert", &["viewer"])).await.unwrap();
    store.close().await;
    drop(store);
    let store = database.open().await;
    let anna = store.operator("anna").await.unwrap().unwrap();
    assert_eq!(anna, operator("anna", &["admin", "viewer"]));
    assert_eq!(store.operator("Anna").await.unwrap(), None);
    let names = |page: Vec<OperatorRow>| -> Vec<String> {
        page.into_iter().map(|operator| operator.name).collect()
    };
    assert_eq!(names(store.operators("", 1).await.unwrap()), ["anna"]);
    assert_eq!(names(store.operators("anna", 9).await.unwrap()), ["bert"]);
    let roles = Some(vec!["operator".to_owned()]);
    let change = OperatorChange { roles, ..Default::default() };
    let bert = store.change_operator("bert", change, admins()).await.unwrap();
    assert_eq!(
        (bert.roles, bert.password),
        (vec!["operator".to_owned()], operator("bert", &[]).password)
    );
    store.delete_operator("bert", admins()).await.unwrap();
    assert_eq!(store.operator_count().await.unwrap(), 1);
    for error in [
        store.delete_operator("bert", admins()).await.unwrap_err(),
        store.change_operator("bert", disabled(), admins()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::NotFound(_)), "{error}");
    }
    store.close().await;
}

pub(in crate::store) async fn the_last_who_may_manage_operators_stays<D: Database>() {
    let (_database, store) = with_anna::<D>().await;
    store.create_operator(operator("bert", &["viewer"])).await.unwrap();
    let fewer = OperatorChange { roles: Some(Vec::new()), ..Default::default() };
    for error in [
        store.delete_operator("anna", admins()).await.unwrap_err(),
        store.change_operator("anna", disabled(), admins()).await.unwrap_err(),
        store.change_operator("anna", fewer, admins()).await.unwrap_err(),
    ] {
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
    }
    assert_eq!(store.operator("anna").await.unwrap(), Some(operator("anna", &["admin", "viewer"])));
    let chief = OperatorChange { roles: Some(vec!["chief".to_owned()]), ..Default::default() };
    store.change_operator("bert", chief, admins()).await.unwrap();
    store.change_operator("anna", disabled(), admins()).await.unwrap();
    assert!(store.delete_operator("bert", admins()).await.is_err());
    store.delete_operator("bert", LastAdmin::MayGo).await.unwrap();
    store.close().await;
}

pub(in crate::store) async fn an_own_role_is_replaced_and_kept_while_somebody_has_it<
    D: Database,
>() {
    let (_database, store) = with_anna::<D>().await;
    let role =
        |document: &str| RoleRow { name: "viewer".to_owned(), document: document.to_owned() };
    for document in ["{}", "{\"a\":1}"] {
        store.put_role(role(document)).await.unwrap();
    }
    assert_eq!(store.roles().await.unwrap(), [role("{\"a\":1}")]);
    let held = store.delete_role("viewer").await.unwrap_err();
    assert!(matches!(&held, StoreError::Conflict(why) if why.contains("anna")), "{held}");
    store.delete_operator("anna", LastAdmin::MayGo).await.unwrap();
    store.delete_role("viewer").await.unwrap();
    assert!(matches!(store.delete_role("viewer").await, Err(StoreError::NotFound(_))));
    store.close().await;
}

pub(in crate::store) async fn an_api_token_is_good_until_it_ends_or_its_operator_does<
    D: Database,
>() {
    let (_database, store) = with_anna::<D>().await;
    let digest = |number: u64| Digest::of(&number.to_be_bytes());
    let stranger = store.create_api_token(api_token("nobody", 0)).await.unwrap_err();
    assert!(matches!(stranger, StoreError::NotFound(_)), "{stranger}");
    for number in 0..MAX_API_TOKENS {
        store.create_api_token(api_token("anna", number)).await.unwrap();
    }
    let many = store.create_api_token(api_token("anna", 999)).await.unwrap_err();
    assert!(matches!(many, StoreError::Conflict(_)), "{many}");
    let (token, owner) = store.use_api_token(digest(3), NOW).await.unwrap().unwrap();
    assert_eq!((&*token.id, &*owner.name, token.last_used), ("t0003", "anna", None));
    // The use is noted once a minute.
    for (now, noted) in [(NOW + 1, NOW), (NOW + 59_999, NOW), (NOW + 60_000, NOW + 60_000)] {
        store.use_api_token(digest(3), now).await.unwrap().unwrap();
        let page = store.api_tokens("anna", "t0002", 1).await.unwrap();
        assert_eq!((&*page[0].id, page[0].last_used), ("t0003", Some(noted)));
    }
    assert_eq!(store.use_api_token(digest(3), NOW + 100_000).await.unwrap(), None);
    assert_eq!(store.use_api_token(digest(999), NOW).await.unwrap(), None);
    store.delete_api_token("anna", "t0003").await.unwrap();
    assert_eq!(store.use_api_token(digest(3), NOW).await.unwrap(), None);
    assert!(matches!(store.delete_api_token("anna", "t0003").await, Err(StoreError::NotFound(_))));
    store.change_operator("anna", disabled(), LastAdmin::MayGo).await.unwrap();
    assert_eq!(store.use_api_token(digest(4), NOW).await.unwrap(), None);
    store.delete_operator("anna", LastAdmin::MayGo).await.unwrap();
    store.create_operator(operator("anna", &[])).await.unwrap();
    assert_eq!(store.use_api_token(digest(4), NOW).await.unwrap(), None);
    store.close().await;
}

pub(in crate::store) async fn a_session_ends_by_time_log_out_and_a_new_password<D: Database>() {
    let (_database, store) = with_anna::<D>().await;
    for number in 0..=MAX_SESSIONS {
        store.create_session(session("anna", number)).await.unwrap();
    }
    let found = |number: u64, now: i64| {
        let (store, digest) = (std::sync::Arc::clone(&store), session("anna", number).digest);
        async move { store.session(digest, now).await.unwrap() }
    };
    // The oldest one gave way.
    assert!(found(0, NOW).await.is_none() && found(1, NOW).await.is_some());
    let (row, owner) = found(7, NOW).await.unwrap();
    assert_eq!((row, owner.name), (session("anna", 7), "anna".to_owned()));
    assert!(found(7, NOW + 1000).await.is_none());
    store.delete_session(session("anna", 7).digest).await.unwrap();
    store.delete_session(session("anna", 7).digest).await.unwrap();
    assert!(found(7, NOW).await.is_none());
    let password = Some("another".to_owned());
    let change = OperatorChange { password, ..Default::default() };
    store.change_operator("anna", change, admins()).await.unwrap();
    assert!(found(8, NOW).await.is_none());
    assert!(store.create_session(session("nobody", 500)).await.is_err());
    store.close().await;
}

pub(in crate::store) async fn all_sessions_and_links_of_one_operator_end_together<D: Database>() {
    let (_database, store) = with_anna::<D>().await;
    store.create_operator(operator("bert", &["viewer"])).await.unwrap();
    for (name, number) in [("anna", 1), ("anna", 2), ("bert", 3)] {
        store.create_session(session(name, number)).await.unwrap();
        store.create_login_link(login_link(name, number)).await.unwrap();
    }
    store.delete_sessions("anna").await.unwrap();
    // An operator without sessions is no error.
    store.delete_sessions("anna").await.unwrap();
    store.delete_sessions("nobody").await.unwrap();
    let mut left = Vec::new();
    for number in 1..=3 {
        let digest = session("", number).digest;
        let session = store.session(digest, NOW).await.unwrap();
        let link = store.use_login_link(digest, NOW).await.unwrap();
        left.push((session.map(|(_, owner)| owner.name), link));
    }
    let bert = || Some("bert".to_owned());
    assert_eq!(left, [(None, None), (None, None), (bert(), bert())]);
    store.create_session(session("anna", 4)).await.unwrap();
    assert!(store.session(session("anna", 4).digest, NOW).await.unwrap().is_some());
    store.close().await;
}

fn login_link(name: &str, number: u64) -> LoginLinkRow {
    LoginLinkRow {
        digest: Digest::of(&number.to_be_bytes()),
        operator: name.to_owned(),
        expires_at: NOW + 1000 + number.cast_signed(),
    }
}

pub(in crate::store) async fn a_log_in_link_works_once_in_time_and_after_a_restart<D: Database>() {
    let (database, store) = with_anna::<D>().await;
    for number in 0..=MAX_LOGIN_LINKS {
        store.create_login_link(login_link("anna", number)).await.unwrap();
    }
    let stranger = store.create_login_link(login_link("nobody", 999)).await.unwrap_err();
    assert!(matches!(stranger, StoreError::NotFound(_)), "{stranger}");
    store.close().await;
    drop(store);
    let store = database.open().await;
    let taken = |number: u64, now: i64| {
        let (store, digest) = (std::sync::Arc::clone(&store), login_link("", number).digest);
        async move { store.use_login_link(digest, now).await.unwrap() }
    };
    // The one that expires first gave way.
    assert_eq!(taken(0, NOW).await, None);
    assert_eq!(taken(1, NOW + 1000).await.as_deref(), Some("anna"));
    assert_eq!(taken(1, NOW + 1000).await, None, "it works once");
    assert_eq!(taken(2, NOW + 1002).await, None, "it has expired");
    assert_eq!(taken(999, NOW).await, None);
    let password = Some("another".to_owned());
    let change = OperatorChange { password, ..Default::default() };
    store.change_operator("anna", change, admins()).await.unwrap();
    assert_eq!(taken(3, NOW).await, None, "a new password ends links, too");
    store.create_login_link(login_link("anna", 3)).await.unwrap();
    store.delete_operator("anna", LastAdmin::MayGo).await.unwrap();
    store.create_operator(operator("anna", &[])).await.unwrap();
    assert_eq!(taken(3, NOW).await, None);
    store.close().await;
}

pub(in crate::store) async fn the_link_of_the_first_start_is_good_once<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let (good, wrong) = (Digest::of(b"good"), Digest::of(b"wrong"));
    store.put_setup(wrong, NOW + 1000).await.unwrap();
    store.put_setup(good, NOW + 1000).await.unwrap();
    let anna = || operator("anna", &["admin"]);
    assert!(!store.use_setup(wrong, anna(), NOW).await.unwrap());
    assert!(!store.use_setup(good, anna(), NOW + 1000).await.unwrap());
    assert_eq!(store.operator_count().await.unwrap(), 0);
    assert!(store.use_setup(good, anna(), NOW).await.unwrap());
    assert_eq!(store.operator("anna").await.unwrap(), Some(anna()));
    assert!(!store.use_setup(good, operator("bert", &[]), NOW).await.unwrap());
    // Nor does a new link let anybody in where there is an operator.
    store.put_setup(good, NOW + 1000).await.unwrap();
    assert!(!store.use_setup(good, operator("bert", &[]), NOW).await.unwrap());
    store.close().await;
}
