//! Lists, filters, pages and counts over 100,000 hosts and 10,000,000 results, as the SQLite store
//! has them.
//!
//! The rows are made by SQL, without the indexes, which are made at the end as the schema has them:
//! some minutes, and about 6 GB of disk until the measurement has ended.

use super::{BIG, open};
use crate::store::Store as _;
use crate::store::conformance::runs::NOW;
use crate::store::measure::{Scale, lists};
use std::time::Instant;
use test_support::{PostgresDatabase, PostgresServer};

const MINUTE: i64 = 60_000;

/// Runs of 10 hosts, which come first, and runs of every host.
const SMALL_RUNS: i64 = 20_000;
const LARGE_RUNS: i64 = 30;

/// Targets of all of them.
const SMALL: i64 = SMALL_RUNS * 10;
const LARGE: i64 = LARGE_RUNS * 100_000;

/// Returns the statement that makes the targets of `count / each` runs from the run `first` on, after
/// so many changes.
fn targets(count: i64, first: i64, each: i64, changes: i64) -> String {
    format!(
        "INSERT INTO targets (run, position, host, stage, answer, state, code, sent_at, ended_at, \
         result, output, operator, change, changed_at) \
         SELECT {first} + i / {each}, i % {each}, 'host-' || lpad((i * 7919 % 100000)::text, 6, '0'), \
         (i % {each} > 0)::int, 'online', \
         CASE WHEN i % 100000 = 77 THEN 'removed' WHEN i % 50 = 0 THEN 'failed' \
         ELSE 'succeeded' END, (i % 50 = 0)::int, {NOW} + i, {NOW} + ({changes} + i) * 10, \
         {changes} + i + 1, convert_to(lpad((i % 20)::text, 16, '0'), 'UTF8'), \
         'op-' || ({first} + i / {each}) % 50, {changes} + i + 1, {NOW} + ({changes} + i) * 10 \
         FROM generate_series(0::bigint, {count} - 1) AS n (i)"
    )
}

/// Fills the tables.
fn fill(database: &PostgresDatabase<'_>) {
    for statement in [
        format!(
            "INSERT INTO runs (number, id, state, ending, request, options, selector, hash, total, \
             created_at, created_by, valid_until, not_after, applied_at, applied_by, ended_at, \
             change) SELECT i + 1, 'run-' || lpad((i + 1)::text, 6, '0'), 'ended', 'completed', \
             '{{\"cmd\":\"systemctl restart app\",\"method\":\"async.bash\"}}', '{{}}', 'role=web', \
             '00', CASE WHEN i < {SMALL_RUNS} THEN 10 ELSE 100000 END, {NOW} + i * {MINUTE}, \
             'op-' || (i + 1) % 50, {NOW}, {NOW}, {NOW}, 'op-' || (i + 1) % 50, \
             {NOW} + i * {MINUTE}, 1 \
             FROM generate_series(0::bigint, {SMALL_RUNS} + {LARGE_RUNS} - 1) AS n (i)"
        ),
        targets(SMALL, 1, 10, 0),
        targets(LARGE, SMALL_RUNS + 1, 100_000, SMALL),
        "INSERT INTO target_counts SELECT run, stage, state, count(*) FROM targets \
         GROUP BY run, stage, state"
            .to_owned(),
        format!("UPDATE target_changes SET last = {SMALL} + {LARGE}, targets = {SMALL} + {LARGE}"),
        format!(
            "INSERT INTO change_minutes SELECT {NOW} / {MINUTE} + i, i * 6000 + 1 \
             FROM generate_series(0::bigint, ({SMALL} + {LARGE}) / 6000 - 1) AS n (i)"
        ),
        format!(
            "INSERT INTO results (host, task, kind, received, event, digest) \
             SELECT 'host-' || lpad((i * 7919 % 100000)::text, 6, '0'), \
             CASE WHEN i < {SMALL} + {LARGE} THEN 'run:run-' || lpad((i / 10)::text, 6, '0') \
             ELSE 'task-' || i END, 'async.result', {NOW} + i, \
             '{{\"method\":\"async.result\",\"id\":\"t\",\"resp\":\"success\",\"retcode\":0,\
             \"message\":\"Normal termination\",\"data\":\"line ' || i % 20 || '\"}}', \
             sha256(i::text::bytea) FROM generate_series(0::bigint, 9999999) AS n (i)"
        ),
        "INSERT INTO usage SELECT 'host-' || lpad(i::text, 6, '0'), 50000 \
         FROM generate_series(0, 99999) AS n (i)"
            .to_owned(),
    ] {
        database.sql(&statement);
    }
}

/// Takes the indexes away, fills the tables, and makes the indexes again.
fn generate(database: &PostgresDatabase<'_>) {
    let of_tables = "schemaname = 'public' AND tablename IN ('results', 'runs', 'targets') \
                     AND indexname NOT IN (SELECT conname FROM pg_constraint)";
    let indexes = database.sql(&format!("SELECT indexdef FROM pg_indexes WHERE {of_tables}"));
    let names = database.sql(&format!("SELECT indexname FROM pg_indexes WHERE {of_tables}"));
    let begun = Instant::now();
    names.lines().for_each(|name| drop(database.sql(&format!("DROP INDEX {name}"))));
    fill(database);
    indexes.lines().for_each(|sql| drop(database.sql(sql)));
    // As autovacuum would have done.
    database.sql("VACUUM (ANALYZE)");
    let size = "SELECT pg_database_size(current_database()) >> 20";
    println!("{} MiB of rows and indexes made in {:.0?}", database.sql(size), begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: make bench-store"]
async fn pages_of_10000000_results() {
    let Some(server) = PostgresServer::start(BIG) else { return };
    let database = server.create();
    // Makes the schema.
    open(&database).await.close().await;
    tokio::task::block_in_place(|| generate(&database));
    let store = open(&database).await;
    let scale = Scale { small_runs: SMALL_RUNS, large_runs: LARGE_RUNS, results: 10_000_000 };
    lists(&*store, scale).await;
    store.close().await;
}
