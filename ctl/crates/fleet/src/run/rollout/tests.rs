//! One rollout, one event after the other. What many events in any order do, the simulation shows.

use super::*;
use crate::run::{Share, Tolerance};

const HOUR: i64 = 3_600_000;

/// A rollout with what it wants to have done.
struct Run {
    rollout: Rollout,
    budgets: Budgets,
    now: Moment,
    out: Output,
}

fn options(stages: &[&str]) -> Options {
    Options {
        stages: stages.iter().map(|stage| stage.parse().unwrap()).collect(),
        ramp: false,
        ..Options::default()
    }
}

fn waiting(count: usize) -> Vec<TargetRow> {
    let state = TargetState::Waiting;
    vec![TargetRow { state, asked: false, code: None, budgets: Vec::new(), why: None }; count]
}

fn terms(options: Options) -> Terms {
    Terms { options, not_after: HOUR, lost_after: Duration::from_secs(3600), is_task: true }
}

impl Run {
    fn of(terms: Terms, rows: Vec<TargetRow>, stop: Option<(RunEnd, Box<str>)>) -> Self {
        let (mut budgets, now) = (Budgets::default(), Moment { wall: 0, steady: 0 });
        let rollout = Rollout::new(terms, rows, stop, &mut budgets, now);
        Self { rollout, budgets, now, out: Output::default() }
    }

    fn new(options: Options, targets: u32) -> Self {
        let mut run = Self::of(terms(options), waiting(targets as usize), None);
        for target in 0..targets {
            run.tell(Event::Online(target));
        }
        run
    }

    fn tell(&mut self, event: Event) {
        self.rollout.handle(event, &mut self.budgets, self.now, &mut self.out);
    }

    /// Takes a step and returns what is sent.
    fn asks(&mut self) -> Vec<(u32, Ask)> {
        self.rollout.step(&mut self.budgets, self.now, &mut self.out);
        std::mem::take(&mut self.out.asks)
    }

    /// Takes a step and returns the targets that are started.
    fn starts(&mut self) -> Vec<u32> {
        self.asks()
            .into_iter()
            .map(|(target, ask)| {
                assert_eq!(ask, Ask::Start);
                target
            })
            .collect()
    }

    fn pass(&mut self, millis: u64) {
        self.now.steady += millis;
        self.now.wall += i64::try_from(millis).unwrap();
    }

    fn end(&mut self, target: u32, state: EndState) {
        self.tell(Event::Answered(target, Ask::Start, Answer::Accepted));
        self.tell(Event::Stored(target, state));
    }

    fn counts(&self) -> String {
        self.rollout.counts().to_string()
    }
}

#[test]
fn stages_wait_for_the_one_before_and_for_the_soak() {
    let mut run = Run::new(Options { soak: 10, ..options(&["1", "3"]) }, 5);
    assert_eq!(run.starts(), [0]);
    run.end(0, EndState::Succeeded);
    assert_eq!(run.starts(), [] as [u32; 0]);
    assert_eq!(run.rollout.wait(run.now), Some(Duration::from_secs(10)));
    run.pass(10_000);
    assert_eq!(run.starts(), [1, 2]);
    run.end(1, EndState::Succeeded);
    run.pass(60_000);
    assert_eq!(run.starts(), [] as [u32; 0]);
    run.end(2, EndState::Succeeded);
    assert_eq!(run.starts(), [] as [u32; 0]);
    run.pass(10_000);
    assert_eq!(run.starts(), [3, 4]);
    run.end(3, EndState::Succeeded);
    run.end(4, EndState::Succeeded);
    assert!(run.asks().is_empty() && run.rollout.is_over());
    assert_eq!(run.out.run, Some(RunChange::Ended(RunEnd::Completed, None)));
    assert_eq!(run.rollout.wait(run.now), None);
}

#[test]
fn an_offline_host_does_not_hold_up_the_next_stage_unless_nobody_tried() {
    let mut run = Run::new(options(&["2"]), 3);
    run.tell(Event::Offline(0));
    run.tell(Event::Offline(1));
    assert_eq!(run.starts(), [] as [u32; 0]);
    assert_eq!(run.counts(), "3 = 1 waiting + 2 queued");
    run.tell(Event::Online(1));
    assert_eq!(run.starts(), [1]);
    run.end(1, EndState::Succeeded);
    assert_eq!(run.starts(), [2]);
    run.tell(Event::Online(0));
    assert_eq!(run.starts(), [0]);
}

#[test]
fn the_ramp_adds_a_host_for_each_success() {
    let mut run = Run::new(Options { ramp: true, ..options(&[]) }, 20);
    assert_eq!(run.starts(), [0]);
    run.end(0, EndState::Succeeded);
    assert_eq!(run.starts(), [1, 2]);
    run.end(1, EndState::Succeeded);
    run.end(2, EndState::Succeeded);
    assert_eq!(run.starts(), [3, 4, 5, 6]);
}

