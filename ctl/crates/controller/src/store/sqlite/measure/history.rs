//! Lists, filters, pages and counts over 100,000 hosts and 10,000,000 results.
//!
//! The rows are made by SQL, without the indexes, which are made at the end as the schema has them:
//! a few minutes, and about 5 GB of disk until the measurement has ended.

use super::open;
use crate::store::conformance::runs::NOW;
use crate::store::sqlite::{SqliteStore, file};
use crate::store::{
    HistoryQuery, PlanHostQuery, Results as _, RunQuery, Runs as _, Store as _, TargetQuery,
};
use fleet::run::{EndState, RunState, TargetState};
use rusqlite::Connection;
use std::sync::Arc;
use std::time::{Duration, Instant};
use test_support::Scratch;

const MINUTE: i64 = 60_000;

/// Runs of 10 hosts, which come first, and runs of every host.
const SMALL_RUNS: i64 = 20_000;
const LARGE_RUNS: i64 = 30;

/// Times that each query is made, with other values each time.
const TIMES: usize = 200;

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

/// Makes a query with each number; prints how long it took.
async fn measure(what: &str, query: impl AsyncFn(i64) -> usize) -> Duration {
    let (mut took, mut found, mut number) = (Vec::new(), 0, 1_i64);
    for _ in 0..TIMES {
        // A plain sequence that reaches every part of the tables.
        number = (number * 1_103_515_245 + 12_345) % 2_147_483_648;
        let begun = Instant::now();
        found += query(number).await;
        took.push(begun.elapsed());
    }
    took.sort();
    let p99 = took[TIMES * 99 / 100];
    println!(
        "{what}: p50 {:.1?}, p99 {p99:.1?}, max {:.1?} ({found} rows)",
        took[TIMES / 2],
        took[TIMES - 1]
    );
    p99
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: make bench-store"]
async fn pages_of_10000000_results() {
    let scratch = Scratch::new("controller-store");
    generate(&scratch);
    let store = open(&scratch);
    let host = |number: i64| format!("host-{:06}", number % 100_000);
    let large = |number: i64| format!("run-{:06}", SMALL_RUNS + 1 + number % LARGE_RUNS);
    let operator = |number: i64| format!("op-{}", number % 50);
    let mut worst = Duration::ZERO;
    let of = &store;
    worst = worst.max(
        measure("results of a host", async |n| {
            of.results(&host(n), n % 10_000_000, 100).await.unwrap().len()
        })
        .await,
    );
    worst = worst.max(
        measure("newest result of a task", async |n| {
            usize::from(of.result(&host(n), &format!("task-{n}")).await.unwrap().is_some())
        })
        .await,
    );
    worst = worst.max(histories(of, &host, &large, &operator).await);
    worst = worst.max(runs(of, &host, &operator).await);
    worst = worst.max(targets(of, &host, &large).await);
    println!("the worst p99 of all: {worst:.1?}");
    store.close().await;
}

/// Measures pages of the history by each filter, and by some together.
async fn histories(
    store: &Arc<SqliteStore>,
    host: &impl Fn(i64) -> String,
    large: &impl Fn(i64) -> String,
    operator: &impl Fn(i64) -> String,
) -> Duration {
    let all = |n: i64| HistoryQuery {
        before: Some(n % 3_000_000 + 1000),
        limit: 100,
        ..Default::default()
    };
    let since = |n: i64| Some(NOW + n % 30_000_000);
    let filters: [(&str, &dyn Fn(i64) -> HistoryQuery); 10] = [
        ("all", &|n| all(n)),
        ("a run", &|n| HistoryQuery { run: Some(large(n)), before: None, ..all(n) }),
        ("a run's failures", &|n| HistoryQuery {
            run: Some(large(n)),
            state: Some(EndState::Failed),
            before: None,
            ..all(n)
        }),
        ("a host", &|n| HistoryQuery { host: Some(host(n)), before: None, ..all(n) }),
        ("an operator", &|n| HistoryQuery { operator: Some(operator(n)), ..all(n) }),
        ("an operator's failures", &|n| HistoryQuery {
            operator: Some(operator(n)),
            state: Some(EndState::Failed),
            ..all(n)
        }),
        ("an operator's removed hosts", &|n| HistoryQuery {
            operator: Some(operator(n)),
            state: Some(EndState::Removed),
            ..all(n)
        }),
        ("failures", &|n| HistoryQuery { state: Some(EndState::Failed), ..all(n) }),
        ("removed hosts", &|n| HistoryQuery { state: Some(EndState::Removed), ..all(n) }),
        ("an hour", &|n| HistoryQuery {
            since: since(n),
            until: since(n).map(|at| at + 60 * MINUTE),
            before: None,
            ..all(n)
        }),
    ];
    let mut worst = Duration::ZERO;
    for (what, filter) in filters {
        let what = format!("history, {what}");
        worst = worst.max(
            measure(&what, async |n| store.history(filter(n)).await.unwrap().entries.len()).await,
        );
    }
    worst
}

/// Measures pages of runs.
async fn runs(
    store: &Arc<SqliteStore>,
    host: &impl Fn(i64) -> String,
    operator: &impl Fn(i64) -> String,
) -> Duration {
    let all = |n: i64| RunQuery { before: Some(n % SMALL_RUNS), limit: 100, ..Default::default() };
    let filters: [(&str, &dyn Fn(i64) -> RunQuery); 5] = [
        ("all", &|n| all(n)),
        ("of a host", &|n| RunQuery { host: Some(host(n)), before: None, ..all(n) }),
        ("of an operator", &|n| RunQuery { operator: Some(operator(n)), ..all(n) }),
        ("ended", &|n| RunQuery { state: Some(RunState::Ended), ..all(n) }),
        ("of a day", &|n| RunQuery {
            since: Some(NOW + n % SMALL_RUNS * MINUTE),
            before: None,
            ..all(n)
        }),
    ];
    let mut worst = Duration::ZERO;
    for (what, filter) in filters {
        let what = format!("runs, {what}");
        worst = worst
            .max(measure(&what, async |n| store.runs(filter(n)).await.unwrap().runs.len()).await);
    }
    worst
}

/// Measures pages and counts of a large run's targets.
async fn targets(
    store: &Arc<SqliteStore>,
    host: &impl Fn(i64) -> String,
    large: &impl Fn(i64) -> String,
) -> Duration {
    let after = |n: i64| u32::try_from(n % 99_000).ok();
    let all =
        |n: i64| TargetQuery { run: large(n), after: after(n), limit: 100, ..Default::default() };
    let state = |end| Some(TargetState::Ended(end));
    let filters: [(&str, &dyn Fn(i64) -> TargetQuery); 5] = [
        ("all", &|n| all(n)),
        ("failed", &|n| TargetQuery { state: state(EndState::Failed), ..all(n) }),
        ("removed", &|n| TargetQuery { state: state(EndState::Removed), after: None, ..all(n) }),
        ("of a stage", &|n| TargetQuery { stage: Some(1), ..all(n) }),
        ("with an output", &|n| TargetQuery { output: Some("30".repeat(15) + "35"), ..all(n) }),
    ];
    let mut worst = Duration::ZERO;
    for (what, filter) in filters {
        let what = format!("targets, {what}");
        worst = worst
            .max(measure(&what, async |n| store.targets(filter(n)).await.unwrap().len()).await);
    }
    worst = worst.max(
        measure("one target", async |n| {
            usize::from(store.target(&large(n), &host(n)).await.unwrap().is_some())
        })
        .await,
    );
    worst = worst.max(
        measure("a run with its counts", async |n| {
            usize::from(store.run(&large(n)).await.unwrap().is_some())
        })
        .await,
    );
    worst = worst.max(
        measure("changes of a run", async |n| {
            store.changes(&large(n), 0, 1000).await.unwrap().len()
        })
        .await,
    );
    worst = worst.max(
        measure("groups of equal outputs", async |n| {
            store.outputs(&large(n), 100).await.unwrap().len()
        })
        .await,
    );
    worst = worst.max(
        measure("answers of a plan", async |n| store.plan_answers(&large(n)).await.unwrap().len())
            .await,
    );
    let page = |n| PlanHostQuery {
        run: large(n),
        answer: Some("online".to_owned()),
        after: after(n),
        limit: 100,
    };
    worst.max(
        measure("hosts of a plan", async |n| store.plan_hosts(page(n)).await.unwrap().len()).await,
    )
}
