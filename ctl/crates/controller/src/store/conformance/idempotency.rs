//! Requests with an idempotency key: what every store must do with them.

use super::Database;
use super::hosts::NOW;
use crate::store::{Answer, MAX_ANSWER_BYTES, Repeatable, Reserved};
use fleet::{DAY, Digest};

fn request(key: &str, body: &str) -> Repeatable {
    Repeatable {
        principal: "anna".to_owned(),
        key: key.to_owned(),
        digest: Digest::of(body.as_bytes()),
    }
}

fn answer(body: &str) -> Answer {
    Answer { status: 201, body: Some(body.to_owned()) }
}

pub(in crate::store) async fn a_repeated_request_gets_its_first_answer_for_a_day<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let first = request("k", "a");
    assert_eq!(store.reserve(first.clone(), NOW).await.unwrap(), Reserved::New);
    assert_eq!(store.reserve(first.clone(), NOW).await.unwrap(), Reserved::InProgress);
    assert_eq!(store.reserve(request("k", "b"), NOW).await.unwrap(), Reserved::OtherRequest);
    let mut of_bert = first.clone();
    of_bert.principal = "bert".to_owned();
    assert_eq!(store.reserve(of_bert, NOW).await.unwrap(), Reserved::New);
    store.answered(&first, answer("{}")).await.unwrap();
    // An answer that was given is not given back.
    store.give_back(&first).await.unwrap();
    let later = NOW + DAY - 1;
    let known = Reserved::Answered(answer("{}"));
    assert_eq!(store.reserve(first.clone(), later).await.unwrap(), known);
    assert_eq!(store.reserve(first.clone(), NOW + DAY).await.unwrap(), Reserved::New);
    store.give_back(&first).await.unwrap();
    assert_eq!(store.reserve(first.clone(), NOW + DAY).await.unwrap(), Reserved::New);
    let large = answer(&"x".repeat(MAX_ANSWER_BYTES + 1));
    store.answered(&first, large).await.unwrap();
    let known = Reserved::Answered(Answer { status: 201, body: None });
    assert_eq!(store.reserve(first, NOW + DAY).await.unwrap(), known);
    store.close().await;
}

pub(in crate::store) async fn a_request_that_a_crash_interrupted_is_not_made_again<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    store.reserve(request("k", "a"), NOW).await.unwrap();
    store.reserve(request("l", "a"), NOW).await.unwrap();
    store.answered(&request("l", "a"), answer("{}")).await.unwrap();
    store.close().await;
    drop(store);
    let store = database.open().await;
    let found = store.reserve(request("k", "a"), NOW).await.unwrap();
    assert_eq!(found, Reserved::Interrupted);
    let found = store.reserve(request("l", "a"), NOW).await.unwrap();
    assert_eq!(found, Reserved::Answered(answer("{}")));
    store.close().await;
}