#[test]
fn a_failure_too_many_stops_the_sending_and_what_runs_ends() {
    let stop_after = Tolerance::UpTo(Share::Number(1));
    let concurrency = Share::Number(3);
    let mut run = Run::new(Options { stop_after, concurrency, ..options(&[]) }, 6);
    assert_eq!(run.starts(), [0, 1, 2]);
    run.end(0, EndState::Failed);
    assert_eq!(run.starts(), [3]);
    run.end(1, EndState::TimedOut);
    assert_eq!(run.starts(), [] as [u32; 0]);
    assert_eq!(
        run.out.run,
        Some(RunChange::Stopping(RunEnd::Stopped, "stopped after 2 hosts failed".into()))
    );
    assert_eq!(run.counts(), "6 = 2 sent + 1 failed + 1 timed_out + 2 canceled_before_start");
    run.end(2, EndState::Succeeded);
    run.end(3, EndState::Succeeded);
    run.asks();
    assert!(matches!(run.out.run, Some(RunChange::Ended(RunEnd::Stopped, Some(_)))));
}

#[test]
fn too_many_failures_of_a_stage_stop_the_run_after_it() {
    let max_failed = Some(Tolerance::NONE);
    let mut run =
        Run::new(Options { max_failed, stop_after: Tolerance::Any, ..options(&["2"]) }, 3);
    assert_eq!(run.starts(), [0, 1]);
    run.end(0, EndState::Failed);
    assert!(run.starts().is_empty() && run.rollout.stopping().is_none());
    run.end(1, EndState::Succeeded);
    assert!(run.starts().is_empty());
    assert_eq!(run.rollout.stopping(), Some((RunEnd::Stopped, "1 host of stage 1 failed")));
}

#[test]
fn nothing_is_sent_after_not_after_and_what_waits_expires() {
    let mut run = Run::new(Options { concurrency: Share::Number(1), ..options(&[]) }, 3);
    run.tell(Event::Offline(0));
    assert_eq!(run.starts(), [1]);
    run.now.wall = HOUR;
    assert_eq!(run.rollout.wait(run.now), Some(Duration::ZERO));
    assert!(run.starts().is_empty());
    assert_eq!(run.counts(), "3 = 1 sent + 2 expired");
    let whys: Vec<_> = run.out.changes.iter().filter_map(|change| change.why.as_deref()).collect();
    assert_eq!(
        whys,
        ["the host was offline until not_after", "its turn did not come before not_after"]
    );
    // The clock is set back: nothing begins again. The host is asked what it knows.
    run.now.wall = 0;
    run.tell(Event::Offline(1));
    run.tell(Event::Online(1));
    assert_eq!(run.asks(), [(1, Ask::Status)]);
    run.tell(Event::Answered(1, Ask::Status, Answer::Unknown));
    run.asks();
    assert_eq!(run.counts(), "3 = 3 expired");
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    let mut run = Run::new(options(&[]), 1);
    assert_eq!(run.starts(), [0]);
    run.tell(Event::Offline(0));
    run.now.wall = HOUR;
    run.asks();
    assert_eq!(run.rollout.wait(run.now), Some(Duration::from_secs(3600)));
    run.pass(3_599_999);
    run.asks();
    assert!(!run.rollout.is_over());
    run.pass(1);
    run.asks();
    assert_eq!(run.counts(), "1 = 1 interrupted");
    // It comes back after all, and its result tells.
    run.tell(Event::Stored(0, EndState::Succeeded));
    assert_eq!(run.counts(), "1 = 1 succeeded");
}

#[test]
fn a_refused_repetition_does_not_end_a_command_that_may_run() {
    let mut run = Run::new(options(&[]), 1);
    assert_eq!(run.starts(), [0]);
    run.tell(Event::Offline(0));
    run.tell(Event::Online(0));
    assert_eq!(run.starts(), [0]);
    let refused = End::because(EndState::Refused, "by the policy");
    run.tell(Event::Answered(0, Ask::Start, Answer::Ended(refused.clone())));
    assert_eq!(run.asks(), [(0, Ask::Status)]);
    run.tell(Event::Answered(0, Ask::Status, Answer::Accepted));
    assert_eq!(run.counts(), "1 = 1 running");

    let mut run = Run::new(options(&[]), 1);
    run.starts();
    run.tell(Event::Unanswered(0));
    run.pass(1_000);
    assert_eq!(run.starts(), [0]);
    run.tell(Event::Answered(0, Ask::Start, Answer::Ended(refused)));
    run.tell(Event::Answered(0, Ask::Status, Answer::Unknown));
    assert_eq!(run.counts(), "1 = 1 refused");
}

