//! Makes a large fleet of a small one by SQL: hosts with labels and the facts of the small fleet's
//! hosts, runs with results, schedules' outcomes, and a day of the trend.

use crate::seed::{IMAGES, SCHEDULES};
use rusqlite::Connection;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Hosts in all.
const HOSTS: i64 = 100_000;

/// Runs of a hundred hosts each, and of every host.
const SMALL_RUNS: i64 = 300;
const LARGE_RUNS: i64 = 5;

const MINUTE: i64 = 60_000;

/// A table of the numbers from 0 on.
const NUMBERS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ";

/// Fills a database, which no controller has open.
pub(crate) fn fill(path: &Path) {
    let sql = Connection::open(path).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let now = i64::try_from(now).unwrap();
    sql.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN").unwrap();
    for text in [hosts(now), facts(), runs(now), results(now), schedules(now), trend(now)] {
        sql.execute_batch(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    sql.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Hosts with the identity of the first one, but for their names. Each has labels from a token, from
/// facts and from an operator.
fn hosts(now: i64) -> String {
    let label = |key: &str, value: &str, source: &str| {
        format!(
            "INSERT INTO labels (host, key, value, source, number) \
             SELECT printf('host-%06d', i), '{key}', {value}, '{source}', \
             (SELECT number FROM hosts WHERE id = printf('host-%06d', i)) FROM \
             ({NUMBERS} {HOSTS}) SELECT i FROM n);"
        )
    };
    let one_of = |column: &str, values: &[&str]| {
        let cases: String = values
            .iter()
            .enumerate()
            .map(|(number, value)| format!(" WHEN {number} THEN '{value}'"))
            .collect();
        format!("CASE {column} % {}{cases} END", values.len())
    };
    let role = one_of("i", &["web", "db", "mail", "ci"]);
    let site = one_of("(i / 7)", &["fra1", "ams2", "iad1", "sin1", "gru1"]);
    let rows = format!(
        "{NUMBERS} {HOSTS}) INSERT INTO hosts (id, state, identity, token, since, enrolled_at) \
         SELECT printf('host-%06d', i), \
         CASE WHEN i % 10000 = 9999 THEN 'quarantined' ELSE 'active' END, \
         json_set((SELECT identity FROM hosts WHERE number = 1), \
         '$.id', printf('host-%06d', i), \
         '$.state', CASE WHEN i % 10000 = 9999 \
         THEN json('{{\"quarantined\":{{\"operator\":\"looks odd\"}}}}') ELSE 'active' END, \
         '$.keys.certificate.not_after', {now} + i * 6000), \
         (SELECT token FROM hosts WHERE number = 1), {now} - i * 1000, {now} - i * 1000 FROM n; \
         INSERT INTO host_keys (key, host) SELECT randomblob(32), printf('host-%06d', i) \
         FROM ({NUMBERS} {HOSTS}) SELECT i FROM n); \
         INSERT INTO presence (host, address, version, boot, ca_version, connected_at, last_seen) \
         SELECT printf('host-%06d', i), '192.0.2.7:4711', '0.2.0', 'boot', 1, {now} - i * 500, \
         {now} - i * 100 FROM ({NUMBERS} {HOSTS}) SELECT i FROM n);"
    );
    let hostname = format!("printf('%s-%05d.%s.example.net', {role}, i, {site})");
    [
        rows,
        label("role", &role, "operator"),
        label("site", &site, "token"),
        label("env", &one_of("(i / 3)", &["prod", "prod", "stage"]), "operator"),
        label("rack", "'r' || (i % 1000)", "operator"),
        label("hostname", &hostname, "fact"),
        label("os.id", "'debian'", "fact"),
        label("os.version_id", "'1' || (i % 4)", "fact"),
        label("arch", "'x86_64'", "fact"),
    ]
    .concat()
}

/// Each host has the documents, now and before, of one host of the small fleet.
fn facts() -> String {
    format!(
        "INSERT INTO fact_spans (host, method, since, until, document) \
         SELECT h.number, s.method, s.since, s.until, s.document FROM hosts h \
         JOIN fact_spans s ON s.host = h.number % {IMAGES} + 1 WHERE h.number > {IMAGES};
         INSERT INTO fact_newest (host, method, at, digest) \
         SELECT h.number, s.method, s.at, coalesce(s.digest, zeroblob(32)) FROM hosts h \
         JOIN fact_newest s ON s.host = h.number % {IMAGES} + 1 WHERE h.number > {IMAGES};
         INSERT INTO fact_rounds (host, at) SELECT h.number, r.at FROM hosts h \
         JOIN fact_rounds r ON r.host = h.number % {IMAGES} + 1 WHERE h.number > {IMAGES};"
    )
}

/// Runs that have ended, with one target in fifty that failed.
fn runs(now: i64) -> String {
    let first = now - SMALL_RUNS * 10 * MINUTE;
    let targets = |count: i64, run: i64, each: i64, changes: i64| {
        format!(
            "{NUMBERS} {count}) INSERT INTO targets (run, position, host, stage, answer, state, \
             code, sent_at, ended_at, result, output, operator, change, changed_at) \
             SELECT {run} + i / {each}, i % {each}, printf('host-%06d', i * 7919 % {HOSTS}), \
             i % {each} > 0, 'online', CASE WHEN i % 50 = 0 THEN 'failed' ELSE 'succeeded' END, \
             i % 50 = 0, {first} + i, {first} + ({changes} + i), {changes} + i + 1, \
             CAST(printf('%032d', i % 20) AS BLOB), printf('operator-%02d', (i / {each}) % 50), \
             {changes} + i + 1, {first} + ({changes} + i) FROM n;"
        )
    };
    let small = SMALL_RUNS * 100;
    let large = LARGE_RUNS * HOSTS;
    format!(
        "{NUMBERS} {SMALL_RUNS} + {LARGE_RUNS}) INSERT INTO runs SELECT i + 1, \
         printf('run-%06d', i + 1), 'ended', 'completed', NULL, \
         '{{\"cmd\":\"systemctl restart app\",\"method\":\"async.bash\"}}', '{{}}', 'role=web', \
         '00', CASE WHEN i < {SMALL_RUNS} THEN 100 ELSE {HOSTS} END, {first} + i * {MINUTE}, \
         printf('operator-%02d', i % 50), {now}, {now}, {first} + i * {MINUTE}, \
         printf('operator-%02d', i % 50), {first} + i * {MINUTE}, 1 FROM n;
         {}
         {}
         INSERT INTO target_counts SELECT run, stage, state, count(*) FROM targets \
         GROUP BY run, stage, state;
         UPDATE target_changes SET last = {small} + {large}, targets = {small} + {large};
         {NUMBERS} ({small} + {large}) / 6000 + 1) INSERT INTO change_minutes \
         SELECT {first} / {MINUTE} + i, i * 6000 + 1 FROM n;",
        targets(small, 1, 100, 0),
        targets(large, SMALL_RUNS + 1, HOSTS, small),
    )
}

/// A result of each target, and others of the hosts.
fn results(now: i64) -> String {
    let targets = SMALL_RUNS * 100 + LARGE_RUNS * HOSTS;
    format!(
        "{NUMBERS} {targets} * 2) INSERT INTO results (host, task, kind, received, event, digest) \
         SELECT printf('host-%06d', i * 7919 % {HOSTS}), CASE \
         WHEN i < {SMALL_RUNS} * 100 THEN printf('run:run-%06d', 1 + i / 100) \
         WHEN i < {targets} THEN \
         printf('run:run-%06d', {SMALL_RUNS} + 1 + (i - {SMALL_RUNS} * 100) / {HOSTS}) \
         ELSE printf('task-%d', i) END, 'async.result', {now} - {targets} * 2 + i, \
         printf('{{\"method\":\"async.result\",\"id\":\"t\",\"resp\":\"success\",\
         \"retcode\":0,\"message\":\"Normal termination\",\"data\":\"line %d\"}}', i % 20), \
         randomblob(32) FROM n;
         INSERT INTO usage (host, bytes) SELECT host, sum(octet_length(event) + 512) FROM results \
         WHERE true GROUP BY host ON CONFLICT (host) DO NOTHING;"
    )
}

/// Each host has been tried with two of the schedules.
fn schedules(now: i64) -> String {
    let tried = |number: usize| {
        format!(
            "INSERT INTO schedule_hosts (schedule, host, outcome, tried, applied, since) \
             SELECT s.name, printf('host-%06d', i), \
             CASE WHEN i % 500 = 0 THEN 'failed' ELSE 'applied' END, s.revision, s.revision, {now} \
             FROM ({NUMBERS} {HOSTS}) SELECT i FROM n), schedules s \
             WHERE s.name = 'job-{number:02}';"
        )
    };
    [tried(0), tried(SCHEDULES - 1)].concat()
}

/// A sample every five minutes of a day.
fn trend(now: i64) -> String {
    format!(
        "{NUMBERS} 288) INSERT OR IGNORE INTO trend \
         SELECT {now} - (288 - i) * 5 * {MINUTE}, 0, {HOSTS} - 10 - i, 0, 10, i % 7, 0 FROM n;"
    )
}

/// Returns the ids of a run of every host, and of one of a hundred.
pub(crate) fn runs_of_each_kind() -> (String, String) {
    (format!("run-{:06}", SMALL_RUNS + 1), "run-000001".to_owned())
}
