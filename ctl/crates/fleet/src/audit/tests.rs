use super::*;
use proptest::prelude::*;

fn begun(sequence: i64) -> Entry {
    let event = Event {
        actor: "alice".to_owned(),
        source: Some("192.0.2.1".to_owned()),
        action: "hosts.remove".to_owned(),
        hosts: vec!["web-1".to_owned(), "web-2".to_owned()],
        detail: None,
    };
    Entry { sequence, at: 1_000 + sequence, body: Body::Begun(event) }
}

fn ended(sequence: i64, begun: i64) -> Entry {
    let (outcome, detail) = (Outcome::Succeeded, Some("{}".to_owned()));
    Entry { sequence, at: 1_000 + sequence, body: Body::Ended { begun, outcome, detail } }
}

/// Returns a log of `count` events, each begun and ended.
fn log(count: i64) -> Vec<(Entry, Digest)> {
    let mut anchor = Anchor::START;
    (1..=2 * count)
        .map(|sequence| {
            let entry =
                if sequence % 2 == 1 { begun(sequence) } else { ended(sequence, sequence - 1) };
            anchor = anchor.next(&entry);
            (entry, anchor.digest)
        })
        .collect()
}

fn first_broken(log: Vec<(Entry, Digest)>) -> (i64, Fault) {
    let broken = verify(Anchor::START, log).unwrap_err();
    (broken.sequence, broken.fault)
}

#[test]
fn a_log_as_it_was_written_is_whole_from_any_of_its_anchors() {
    let log = log(5);
    let end = Anchor { sequence: 10, digest: log[9].1 };
    assert_eq!(verify(Anchor::START, log.clone()), Ok(end));
    for removed in 1..10 {
        let (entry, digest) = &log[removed - 1];
        let anchor = Anchor { sequence: entry.sequence, digest: *digest };
        assert_eq!(verify(anchor, log[removed..].to_vec()), Ok(end), "{removed} removed");
    }
    assert_eq!(verify(Anchor::START, []), Ok(Anchor::START));
}

#[test]
fn the_first_changed_entry_is_named() {
    let changes: [fn(&mut Event); 7] = [
        |event| event.actor = "bob".to_owned(),
        |event| event.source = None,
        |event| event.action.push('d'),
        |event| event.hosts[1].push('1'),
        |event| event.hosts.truncate(1),
        |event| event.detail = Some(String::new()),
        // The same characters in all, elsewhere.
        |event| event.hosts = vec!["web-1w".to_owned(), "eb-2".to_owned()],
    ];
    for change in changes {
        let mut log = log(5);
        let Body::Begun(event) = &mut log[4].0.body else { panic!("entry 5 begins") };
        change(event);
        assert_eq!(first_broken(log), (5, Fault::Changed));
    }
    let mut other = log(5);
    other[3].0.at += 1;
    assert_eq!(first_broken(other), (4, Fault::Changed));
    let mut other = log(5);
    let Body::Ended { outcome, .. } = &mut other[3].0.body else { panic!("entry 4 ends") };
    *outcome = Outcome::Failed;
    assert_eq!(first_broken(other), (4, Fault::Changed));
}

#[test]
fn an_entry_with_a_new_digest_breaks_the_one_behind_it() {
    let mut log = log(5);
    log[4].0.at += 1;
    log[4].1 = chain(&log[3].1, &log[4].0);
    assert_eq!(first_broken(log), (6, Fault::Changed));
}

#[test]
fn removed_inserted_and_moved_entries_are_named() {
    let mut other = log(5);
    other.remove(4);
    assert_eq!(first_broken(other), (5, Fault::Missing(6)));
    let mut other = log(5);
    other.insert(4, other[3].clone());
    assert_eq!(first_broken(other), (5, Fault::Missing(4)));
    let mut other = log(5);
    other.swap(4, 6);
    assert_eq!(first_broken(other), (5, Fault::Missing(7)));
    let mut other = log(5);
    other[3].0.body = ended(4, 4).body;
    assert_eq!(first_broken(other), (4, Fault::EndsNothing(4)));
}

/// The digests of a log must never change: an operator holds some of them. These were computed
/// from the format's description by another program.
#[test]
fn the_canonical_bytes_are_pinned() {
    let log = log(1);
    assert_eq!(
        log[0].1.to_string(),
        "6e088f51d191dc42516c3b11c6ad416585608b901800b44f489d310b1c0a6610"
    );
    assert_eq!(
        log[1].1.to_string(),
        "70273f2c27addd6f86a2a30a550585f02cd2d0619c7fb90b92aa964dec8fbe76"
    );
}

fn entry() -> impl Strategy<Value = Entry> {
    let text = "[ab]{0,2}";
    let event = (
        text,
        prop::option::of(text),
        text,
        prop::collection::vec(text, 0..3),
        prop::option::of(text),
    )
        .prop_map(|(actor, source, action, hosts, detail)| {
            Body::Begun(Event { actor, source, action, hosts, detail })
        });
    let outcome = prop::sample::select(vec![
        Outcome::Succeeded,
        Outcome::Refused,
        Outcome::Failed,
        Outcome::Unknown,
    ]);
    let end = (0..2_i64, outcome, prop::option::of(text))
        .prop_map(|(begun, outcome, detail)| Body::Ended { begun, outcome, detail });
    (0..2_i64, 0..2_i64, prop_oneof![event, end]).prop_map(|(sequence, at, body)| Entry {
        sequence,
        at,
        body,
    })
}

proptest! {
    #[test]
    fn different_entries_have_different_bytes(one in entry(), other in entry()) {
        prop_assert_eq!(one == other, one.canonical() == other.canonical());
    }
}