#[test]
fn a_host_without_room_is_asked_again_later_and_gives_its_place_back() {
    let mut run = Run::new(Options { concurrency: Share::Number(1), ..options(&[]) }, 2);
    run.budgets.limit("all", Some(1));
    assert_eq!(run.starts(), [0]);
    run.tell(Event::Answered(0, Ask::Start, Answer::Retry("No space".into())));
    assert_eq!(run.starts(), [1]);
    assert_eq!(run.counts(), "2 = 1 queued + 1 sent");
    run.end(1, EndState::Succeeded);
    assert!(run.starts().is_empty());
    run.pass(1_000);
    assert_eq!(run.starts(), [0]);
    run.tell(Event::Answered(0, Ask::Start, Answer::Retry("No space".into())));
    run.pass(1_000);
    assert!(run.starts().is_empty(), "the wait doubles");
    run.now.wall = HOUR;
    run.asks();
    let last = run.out.changes.last().unwrap();
    assert_eq!(last.state, TargetState::Ended(EndState::Expired));
    assert_eq!(last.why.as_deref(), Some("until not_after: No space"));
}

#[test]
fn a_cancel_sends_nothing_more_and_cancels_what_runs() {
    let mut run = Run::new(Options { concurrency: Share::Number(3), ..options(&[]) }, 5);
    assert_eq!(run.starts(), [0, 1, 2]);
    run.tell(Event::Answered(0, Ask::Start, Answer::Accepted));
    run.tell(Event::Offline(2));
    run.tell(Event::Cancel("canceled by root".into()));
    assert_eq!(run.asks(), [(0, Ask::Cancel), (1, Ask::Cancel)]);
    assert_eq!(run.counts(), "5 = 2 sent + 1 running + 2 canceled_before_start");
    run.tell(Event::Online(2));
    assert_eq!(run.asks(), [(2, Ask::Cancel)]);
    run.tell(Event::Answered(2, Ask::Cancel, Answer::Unknown));
    run.tell(Event::Answered(1, Ask::Start, Answer::Accepted));
    run.tell(Event::Stored(0, EndState::Canceled));
    run.tell(Event::Stored(1, EndState::Canceled));
    assert!(run.asks().is_empty());
    assert_eq!(run.counts(), "5 = 3 canceled_before_start + 2 canceled");
    let end = RunChange::Ended(RunEnd::Canceled, Some("canceled by root".into()));
    assert_eq!(run.out.run, Some(end));
}

#[test]
fn a_rollout_goes_on_from_its_rows() {
    let row = |state, asked| TargetRow { state, asked, code: None, budgets: Vec::new(), why: None };
    let rows = vec![
        row(TargetState::Ended(EndState::Succeeded), true),
        row(TargetState::Sent, true),
        row(TargetState::Running, true),
        row(TargetState::Waiting, false),
        row(TargetState::Waiting, false),
    ];
    let concurrency = Share::Number(3);
    let mut run = Run::of(terms(Options { concurrency, ..options(&["1", "4"]) }), rows, None);
    assert_eq!(run.rollout.stages_begun(), 2);
    for target in 0..5 {
        run.tell(Event::Online(target));
    }
    assert_eq!(run.asks(), [(1, Ask::Start), (2, Ask::Status), (3, Ask::Start)]);
    for target in 1..4 {
        run.tell(Event::Stored(target, EndState::Succeeded));
    }
    assert_eq!(run.starts(), [4]);
}

#[test]
fn a_budget_holds_over_two_runs() {
    let mut budgets = Budgets::default();
    budgets.limit("db", Some(2));
    let now = Moment { wall: 0, steady: 0 };
    let db = budgets.id("db");
    let rows = |count: usize| {
        let mut rows = waiting(count);
        rows[0].budgets.clear();
        rows[1..].iter_mut().for_each(|row| row.budgets.push(db));
        rows
    };
    let mut one = Rollout::new(terms(options(&[])), rows(4), None, &mut budgets, now);
    let mut two = Rollout::new(terms(options(&[])), rows(3), None, &mut budgets, now);
    let mut out = Output::default();
    for (rollout, count) in [(&mut one, 4), (&mut two, 3)] {
        for target in 0..count {
            rollout.handle(Event::Online(target), &mut budgets, now, &mut out);
        }
        rollout.step(&mut budgets, now, &mut out);
    }
    let asked: Vec<u32> = out.asks.iter().map(|ask| ask.0).collect();
    assert_eq!(asked, [0, 1, 2, 0]);
    assert!(one.waits_for_budgets() && two.waits_for_budgets());
    one.handle(Event::Stored(1, EndState::Succeeded), &mut budgets, now, &mut out);
    two.step(&mut budgets, now, &mut out);
    assert_eq!(two.state(1), TargetState::Sent);
}

#[test]
fn a_request_that_is_no_command_may_be_repeated_until_not_after() {
    let mut run = Run::of(Terms { is_task: false, ..terms(options(&[])) }, waiting(2), None);
    run.tell(Event::Online(0));
    run.tell(Event::Online(1));
    assert_eq!(run.starts(), [0, 1]);
    run.tell(Event::Unanswered(0));
    run.pass(1_000);
    assert_eq!(run.starts(), [0]);
    run.tell(Event::Answered(0, Ask::Start, Answer::Ended(End::new(EndState::Invalid))));
    run.now.wall = HOUR;
    run.tell(Event::Offline(1));
    run.asks();
    assert_eq!(run.counts(), "2 = 1 invalid + 1 interrupted");
}
