//! Runs, their targets, and budgets: what every store must do with them.

use super::Database;
use crate::store::{
    Apply, BudgetRow, HistoryQuery, LeftOut, MoveTo, NewPlan, NewTarget, PlanHostQuery, RunQuery,
    RunRow, StopRun, Store, StoreError, TargetMove,
};
use fleet::UnixMillis;
use fleet::run::{End, EndState, RunEnd, RunState, TargetState};

/// Milliseconds since 1970.
pub(in crate::store) const NOW: UnixMillis = 1_795_000_000_000;

const MINUTE: UnixMillis = 60_000;

/// Makes a plan for these hosts in two stages: the first of them, then the others.
pub(in crate::store) fn plan(id: &str, hosts: &[&str]) -> NewPlan {
    let target = |(position, host): (usize, &&str)| NewTarget {
        host: (*host).to_owned(),
        stage: u16::from(position > 0),
        budgets: if position == 0 { vec!["db".to_owned()] } else { Vec::new() },
        answer: "online".to_owned(),
        why: None,
    };
    NewPlan {
        id: id.to_owned(),
        request: r#"{"cmd":"true","method":"async.bash"}"#.to_owned(),
        options: "{}".to_owned(),
        selector: Some("role=web".to_owned()),
        hash: "00".repeat(32),
        created_by: "anna".to_owned(),
        created_at: NOW,
        valid_until: NOW + 10 * MINUTE,
        targets: hosts.iter().enumerate().map(target).collect(),
        left_out: vec![LeftOut {
            host: "foreign".to_owned(),
            answer: "not_yours".to_owned(),
            why: Some("your roles do not allow it".to_owned()),
        }],
    }
}

fn by(name: &str, at: UnixMillis) -> Apply {
    Apply { by: name.to_owned(), at, not_after: at + 60 * MINUTE, signatures: Vec::new() }
}

/// Stores and applies a plan.
pub(in crate::store) async fn applied(store: &dyn Store, id: &str, hosts: &[&str]) -> RunRow {
    store.insert_plan(plan(id, hosts)).await.unwrap();
    store.apply(id, by("anna", NOW)).await.unwrap().run
}

pub(super) async fn go(store: &dyn Store, run: &RunRow, position: u32, to: MoveTo) -> bool {
    let moves = vec![TargetMove { run: run.number, position, to }];
    store.move_targets(moves, NOW).await.unwrap()[0]
}

pub(super) fn ended(state: EndState) -> MoveTo {
    MoveTo::Ended(End::because(state, "a reason"))
}

pub(super) fn event(code: u16, output: &str) -> String {
    format!(
        r#"{{"method":"async.result","resp":"success","retcode":{code},"message":"","data":"{output}"}}"#
    )
}

pub(super) async fn equation(store: &dyn Store, run: &str) -> String {
    store.run(run).await.unwrap().unwrap().counts.to_string()
}

