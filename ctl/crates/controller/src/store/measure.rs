//! Measures lists of many runs and results, of any store. It asserts nothing about time.

use super::conformance::runs::NOW;
use super::{HistoryQuery, PlanHostQuery, Results, RunQuery, Runs, TargetQuery};
use fleet::run::{EndState, RunState, TargetState};
use std::time::{Duration, Instant};

const MINUTE: i64 = 60_000;

/// Times that each query is made, with other values each time.
const TIMES: usize = 200;

/// What a store has: runs of 10 hosts, which come first, runs of every host, and results.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) small_runs: i64,
    pub(super) large_runs: i64,
    pub(super) results: i64,
}

/// Measures every list; prints how long each took, and the worst of all.
pub(super) async fn lists(store: &(impl Runs + Results), scale: Scale) {
    let host = |number: i64| format!("host-{:06}", number % 100_000);
    let large =
        |number: i64| format!("run-{:06}", scale.small_runs + 1 + number % scale.large_runs);
    let operator = |number: i64| format!("op-{}", number % 50);
    let mut worst = Duration::ZERO;
    worst = worst.max(
        measure("results of a host", async |n| {
            store.results(&host(n), n % scale.results, 100).await.unwrap().len()
        })
        .await,
    );
    worst = worst.max(
        measure("newest result of a task", async |n| {
            usize::from(store.result(&host(n), &format!("task-{n}")).await.unwrap().is_some())
        })
        .await,
    );
    worst = worst.max(histories(store, scale, &host, &large, &operator).await);
    worst = worst.max(runs(store, scale, &host, &operator).await);
    worst = worst.max(targets(store, &host, &large).await);
    println!("the worst p99 of all: {worst:.1?}");
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

/// Measures pages of the history by each filter, and by some together.
async fn histories(
    store: &impl Runs,
    scale: Scale,
    host: &impl Fn(i64) -> String,
    large: &impl Fn(i64) -> String,
    operator: &impl Fn(i64) -> String,
) -> Duration {
    let all = |n: i64| HistoryQuery {
        before: Some(n % (scale.large_runs * 100_000) + 1000),
        limit: 100,
        ..Default::default()
    };
    let since = |n: i64| Some(NOW + n % (scale.large_runs * 1_000_000));
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
    store: &impl Runs,
    scale: Scale,
    host: &impl Fn(i64) -> String,
    operator: &impl Fn(i64) -> String,
) -> Duration {
    let all =
        |n: i64| RunQuery { before: Some(n % scale.small_runs), limit: 100, ..Default::default() };
    let filters: [(&str, &dyn Fn(i64) -> RunQuery); 5] = [
        ("all", &|n| all(n)),
        ("of a host", &|n| RunQuery { host: Some(host(n)), before: None, ..all(n) }),
        ("of an operator", &|n| RunQuery { operator: Some(operator(n)), ..all(n) }),
        ("ended", &|n| RunQuery { state: Some(RunState::Ended), ..all(n) }),
        ("of a day", &|n| RunQuery {
            since: Some(NOW + n % scale.small_runs * MINUTE),
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
    store: &impl Runs,
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
