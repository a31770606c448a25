//! What an operator decides, and hosts of a company's own PKI.

use super::*;

/// Returns a host with key 2 as its newest, for which key 1 was presented since.
fn quarantined() -> HostRecord {
    let mut record = host();
    next(&mut record, "r1", 1, 2, 1).unwrap();
    open(&mut record, 2, 1).unwrap();
    open(&mut record, 1, 0).unwrap();
    record
}

#[test]
fn an_operator_keeps_the_newest_key_and_the_other_is_refused() {
    for (choice, reset_others) in [(Choice::Keep, false), (Choice::EnrollAgain, true)] {
        let mut record = quarantined();
        let settled = settle(&mut record, choice, 5).unwrap();
        assert_eq!(settled, Settled { renew: true, reset_others });
        assert_eq!(open(&mut record, 1, 0), Err(IdentityRefusal::Superseded));
        assert_eq!(open(&mut record, 2, 1).unwrap().standing, Standing::Active);
        assert_eq!(back(&mut record, 1, 9, None, LIFE), Err(IdentityRefusal::Superseded));
        let again = join(Some(&mut record), 6, |_, _| {});
        assert_eq!(again.unwrap_err(), IdentityRefusal::Superseded.into());
        assert_eq!(record.state, HostState::Active);
    }
}

/// Two agents with one key, which are told apart by their sessions.
#[test]
fn a_copy_of_the_current_key_is_refused_once_the_kept_host_has_renewed() {
    let mut record = host();
    let settled = settle(&mut record, Choice::Keep, 5).unwrap();
    assert!(settled.renew);
    next(&mut record, "r1", 1, 2, 6).unwrap();
    assert!(open(&mut record, 1, 0).unwrap().answer_lost, "the host may have lost the answer");
    let opened = open(&mut record, 2, 6).unwrap();
    assert_eq!(opened.superseded, Some(key(1)), "it may be connected");
    assert_eq!(open(&mut record, 1, 0), Err(IdentityRefusal::Superseded));
    assert_eq!(record.state, HostState::Active);
    // It is settled for the keys up to then only.
    next(&mut record, "r2", 2, 3, 7).unwrap();
    open(&mut record, 3, 7).unwrap();
    assert_eq!(open(&mut record, 2, 6).unwrap().standing, Standing::Quarantined);
}

#[test]
fn an_operator_says_that_a_snapshot_was_restored_and_the_older_key_is_the_hosts() {
    let mut record = quarantined();
    settle(&mut record, Choice::Restored, 5).unwrap();
    assert_eq!(open(&mut record, 1, 0).unwrap().standing, Standing::Active);
    assert_eq!(open(&mut record, 2, 1), Err(IdentityRefusal::Superseded));
    let certificate = next(&mut record, "r1", 1, 3, 6).unwrap();
    assert_eq!(certificate.generation, 4, "no generation is used for two keys");
    assert_eq!(open(&mut record, 3, 6).unwrap().standing, Standing::Active);
}

#[test]
fn decisions_that_do_not_fit_the_state_are_refused() {
    let mut record = host();
    assert_eq!(settle(&mut record, Choice::Restored, 1), Err(WrongState::NothingRestored));
    assert_eq!(approve(&mut record, 1), Err(WrongState::NotPending));
    quarantine(&mut record, "stolen?").unwrap();
    quarantine(&mut record, "again").unwrap();
    let reason = QuarantineReason::Operator("stolen?".to_owned());
    assert_eq!(record.state, HostState::Quarantined(reason));
    assert_eq!(settle(&mut record, Choice::Restored, 1), Err(WrongState::NothingRestored));
    settle(&mut record, Choice::Keep, 1).unwrap();
    assert_eq!(record.state, HostState::Active);
    ban(&mut record);
    assert_eq!(settle(&mut record, Choice::Keep, 1), Err(WrongState::Banned));
    assert_eq!(quarantine(&mut record, "x"), Err(WrongState::Banned));
    assert_eq!(approve(&mut record, 1), Err(WrongState::NotPending));
    record.state = HostState::Pending(PendingReason::Away);
    assert_eq!(settle(&mut record, Choice::Keep, 1), Err(WrongState::Pending));
    assert_eq!(quarantine(&mut record, "x"), Err(WrongState::Pending));
}

#[test]
fn hosts_of_a_companys_pki_have_no_keys_here() {
    let seen = |unknown| connect_foreign(None, "db-1", unknown, 0);
    let (standing, record) = seen(UnknownHosts::Accept).unwrap();
    let mut record = record.unwrap();
    assert_eq!((standing, record.issuer()), (Standing::Active, Issuer::Foreign));
    let known = connect_foreign(Some(&record), "db-1", UnknownHosts::Refuse, 0);
    assert_eq!(known, Ok((Standing::Active, None)));
    assert_eq!(open(&mut record, 1, 0), Err(IdentityRefusal::OtherIssuer));
    assert_eq!(seen(UnknownHosts::Refuse), Err(IdentityRefusal::UnknownHosts));
    let full = connect_foreign(None, "db-1", UnknownHosts::Pending, MAX_PENDING);
    assert_eq!(full, Err(IdentityRefusal::TooManyPending));
    let own = connect_foreign(Some(&host()), "fresh", UnknownHosts::Accept, 0);
    assert_eq!(own, Err(IdentityRefusal::OtherIssuer));
    let (standing, pending) = seen(UnknownHosts::Pending).unwrap();
    assert_eq!(standing, Standing::Pending);
    let mut pending = pending.unwrap();
    approve(&mut pending, 1).unwrap();
    quarantine(&mut pending, "why not").unwrap();
    let held = connect_foreign(Some(&pending), "db-1", UnknownHosts::Accept, 0);
    assert_eq!(held, Ok((Standing::Quarantined, None)));
    assert_eq!(settle(&mut pending, Choice::Keep, 1).map(|settled| settled.renew), Ok(false));
    ban(&mut pending);
    let banned = connect_foreign(Some(&pending), "db-1", UnknownHosts::Accept, 0);
    assert_eq!(banned, Err(IdentityRefusal::Banned));
}