pub(in crate::store) async fn a_plan_is_applied_once_and_in_time<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let made = store.insert_plan(plan("r1", &["a", "b", "c"])).await.unwrap();
    assert_eq!(
        (made.state, made.counts.to_string().as_str()),
        (RunState::Planned, "3 = 3 waiting")
    );
    let twice = store.insert_plan(plan("r1", &["a"])).await.unwrap_err();
    assert!(matches!(twice, StoreError::Conflict(_)), "{twice}");
    let query = |answer: Option<&str>, after| PlanHostQuery {
        run: "r1".to_owned(),
        answer: answer.map(str::to_owned),
        after,
        limit: 2,
    };
    let mut hosts = store.plan_hosts(query(None, None)).await.unwrap();
    hosts.extend(store.plan_hosts(query(None, Some(hosts[1].position))).await.unwrap());
    let found: Vec<_> = hosts.iter().map(|host| (&*host.host, host.stage)).collect();
    assert_eq!(found, [("a", Some(0)), ("b", Some(1)), ("c", Some(1)), ("foreign", None)]);
    let left = store.plan_hosts(query(Some("not_yours"), None)).await.unwrap();
    assert_eq!((left.len(), left[0].why.as_deref()), (1, Some("your roles do not allow it")));
    let answers = store.plan_answers("r1").await.unwrap();
    assert_eq!(answers, [("online".to_owned(), 3), ("not_yours".to_owned(), 1)]);
    let budgets = store.plan_budgets("r1").await.unwrap();
    assert_eq!(budgets, [(vec!["db".to_owned()], 1)]);
    // A plan is no run yet.
    assert_eq!(store.runs(RunQuery { limit: 9, ..Default::default() }).await.unwrap().runs, []);
    assert_eq!(store.active_runs(9).await.unwrap(), []);
    let first = store.apply("r1", by("bob", NOW + 1)).await.unwrap();
    let again = store.apply("r1", by("eve", NOW + 2)).await.unwrap();
    assert_eq!((first.now, again.now), (true, false));
    assert_eq!(again.run, first.run);
    assert_eq!(first.run.applied_by.as_deref(), Some("bob"));
    assert_eq!((first.run.state, first.run.number), (RunState::Running, made.number));
    // One that was not applied in time, and one that does not exist.
    store.insert_plan(plan("r2", &["a"])).await.unwrap();
    let late = store.apply("r2", by("bob", NOW + 10 * MINUTE)).await.unwrap_err();
    assert!(late.to_string().contains("in time"), "{late}");
    let gone = store.apply("r3", by("bob", NOW)).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound(_)), "{gone}");
    store.close().await;
    drop(store);
    let store = database.open().await;
    let active = store.active_runs(9).await.unwrap();
    assert_eq!(active.iter().map(|run| &*run.id).collect::<Vec<_>>(), ["r1"]);
    let seeds = store.seeds(made.number, 0, 2).await.unwrap();
    assert_eq!(
        (seeds.len(), &*seeds[0].host, &seeds[0].budgets[..]),
        (2, "a", &["db".to_owned()][..])
    );
    assert_eq!(store.seeds(made.number, 2, 2).await.unwrap()[0].host, "c");
    store.close().await;
}

pub(in crate::store) async fn targets_move_and_add_up_until_the_run_ends<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let run = applied(&*store, "r", &["a", "b", "c"]).await;
    assert!(go(&*store, &run, 0, MoveTo::Sent).await);
    assert!(go(&*store, &run, 1, MoveTo::Queued { why: Some("offline".to_owned()) }).await);
    assert_eq!(equation(&*store, "r").await, "3 = 1 waiting + 1 queued + 1 sent");
    assert!(go(&*store, &run, 0, MoveTo::Running).await);
    // Asked again after a restart, it does not go back.
    assert!(!go(&*store, &run, 0, MoveTo::Sent).await);
    let early = store.end_run(run.number, RunEnd::Completed, None, NOW).await.unwrap_err();
    assert!(matches!(early, StoreError::Conflict(_)), "{early}");
    let target = store.target("r", "a").await.unwrap().unwrap();
    assert_eq!((target.state, target.sent_at), (TargetState::Running, Some(NOW)));
    let three = (0..3)
        .map(|position| TargetMove { run: run.number, position, to: ended(EndState::Expired) })
        .chain([TargetMove { run: 999, position: 0, to: MoveTo::Sent }])
        .collect();
    assert_eq!(store.move_targets(three, NOW).await.unwrap(), [true, true, true, false]);
    assert!(!go(&*store, &run, 1, MoveTo::Sent).await, "an ended target stays as it is");
    assert!(!go(&*store, &run, 1, ended(EndState::Removed)).await);
    assert_eq!(equation(&*store, "r").await, "3 = 3 expired");
    let stages = store.stages("r").await.unwrap();
    let stages: Vec<_> = stages.iter().map(|counts| counts.to_string()).collect();
    assert_eq!(stages, ["1 = 1 expired", "2 = 2 expired"]);
    for _ in 0..2 {
        store.end_run(run.number, RunEnd::Completed, None, NOW + 5).await.unwrap();
    }
    let over = store.run("r").await.unwrap().unwrap();
    assert_eq!(
        (over.state, over.end, over.ended_at),
        (RunState::Ended, Some(RunEnd::Completed), Some(NOW + 5))
    );
    assert_eq!(store.active_runs(9).await.unwrap(), []);
    let target = store.target("r", "b").await.unwrap().unwrap();
    assert_eq!((target.why.as_deref(), target.ended_at), (Some("a reason"), Some(NOW)));
    store.close().await;
}

