//! Lists, filters, pages and counts over 100,000 hosts and 10,000,000 results.
//!
//! The rows are made by SQL, without the indexes, which are made at the end as the schema has them:
//! a few minutes, and about 5 GB of disk until the measurement has ended.

use super::open;
use crate::store::Store as _;
use crate::store::conformance::runs::NOW;
use crate::store::measure::{Scale, lists};
use crate::store::sqlite::file;
use rusqlite::Connection;
use std::time::Instant;
use test_support::Scratch;

const MINUTE: i64 = 60_000;

/// Runs of 10 hosts, which come first, and runs of every host.
const SMALL_RUNS: i64 = 20_000;
const LARGE_RUNS: i64 = 30;

/// Fills the tables.
fn fill(connection: &Connection) {
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ";
    let targets = |count: i64, first: i64, each: i64, changes: i64| {
        format!(
            "{numbers} {count}) INSERT INTO targets (run, position, host, stage, answer, state, \
             code, sent_at, ended_at, result, output, operator, change, changed_at) \
             SELECT {first} + i / {each}, i % {each}, printf('host-%06d', i * 7919 % 100000), \
             i % {each} > 0, 'online', \
             CASE WHEN i % 100000 = 77 THEN 'removed' WHEN i % 50 = 0 THEN 'failed' \
             ELSE 'succeeded' END, i % 50 = 0, {NOW} + i, {NOW} + ({changes} + i) * 10, {changes} + i + 1, \
             CAST(printf('%016d', i % 20) AS BLOB), printf('op-%d', ({first} + i / {each}) % 50), \
             {changes} + i + 1, {NOW} + ({changes} + i) * 10 FROM n;"
        )
    };
    let small = SMALL_RUNS * 10;
    let large = LARGE_RUNS * 100_000;
    connection
        .execute_batch(&format!(
            "PRAGMA synchronous = OFF;
            BEGIN;
            {numbers} {SMALL_RUNS} + {LARGE_RUNS}) INSERT INTO runs SELECT i + 1, \
            printf('run-%06d', i + 1), 'ended', 'completed', NULL, \
            '{{\"cmd\":\"systemctl restart app\",\"method\":\"async.bash\"}}', '{{}}', 'role=web', \
            '00', CASE WHEN i < {SMALL_RUNS} THEN 10 ELSE 100000 END, {NOW} + i * {MINUTE}, \
            printf('op-%d', (i + 1) % 50), {NOW}, {NOW}, {NOW}, printf('op-%d', (i + 1) % 50), \
            {NOW} + i * {MINUTE}, 1 FROM n;
            {}
            {}
            INSERT INTO target_counts SELECT run, stage, state, count(*) FROM targets \
            GROUP BY run, stage, state;
            UPDATE target_changes SET last = {small} + {large}, targets = {small} + {large};
            {numbers} ({small} + {large}) / 6000) INSERT INTO change_minutes \
            SELECT {NOW} / {MINUTE} + i, i * 6000 + 1 FROM n;
            {numbers} 10000000) INSERT INTO results (host, task, kind, received, event, digest) \
            SELECT printf('host-%06d', i * 7919 % 100000), CASE WHEN i < {small} + {large} \
            THEN printf('run:run-%06d', i / 10) ELSE printf('task-%d', i) END, 'async.result', \
            {NOW} + i, printf('{{\"method\":\"async.result\",\"id\":\"t\",\"resp\":\"success\",\
            \"retcode\":0,\"message\":\"Normal termination\",\"data\":\"line %d\"}}', i % 20), \
            randomblob(32) FROM n;
            INSERT INTO usage SELECT printf('host-%06d', i), 50000 FROM \
            ({numbers} 100000) SELECT i FROM n);
            COMMIT;",
            targets(small, 1, 10, 0),
            targets(large, SMALL_RUNS + 1, 100_000, small),
        ))
        .unwrap();
}

/// Takes the indexes away, fills the tables, and makes the indexes again.
fn generate(scratch: &Scratch) {
    let connection = file::open(scratch.path()).unwrap();
    let indexes: Vec<(String, String)> = connection
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL \
             AND tbl_name IN ('results', 'runs', 'targets')",
        )
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    let begun = Instant::now();
    for (name, _) in &indexes {
        connection.execute_batch(&format!("DROP INDEX {name}")).unwrap();
    }
    fill(&connection);
    for (_, sql) in &indexes {
        connection.execute_batch(sql).unwrap();
    }
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let bytes = scratch.file("results.db").metadata().unwrap().len();
    println!("{} MiB of rows and indexes made in {:.0?}", bytes >> 20, begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: make bench-store"]
async fn pages_of_10000000_results() {
    let scratch = Scratch::new("controller-store");
    generate(&scratch);
    let store = open(&scratch);
    let scale = Scale { small_runs: SMALL_RUNS, large_runs: LARGE_RUNS, results: 10_000_000 };
    lists(&*store, scale).await;
    store.close().await;
}
