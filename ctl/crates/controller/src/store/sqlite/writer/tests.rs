use super::sweep::SWEEP;
use super::*;
use crate::store::sqlite::file;
use crate::store::{Acknowledgement, Outcome};
use agent_wire::message::EventKind;
use test_support::Scratch;

fn arrivals(name: &str, count: usize) -> Vec<Arrival> {
    (0..count)
        .map(|number| Arrival {
            host: "host-1".to_owned(),
            kind: EventKind::Task,
            task: format!("{name}-{number}"),
            event: format!("{{\"x\":\"{}\"}}", "x".repeat(1000)),
            acknowledgement: Acknowledgement::new(|_| ()),
        })
        .collect()
}

fn number(writer: &Writer, query: &str) -> usize {
    writer.connection.query_row(query, [], |row| row.get::<_, u32>(0)).unwrap() as usize
}

fn count(writer: &Writer) -> usize {
    number(writer, "SELECT count(*) FROM results")
}

fn bounds() -> Bounds {
    Bounds { keep: Duration::from_secs(30 * 24 * 3600), ..Bounds::generous() }
}

fn writer(scratch: &Scratch, bounds: Bounds) -> Writer {
    let connection = file::open(scratch.path()).unwrap();
    let place = Arc::new(Place::of(scratch.path()).unwrap());
    Writer::new(
        connection,
        place,
        Arc::default(),
        Arc::default(),
        Arc::default(),
        Default::default(),
        bounds,
    )
    .unwrap()
}

#[test]
fn old_results_are_deleted_a_few_at_a_time() {
    const OLD: usize = 600;
    let scratch = Scratch::new("controller-store");
    let mut writer = writer(&scratch, bounds());
    writer.write(Vec::new(), arrivals("old", OLD));
    let later = |days: u64| SystemTime::now() + Duration::from_secs(days * 24 * 3600);
    // A clock that jumps is doubted for a day.
    for days in [5, 31, 31] {
        writer.sweep(later(days));
        assert_eq!(count(&writer), OLD);
        assert!(writer.idle() > SWEEP / 2);
    }
    for left in [OLD - 256, OLD - 512, 0] {
        writer.sweep(later(32));
        assert_eq!(count(&writer), left);
        assert_eq!(writer.idle().is_zero(), left > 0);
    }
    assert_eq!(number(&writer, "SELECT coalesce(sum(bytes), 0) FROM usage"), 0);
    // A sequence number is never reused.
    writer.write(Vec::new(), arrivals("new", 1));
    let sequence = number(&writer, "SELECT sequence FROM results");
    assert!(sequence > OLD, "{sequence}");
}

#[test]
fn a_host_is_asked_to_redeliver_once_its_refused_result_fits() {
    let scratch = Scratch::new("controller-store");
    let cost = Usage::cost(arrivals("a", 1)[0].event.len() as u64);
    let mut writer = writer(&scratch, Bounds { max_host_bytes: cost + cost / 2, ..bounds() });
    let (sender, reported) = std::sync::mpsc::channel();
    let mut two = arrivals("old", 2);
    two[1].acknowledgement = Acknowledgement::new(move |outcome| sender.send(outcome).unwrap());
    writer.write(Vec::new(), two);
    writer.sweep(SystemTime::now());
    assert_eq!((count(&writer), reported.try_recv().ok()), (1, None), "there is no room for it");
    for days in [31, 32] {
        writer.sweep(SystemTime::now() + Duration::from_secs(days * 24 * 3600));
    }
    assert_eq!((count(&writer), reported.try_recv().ok()), (0, Some(Outcome::Redeliver)));
}

#[test]
fn results_that_fit_are_stored_though_their_batch_does_not() {
    let scratch = Scratch::new("controller-store");
    let mut writer = writer(&scratch, bounds());
    let bound = |writer: &Writer, pages: usize| {
        let pragma = format!("PRAGMA max_page_count = {pages}");
        writer.connection.query_row(&pragma, [], |_| Ok(())).unwrap();
    };
    bound(&writer, number(&writer, "PRAGMA page_count") + 10);
    writer.write(Vec::new(), arrivals("a", 100));
    let some = count(&writer);
    assert!((1..100).contains(&some) && writer.backlog.is_failing(), "{some}");
    assert!(!writer.health.writes());
    bound(&writer, 1 << 30);
    writer.write(Vec::new(), arrivals("b", 100));
    assert_eq!(count(&writer), some + 100);
    assert!(writer.health.writes());
    assert!(writer.backlog.settle().is_none(), "the held results are not stored yet");
}

#[test]
fn rows_of_every_table_are_deleted_when_they_are_too_old_and_not_before() {
    let scratch = Scratch::new("controller-store");
    let mut writer = writer(&scratch, bounds());
    let now = milliseconds(SystemTime::now());
    let day = 24 * 3600 * 1000;
    let rows = |age: i64| {
        let at = now - age;
        format!(
            "INSERT INTO tokens VALUES ('t{age}', x'', '', '{{}}', {at}, 0, NULL, '', 0);
             INSERT INTO gone_keys VALUES (cast('g{age}' AS BLOB), 'h', {at}, 0);
             INSERT INTO gone_keys VALUES (cast('b{age}' AS BLOB), 'h', {at}, 1);
             INSERT INTO api_tokens VALUES ('a{age}', cast({age} AS BLOB), '', '', 0, {at}, NULL);
             INSERT INTO sessions VALUES (cast({age} AS BLOB), '', 0, {at});
             INSERT INTO repeatable VALUES ('p', 'k{age}', x'', 'answered', 200, '', {at});
             INSERT INTO setup SELECT 1, x'', {at} WHERE {age} > 0;"
        )
    };
    for age in [0, day + 1, 41 * day, 91 * day] {
        writer.connection.execute_batch(&rows(age - 60_000)).unwrap_or_else(|error| {
            // There is one row of setup.
            assert!(error.to_string().contains("setup"), "{error}");
        });
    }
    writer.sweep(SystemTime::now());
    for (table, left) in [
        ("tokens", 3),
        ("gone_keys WHERE banned = 0", 2),
        ("gone_keys WHERE banned = 1", 4),
        ("api_tokens", 3),
        ("sessions", 1),
        ("repeatable", 2),
        ("setup", 0),
    ] {
        assert_eq!(number(&writer, &format!("SELECT count(*) FROM {table}")), left, "{table}");
    }
}
