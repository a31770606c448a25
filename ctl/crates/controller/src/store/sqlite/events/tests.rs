//! The audit log against whoever changes the file, and against time.

use super::*;
use crate::store::Bounds;
use crate::store::Store as _;
use crate::store::sqlite::change::Effects;
use crate::store::sqlite::file;
use std::time::{Duration, SystemTime};
use test_support::Scratch;

fn store(scratch: &Scratch) -> SqliteStore {
    let day = Duration::from_secs(24 * 3600);
    let bounds = Bounds { keep: day, keep_events: 400 * day, ..Bounds::generous() };
    SqliteStore::open(scratch.path(), bounds).unwrap()
}

fn event(number: usize) -> Event {
    Event {
        actor: "anna".to_owned(),
        action: "hosts.ban".to_owned(),
        hosts: vec![format!("h{number}")],
        ..Default::default()
    }
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}

#[tokio::test]
async fn a_line_that_was_changed_removed_or_inserted_is_found() {
    let copy = "sequence, at, ends, outcome, actor, source, action, hosts, detail, digest";
    let columns = copy.replacen("sequence", "12", 1);
    let cases = [
        ("UPDATE events SET actor = 'bert' WHERE sequence = 5".to_owned(), 5),
        ("UPDATE events SET at = at + 1 WHERE sequence = 5".to_owned(), 5),
        ("UPDATE events SET hosts = '[]' WHERE sequence = 5".to_owned(), 5),
        ("UPDATE events SET hosts = 'no list' WHERE sequence = 5".to_owned(), 5),
        ("UPDATE events SET outcome = 'failed' WHERE sequence = 6".to_owned(), 6),
        ("UPDATE events SET outcome = 'failed' WHERE sequence = 5".to_owned(), 5),
        ("UPDATE events SET actor = 'bert' WHERE sequence = 6".to_owned(), 6),
        ("UPDATE events SET outcome = 'fine' WHERE sequence = 6".to_owned(), 6),
        ("UPDATE events SET digest = zeroblob(32) WHERE sequence = 6".to_owned(), 6),
        ("UPDATE events SET digest = x'00' WHERE sequence = 6".to_owned(), 6),
        ("DELETE FROM events WHERE sequence = 1".to_owned(), 1),
        ("DELETE FROM events WHERE sequence = 5".to_owned(), 5),
        ("DELETE FROM events WHERE sequence > 8".to_owned(), 8),
        ("DELETE FROM events".to_owned(), 0),
        (
            format!(
                "UPDATE events SET sequence = sequence + 100 WHERE sequence > 5; \
                 UPDATE events SET sequence = sequence - 99 WHERE sequence > 100; \
                 INSERT INTO events ({copy}) SELECT 6, at, NULL, NULL, actor, source, action, \
                 hosts, detail, digest FROM events WHERE sequence = 5"
            ),
            6,
        ),
        (
            format!(
                "INSERT INTO events ({copy}) SELECT {columns} FROM events WHERE sequence = 9; \
                     UPDATE event_chain SET head = 12"
            ),
            11,
        ),
    ];
    for (tampering, at) in cases {
        let scratch = Scratch::new("controller-store");
        let open = store(&scratch);
        for number in 0..5 {
            open.record(event(number), Outcome::Succeeded, now()).await.unwrap();
        }
        let whole = open.verify_events().await.unwrap();
        assert_eq!((whole.lines, whole.head.sequence, whole.fault), (10, 10, None));
        open.close().await;
        drop(open);
        let connection = file::open(scratch.path()).unwrap();
        // Whoever can write the file can drop the triggers, too.
        connection
            .execute_batch(&format!(
                "DROP TRIGGER events_stay; DROP TRIGGER events_stay_as_they_are; {tampering}"
            ))
            .unwrap();
        drop(connection);
        let open = store(&scratch);
        let found = open.verify_events().await.unwrap();
        let fault = found.fault.unwrap_or_else(|| panic!("not found: {tampering}"));
        assert!(fault.contains(&format!("entry {at}")), "{tampering}: {fault}");
        open.close().await;
    }
}

#[tokio::test]
async fn lines_cannot_be_changed_by_mistake() {
    let scratch = Scratch::new("controller-store");
    let open = store(&scratch);
    open.record(event(1), Outcome::Succeeded, now()).await.unwrap();
    open.close().await;
    drop(open);
    let connection = file::open(scratch.path()).unwrap();
    for statement in ["UPDATE events SET actor = ''", "DELETE FROM events"] {
        let error = connection.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
}

#[test]
fn old_lines_go_from_the_front_and_leave_an_anchor() {
    const LINES: i64 = 3000;
    let scratch = Scratch::new("controller-store");
    let mut connection = file::open(scratch.path()).unwrap();
    let sql = connection.transaction().unwrap();
    let mut effects = Effects::default();
    let mut transaction = Transaction { sql: &sql, effects: &mut effects };
    for number in 0..LINES / 2 {
        // One line is older than those before it: a clock was set back.
        let at = if number == 700 { 0 } else { number };
        record(&mut transaction, &event(7), Outcome::Succeeded, at).unwrap();
    }
    let open = begin(&mut transaction, &event(7), LINES).unwrap();
    sql.commit().unwrap();
    let mut rounds = 0;
    while delete_old(&connection, 1000).unwrap() {
        rounds += 1;
    }
    assert!(rounds > 0);
    assert!(!delete_old(&connection, 1000).unwrap());
    let (anchor, head) = chain(&connection).unwrap();
    assert_eq!((anchor.sequence, head.sequence), (2000, open));
    let mut check = LogCheck::begin((anchor, head));
    check.take(lines(&connection, anchor.sequence, head.sequence).unwrap());
    let found = check.found();
    assert_eq!((found.fault, found.head), (None, head));
    let query = EventQuery { host: Some("h7".to_owned()), limit: 1, ..Default::default() };
    assert_eq!(page::read(&connection, &query).unwrap()[0].sequence, 2001);
    let left = |table: &str| {
        connection
            .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!((left("events"), left("event_hosts")), (1001, 501));
}