pub(in crate::store) async fn runs_are_found_by_state_operator_host_and_time_in_pages<
    D: Database,
>() {
    let database = D::create().await;
    let store = database.open().await;
    for number in 0..5 {
        let id = format!("r{number}");
        let hosts: &[&str] = if number % 2 == 0 { &["even", "all"] } else { &["odd", "all"] };
        let at = NOW + number * MINUTE;
        store.insert_plan(NewPlan { created_at: at, ..plan(&id, hosts) }).await.unwrap();
        let operator = if number < 3 { "anna" } else { "bob" };
        store.apply(&id, by(operator, at)).await.unwrap();
    }
    store.stop_run("r4", StopRun { end: RunEnd::Canceled, why: None, at: NOW }).await.unwrap();
    store.insert_plan(plan("plan", &["all"])).await.unwrap();
    let ids = async |query: RunQuery| {
        let found = store.runs(RunQuery { limit: 9, ..query }).await.unwrap();
        assert_eq!(found.next, None);
        found.runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    let all = RunQuery::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(ids(all()).await, ["r4", "r3", "r2", "r1", "r0"]);
    assert_eq!(ids(RunQuery { operator: text("anna"), ..all() }).await, ["r2", "r1", "r0"]);
    assert_eq!(ids(RunQuery { host: text("odd"), ..all() }).await, ["r3", "r1"]);
    assert_eq!(ids(RunQuery { state: Some(RunState::Stopping), ..all() }).await, ["r4"]);
    assert_eq!(ids(RunQuery { state: Some(RunState::Planned), ..all() }).await, ["plan"]);
    let (since, until) = (Some(NOW + MINUTE), Some(NOW + 3 * MINUTE));
    assert_eq!(ids(RunQuery { since, until, ..all() }).await, ["r2", "r1"]);
    assert_eq!(ids(RunQuery { since: Some(NOW + 99 * MINUTE), ..all() }).await, [""; 0]);
    let both = RunQuery {
        host: text("all"),
        operator: text("bob"),
        state: Some(RunState::Running),
        since,
        ..all()
    };
    assert_eq!(ids(both).await, ["r3"]);
    let page = store.runs(RunQuery { limit: 2, ..all() }).await.unwrap();
    assert_eq!(page.runs.iter().map(|run| &*run.id).collect::<Vec<_>>(), ["r4", "r3"]);
    let before = RunQuery { before: page.next, limit: 2, ..all() };
    let page = store.runs(before).await.unwrap();
    assert_eq!(page.runs.iter().map(|run| &*run.id).collect::<Vec<_>>(), ["r2", "r1"]);
    store.close().await;
}

pub(in crate::store) async fn the_history_is_found_by_run_host_operator_state_and_time_in_pages<
    D: Database,
>() {
    let database = D::create().await;
    let store = database.open().await;
    for (number, operator) in [(0, "anna"), (1, "bob"), (2, "anna")] {
        let id = format!("r{number}");
        store.insert_plan(plan(&id, &["a", "b"])).await.unwrap();
        let run = store.apply(&id, by(operator, NOW)).await.unwrap().run;
        let at = NOW + number * 10 * MINUTE;
        let end = |position, state| TargetMove { run: run.number, position, to: ended(state) };
        let both = vec![end(0, EndState::Succeeded), end(1, EndState::Failed)];
        store.move_targets(both, at).await.unwrap();
    }
    let found = async |query: HistoryQuery| {
        let page = store.history(HistoryQuery { limit: 9, ..query }).await.unwrap();
        assert_eq!(page.next, None);
        page.entries
            .into_iter()
            .map(|entry| format!("{}/{}", entry.target.run, entry.target.host))
            .collect::<Vec<_>>()
    };
    let all = HistoryQuery::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(all()).await, ["r2/b", "r2/a", "r1/b", "r1/a", "r0/b", "r0/a"]);
    assert_eq!(found(HistoryQuery { run: text("r1"), ..all() }).await, ["r1/b", "r1/a"]);
    assert_eq!(found(HistoryQuery { run: text("none"), ..all() }).await, [""; 0]);
    assert_eq!(found(HistoryQuery { host: text("a"), ..all() }).await, ["r2/a", "r1/a", "r0/a"]);
    assert_eq!(found(HistoryQuery { operator: text("bob"), ..all() }).await, ["r1/b", "r1/a"]);
    let failed = Some(EndState::Failed);
    assert_eq!(found(HistoryQuery { state: failed, ..all() }).await, ["r2/b", "r1/b", "r0/b"]);
    let (since, until) = (Some(NOW + 5 * MINUTE), Some(NOW + 15 * MINUTE));
    assert_eq!(found(HistoryQuery { since, until, ..all() }).await, ["r1/b", "r1/a"]);
    let narrow =
        HistoryQuery { host: text("b"), operator: text("anna"), state: failed, since, ..all() };
    assert_eq!(found(narrow).await, ["r2/b"]);
    let page = store.history(HistoryQuery { limit: 4, ..all() }).await.unwrap();
    assert_eq!(page.entries.len(), 4);
    let entry = &page.entries[0];
    assert_eq!((&*entry.method, entry.cmd.as_deref()), ("async.bash", Some("true")));
    assert_eq!(entry.operator.as_deref(), Some("anna"));
    let rest = HistoryQuery { before: page.next, ..all() };
    assert_eq!(found(rest).await, ["r0/b", "r0/a"]);
    store.close().await;
}

