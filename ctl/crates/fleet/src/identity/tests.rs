//! Tables: what each rule answers in each situation. `copies` and `losses` try every order of
//! events.

mod agent;
mod copies;
mod losses;
mod operator;
mod stored;

use super::*;
use crate::join::{JoinRefusal, JoinState, JoinTerms};
use crate::{DAY, Digest, TokenId, UnixMillis};

const WITHIN: UnixMillis = 90 * DAY;
const LIFE: UnixMillis = 7 * DAY;

fn key(number: u32) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn token(name: &str) -> TokenId {
    TokenId::new(name).unwrap()
}

fn terms() -> JoinTerms {
    JoinTerms {
        expires: 30 * DAY,
        max_uses: 2,
        labels: [("env".parse().unwrap(), "prod".parse().unwrap())].into(),
        networks: Vec::new(),
        approval: false,
        per_source_rate: None,
    }
}

fn offer(now: UnixMillis) -> Offer {
    let mut serial = [7; 16];
    serial[..8].copy_from_slice(&now.to_be_bytes());
    Offer { serial, not_before: now, not_after: now + LIFE }
}

/// Asks [`enroll`] with one changed question.
fn join(
    known: Option<&mut HostRecord>,
    now: UnixMillis,
    change: impl FnOnce(&mut Enroll<'_>, &mut JoinTerms),
) -> Result<Enrolled, EnrollRefusal> {
    let token = token("aaaaaaaaaaaa");
    let (mut terms, unused) = (terms(), terms());
    let mut ask = Enroll {
        token: &token,
        terms: &unused,
        state: JoinState::default(),
        source: "192.0.2.1".parse().unwrap(),
        key: key(1),
        key_is_banned: false,
        machine: None,
        wanted: None,
        fresh: "fresh",
        pending: 0,
    };
    change(&mut ask, &mut terms);
    ask.terms = &terms;
    enroll(known, &ask, &offer(now), now)
}

/// Returns a host with key 1, which has joined at time 0 and connected.
fn host() -> HostRecord {
    let mut record = join(None, 0, |_, _| {}).unwrap().joined.unwrap().record;
    assert_eq!(open(&mut record, 1, 0).unwrap().standing, Standing::Active);
    record
}

fn open(
    record: &mut HostRecord,
    number: u32,
    not_before: UnixMillis,
) -> Result<Connection, IdentityRefusal> {
    connect(record, key(number), not_before)
}

fn next(
    record: &mut HostRecord,
    id: &str,
    from: u32,
    to: u32,
    now: UnixMillis,
) -> Result<Certificate, IdentityRefusal> {
    let ask = Renew { id, key: key(from), new_key: key(to), new_key_is_taken: false };
    renew(record, &ask, &offer(now), now)
}

fn back(
    record: &mut HostRecord,
    from: u32,
    to: u32,
    machine: Option<Digest>,
    now: UnixMillis,
) -> Result<Answer, IdentityRefusal> {
    let ask = Recover {
        key: key(from),
        new_key: key(to),
        new_key_is_taken: false,
        machine,
        within: WITHIN,
    };
    recover(record, &ask, &offer(now), now)
}

fn generation(answer: &Answer) -> Option<u32> {
    match answer {
        Answer::Certificate(certificate) => Some(certificate.generation),
        Answer::Pending => None,
    }
}

#[test]
fn a_new_host_gets_the_id_it_wants_the_tokens_labels_and_generation_1() {
    let enrolled = join(None, 5, |ask, _| ask.wanted = Some("web-1")).unwrap();
    let joined = enrolled.joined.unwrap();
    assert_eq!((joined.record.id.as_str(), &joined.record.state), ("web-1", &HostState::Active));
    assert_eq!(joined.labels, terms().labels);
    let Answer::Certificate(certificate) = enrolled.answer else { panic!("no certificate") };
    assert_eq!((certificate.generation, certificate.key), (1, key(1)));
    assert_eq!((certificate.not_before, certificate.not_after), (5, 5 + LIFE));
    assert_eq!(join(None, 5, |_, _| {}).unwrap().joined.unwrap().record.id, "fresh");
}

#[test]
fn a_token_that_is_not_good_admits_nobody() {
    let refused = |change: fn(&mut Enroll<'_>, &mut JoinTerms)| join(None, 0, change).unwrap_err();
    for (change, wanted) in [
        (
            (|_, terms| terms.expires = 0) as fn(&mut Enroll<'_>, &mut JoinTerms),
            JoinRefusal::Expired,
        ),
        (|ask, _| ask.state.uses = 2, JoinRefusal::UsedUp),
        (|ask, _| ask.state.revoked = true, JoinRefusal::Revoked),
        (|_, terms| terms.networks = vec!["10.0.0.0/8".parse().unwrap()], JoinRefusal::Network),
    ] {
        assert_eq!(refused(change), EnrollRefusal::Join(wanted));
    }
    assert_eq!(refused(|ask, _| ask.key_is_banned = true), IdentityRefusal::Banned.into());
}

#[test]
fn the_same_token_and_key_give_the_same_answer_even_when_the_token_has_ended() {
    for change in [
        (|_, _| {}) as fn(&mut Enroll<'_>, &mut JoinTerms),
        |_, terms| terms.expires = 0,
        |ask, _| ask.state.uses = 2,
        |ask, _| ask.source = "198.51.100.1".parse().unwrap(),
        |ask, _| ask.wanted = Some("another"),
    ] {
        let first = join(None, 0, |_, _| {}).unwrap();
        let mut record = first.joined.unwrap().record;
        let before = record.clone();
        let again = join(Some(&mut record), 3, change).unwrap();
        assert_eq!((again.answer, again.joined), (first.answer, None));
        assert_eq!(record, before);
    }
    let mut record = host();
    let revoked = join(Some(&mut record), 0, |ask, _| ask.state.revoked = true);
    assert_eq!(revoked.unwrap_err(), EnrollRefusal::Join(JoinRefusal::Revoked));
}

#[test]
fn a_known_key_with_another_token_is_the_same_host_and_counts_no_use() {
    let other = token("bbbbbbbbbbbb");
    let ask = |record: &mut HostRecord, state, terms: &JoinTerms| {
        let source = "192.0.2.1".parse().unwrap();
        let ask = Enroll {
            token: &other,
            terms,
            state,
            source,
            key: key(1),
            key_is_banned: false,
            machine: None,
            wanted: None,
            fresh: "fresh",
            pending: 0,
        };
        enroll(Some(record), &ask, &offer(9), 9)
    };
    let mut record = host();
    let enrolled = ask(&mut record, JoinState::default(), &terms()).unwrap();
    assert_eq!((generation(&enrolled.answer), enrolled.joined), (Some(1), None));
    assert_eq!(record.token, Some(token("aaaaaaaaaaaa")));
    // But that token must be good.
    let used_up = JoinState { uses: 2, revoked: false };
    let refused = ask(&mut record, used_up, &terms()).unwrap_err();
    assert_eq!(refused, EnrollRefusal::Join(JoinRefusal::UsedUp));
}

#[test]
fn a_host_that_asks_again_after_its_certificates_end_gets_another_of_the_same_generation() {
    let mut record = host();
    let answer = join(Some(&mut record), LIFE + 1, |_, _| {}).unwrap().answer;
    let Answer::Certificate(certificate) = answer else { panic!("no certificate") };
    assert_eq!((certificate.generation, certificate.not_before), (1, LIFE + 1));
}

#[test]
fn a_key_that_came_with_an_image_is_refused_on_the_second_machine() {
    let mut record =
        join(None, 0, |ask, _| ask.machine = Some(key(91))).unwrap().joined.unwrap().record;
    let again =
        |record: &mut HostRecord, machine| join(Some(record), 1, |ask, _| ask.machine = machine);
    assert!(again(&mut record, Some(key(91))).is_ok());
    assert!(again(&mut record, None).is_ok());
    assert_eq!(again(&mut record, Some(key(92))).unwrap_err(), IdentityRefusal::KeyInUse.into());
}

#[test]
fn a_pending_host_asks_until_an_operator_decides() {
    let approval = |_: &mut Enroll<'_>, terms: &mut JoinTerms| terms.approval = true;
    let enrolled = join(None, 0, approval).unwrap();
    let mut record = enrolled.joined.unwrap().record;
    assert_eq!(enrolled.answer, Answer::Pending);
    assert_eq!(join(Some(&mut record), 1, approval).unwrap().answer, Answer::Pending);
    let (mut approved, mut banned) = (record.clone(), record.clone());
    approve(&mut approved, 2).unwrap();
    assert_eq!(approve(&mut approved, 2), Err(WrongState::NotPending));
    // Its certificate begins when it gets it, not when it first asked.
    let answer = join(Some(&mut approved), 2 * LIFE, approval).unwrap().answer;
    let Answer::Certificate(certificate) = answer else { panic!("no certificate") };
    assert_eq!((certificate.generation, certificate.not_before), (1, 2 * LIFE));
    ban(&mut banned);
    let refused = join(Some(&mut banned), 3, approval).unwrap_err();
    assert_eq!(refused, IdentityRefusal::NotApproved.into());
    let full = join(None, 0, |ask, terms| {
        terms.approval = true;
        ask.pending = MAX_PENDING;
    });
    assert_eq!(full.unwrap_err(), IdentityRefusal::TooManyPending.into());
}

#[test]
fn a_renewal_keeps_both_keys_good_until_the_new_one_opens_a_channel() {
    let mut record = host();
    let certificate = next(&mut record, "r1", 1, 2, 10).unwrap();
    assert_eq!((certificate.generation, certificate.key), (2, key(2)));
    assert!(open(&mut record, 1, 0).unwrap().answer_lost);
    assert_eq!(next(&mut record, "r1", 1, 2, 11).unwrap(), certificate, "the same question");
    assert_eq!(next(&mut record, "r1", 1, 3, 11), Err(IdentityRefusal::OtherRenewal));
    let opened = open(&mut record, 2, 10).unwrap();
    assert_eq!((opened.standing, opened.answer_lost), (Standing::Active, false));
    let behind = open(&mut record, 1, 0).unwrap();
    assert_eq!((behind.standing, behind.quarantined_now), (Standing::Quarantined, true));
    assert_eq!(record.state, HostState::Quarantined(QuarantineReason::OlderKey(key(1))));
    let both = open(&mut record, 2, 10).unwrap();
    assert_eq!((both.standing, both.quarantined_now), (Standing::Quarantined, false));
}

#[test]
fn a_host_that_lost_an_answer_may_renew_with_another_key() {
    let mut record = host();
    next(&mut record, "r1", 1, 2, 10).unwrap();
    let certificate = next(&mut record, "r2", 1, 3, 11).unwrap();
    assert_eq!(certificate.generation, 3);
    assert!(open(&mut record, 1, 0).unwrap().answer_lost);
    assert_eq!(open(&mut record, 3, 11).unwrap().standing, Standing::Active);
    // Only a copy of the host can have key 2.
    assert_eq!(open(&mut record, 2, 10).unwrap().standing, Standing::Quarantined);
}

#[test]
fn a_new_key_must_be_new() {
    let mut record = host();
    assert_eq!(next(&mut record, "r1", 1, 1, 1), Err(IdentityRefusal::KeyInUse));
    next(&mut record, "r1", 1, 2, 1).unwrap();
    open(&mut record, 2, 1).unwrap();
    assert_eq!(next(&mut record, "r2", 2, 1, 2), Err(IdentityRefusal::KeyInUse));
    let taken = Renew { id: "r3", key: key(2), new_key: key(3), new_key_is_taken: true };
    assert_eq!(renew(&mut record, &taken, &offer(3), 3), Err(IdentityRefusal::KeyInUse));
    let unknown = next(&mut record, "r4", 77, 5, 3);
    assert_eq!(unknown, Err(IdentityRefusal::Unknown));
}

#[test]
fn a_host_recovers_by_itself_within_the_bound_and_on_its_own_machine() {
    let home = Some(key(91));
    let away = Some(key(92));
    let ended = LIFE;
    for (machine, now, wanted) in [
        (home, ended + WITHIN, None),
        (None, ended + WITHIN, None),
        (home, ended + WITHIN + 1, Some(PendingReason::Away)),
        (away, ended, Some(PendingReason::Machine(key(92)))),
    ] {
        let mut record = host();
        record.machine = home;
        let answer = back(&mut record, 1, 2, machine, now).unwrap();
        assert_eq!(back(&mut record, 1, 2, machine, now + 5).unwrap(), answer, "the same question");
        let Some(reason) = wanted else {
            assert_eq!(generation(&answer), Some(2));
            assert_eq!(open(&mut record, 2, now).unwrap().standing, Standing::Active);
            continue;
        };
        assert_eq!((&record.state, answer), (&HostState::Pending(reason), Answer::Pending));
        approve(&mut record, now + 10).unwrap();
        let answer = back(&mut record, 1, 2, machine, now + 20).unwrap();
        assert_eq!(generation(&answer), Some(2), "{reason:?}");
    }
}

#[test]
fn recovery_refuses_keys_that_are_not_the_hosts_newest() {
    let mut record = host();
    next(&mut record, "r1", 1, 2, 1).unwrap();
    open(&mut record, 2, 1).unwrap();
    assert_eq!(back(&mut record, 77, 3, None, LIFE), Err(IdentityRefusal::Unknown));
    assert_eq!(record.state, HostState::Active);
    assert_eq!(back(&mut record, 1, 3, None, LIFE), Err(IdentityRefusal::OlderKey));
    assert!(matches!(record.state, HostState::Quarantined(_)));
    // A quarantined host may come back, and stays quarantined; away for too long, it waits.
    let mut late = record.clone();
    assert_eq!(generation(&back(&mut record, 2, 3, None, LIFE).unwrap()), Some(3));
    assert!(matches!(record.state, HostState::Quarantined(_)));
    assert_eq!(back(&mut late, 2, 3, None, 2 * LIFE + WITHIN), Ok(Answer::Pending));
    assert!(matches!(late.state, HostState::Quarantined(_)));
    settle(&mut late, Choice::Keep, 2 * LIFE + WITHIN).unwrap();
    assert_eq!(generation(&back(&mut late, 2, 3, None, 2 * LIFE + WITHIN).unwrap()), Some(3));
}

#[test]
fn a_banned_host_is_refused_whatever_it_asks() {
    let mut record = host();
    ban(&mut record);
    let banned = Err(IdentityRefusal::Banned);
    assert_eq!(open(&mut record, 1, 0).map(drop), banned);
    assert_eq!(next(&mut record, "r1", 1, 2, 1).map(drop), banned);
    assert_eq!(back(&mut record, 1, 2, None, LIFE).map(drop), banned);
    let again = join(Some(&mut record), 1, |_, _| {}).unwrap_err();
    assert_eq!(again, IdentityRefusal::Banned.into());
}

#[test]
fn a_restored_database_takes_the_key_of_a_later_certificate() {
    let backup = host();
    let mut record = backup.clone();
    next(&mut record, "r1", 1, 2, 10).unwrap();
    open(&mut record, 2, 10).unwrap();
    let mut restored = backup.clone();
    assert_eq!(open(&mut restored, 2, 10).unwrap().standing, Standing::Active);
    assert_eq!(next(&mut restored, "r2", 2, 3, 20).unwrap().generation, 3);
    assert_eq!(open(&mut restored, 1, 0).unwrap().standing, Standing::Quarantined);
    // A certificate from before the newest one is that of a host that was removed.
    assert_eq!(open(&mut backup.clone(), 2, -1), Err(IdentityRefusal::Unknown));
    assert_eq!(open(&mut backup.clone(), 2, 0), Err(IdentityRefusal::Unknown));
}

#[test]
fn a_host_that_a_backup_does_not_have_waits_for_approval() {
    let mut record = connect_lost("web-1", key(5), 50, 0).unwrap();
    assert_eq!(record.state, HostState::Pending(PendingReason::Lost));
    assert_eq!(open(&mut record, 5, 50).unwrap().standing, Standing::Pending);
    approve(&mut record, 60).unwrap();
    assert_eq!(open(&mut record, 5, 50).unwrap().standing, Standing::Active);
    assert_eq!(next(&mut record, "r1", 5, 6, 70).unwrap().generation, 2);
    let full = connect_lost("web-1", key(5), 50, MAX_PENDING);
    assert_eq!(full, Err(IdentityRefusal::TooManyPending));
}

#[test]
fn a_hosts_last_8_keys_are_recognized() {
    let mut record = host();
    for number in 1..=20 {
        next(&mut record, &format!("r{number}"), number, number + 1, number.into()).unwrap();
        open(&mut record, number + 1, number.into()).unwrap();
    }
    let keys = record.keys.clone().unwrap();
    assert_eq!(keys.all().count(), 1 + MAX_OLDER_KEYS);
    assert_eq!(open(&mut record.clone(), 12, 11), Err(IdentityRefusal::Unknown));
    assert_eq!(open(&mut record, 13, 12).unwrap().standing, Standing::Quarantined);
}