pub(in crate::store) async fn a_run_that_is_stopped_says_why<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    applied(&*store, "r", &["a"]).await;
    let stop = |end, why: &str| StopRun { end, why: Some(why.to_owned()), at: NOW };
    let row = store.stop_run("r", stop(RunEnd::Stopped, "1 failed")).await.unwrap();
    assert_eq!((row.state, row.end), (RunState::Stopping, Some(RunEnd::Stopped)));
    // A cancel goes further than a stop; a stop does not undo it.
    for (end, why, wanted) in [
        (RunEnd::Canceled, "by anna", "by anna"),
        (RunEnd::Stopped, "2 failed", "by anna"),
        (RunEnd::Canceled, "by bob", "by anna"),
    ] {
        let row = store.stop_run("r", stop(end, why)).await.unwrap();
        assert_eq!((row.end, row.why.as_deref()), (Some(RunEnd::Canceled), Some(wanted)));
    }
    store.insert_plan(plan("plan", &["a"])).await.unwrap();
    let row = store.stop_run("plan", stop(RunEnd::Canceled, "by anna")).await.unwrap();
    assert_eq!(row.state, RunState::Ended);
    let late = store.apply("plan", by("anna", NOW)).await.unwrap_err();
    assert!(late.to_string().contains("not valid"), "{late}");
    let gone = store.stop_run("none", stop(RunEnd::Canceled, "")).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound(_)), "{gone}");
    store.close().await;
}

pub(in crate::store) async fn budgets_are_kept_by_name<D: Database>() {
    let database = D::create().await;
    let store = database.open().await;
    let budget = |name: &str, most| BudgetRow {
        name: name.to_owned(),
        selector: "role=db".to_owned(),
        most,
        set_by: "anna".to_owned(),
        set_at: NOW,
    };
    for (name, most) in [("b", 1), ("a", 2), ("b", 3)] {
        store.set_budget(budget(name, most)).await.unwrap();
    }
    assert_eq!(store.budgets("", 9).await.unwrap(), [budget("a", 2), budget("b", 3)]);
    assert_eq!(store.budgets("a", 9).await.unwrap(), [budget("b", 3)]);
    assert_eq!(store.budget("a").await.unwrap(), Some(budget("a", 2)));
    store.remove_budget("a").await.unwrap();
    assert_eq!(store.budget("a").await.unwrap(), None);
    let gone = store.remove_budget("a").await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound(_)), "{gone}");
    store.close().await;
}
