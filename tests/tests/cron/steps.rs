//! Jobs while the agent's clock is set (docs/schedules.md rule 31).

use super::*;
use serde_json::from_value;

const HOUR: i64 = 3600;

/// An agent with a clock of its own and a job of every second.
async fn ticking() -> (Server, Agent, Channel, Clock) {
    let clock = Clock::new();
    let pki = Pki::new();
    let server = Server::start(&pki).await;
    let config = AgentConfig { wrapper: clock.wrapper(), ..AgentConfig::new(server.address()) };
    let agent = Agent::start(&pki, config);
    let mut channel = server.channel().await;
    let fields = json!({"schedule": "* * * * * *", "cmd": "true", "overlap": "allow"});
    let answer = set(&mut channel, "tick", fields).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    (server, agent, channel, clock)
}

/// Sets a job that is due every day at the time of day of an instant.
async fn daily(channel: &mut Channel, name: &str, at: i64) {
    let time = at % 86_400;
    let schedule = format!("{} {} {} * * *", time % 60, time / 60 % 60, time / HOUR);
    let answer =
        set(channel, name, json!({"schedule": schedule, "cmd": "true", "timezone": "UTC"}));
    let answer = answer.await;
    assert_eq!(answer["resp"], "success", "{answer}");
    assert_eq!(seconds(&answer["data"]["next"][0]), at, "{answer}");
}

fn seconds(time: &Value) -> i64 {
    let time: String = from_value(time.clone()).unwrap();
    chrono::DateTime::parse_from_rfc3339(&time).unwrap().timestamp()
}

/// Returns the instants of a job's runs, newest first.
async fn runs(channel: &mut Channel, name: &str) -> Vec<i64> {
    history(channel, name).await.iter().map(|run| seconds(&run["due"])).collect()
}

/// Waits until the newest run of a job is due between two instants.
async fn until_run(channel: &mut Channel, name: &str, from: i64, to: i64) {
    let end = Instant::now() + DEADLINE;
    loop {
        let newest = runs(channel, name).await.first().copied();
        if newest.is_some_and(|newest| (from..=to).contains(&newest)) {
            return;
        }
        assert!(Instant::now() < end, "{name}: {newest:?} is not in {from}..={to}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_job_of_every_second_follows_a_clock_that_is_set_back_at_once() {
    let (server, mut agent, mut channel, clock) = ticking().await;
    for back in [5 * 60, 2 * HOUR + 59 * 60 - 300] {
        let before = clock.now();
        until_run(&mut channel, "tick", before, before + 600).await;
        clock.step(-back * 1000);
        let now = clock.now();
        until_run(&mut channel, "tick", now, now + 60).await;
        let jobs = list(&mut channel).await;
        let next = seconds(&jobs[0]["next"][0]);
        assert!((now..now + 60).contains(&next), "{jobs:?}");
        agent.logged(&format!("the clock was set back by {back} s")).await;
    }
    // The step is not forgotten when the agent restarts.
    agent.restart();
    channel = server.channel().await;
    let now = clock.now();
    until_run(&mut channel, "tick", now, now + 60).await;
    // Instants that come a second time have runs of their own.
    let second = clock.now() + 600;
    clock.set(second);
    until_run(&mut channel, "tick", second, second + 60).await;
    clock.set(second - 1);
    let end = Instant::now() + DEADLINE;
    loop {
        let runs = history(&mut channel, "tick").await;
        let again =
            |run: &Value| run["id"].as_str().or(run["task"].as_str()).unwrap().ends_with(":2");
        if runs.iter().any(again) {
            break;
        }
        assert!(Instant::now() < end, "{runs:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_while_the_agent_is_down_does_not_silence_a_wild_job() {
    let (server, mut agent, mut channel, clock) = ticking().await;
    let before = clock.now();
    until_run(&mut channel, "tick", before, before + 60).await;
    agent.kill();
    clock.step(-HOUR * 1000);
    agent.restart();
    let mut channel = server.channel().await;
    let now = clock.now();
    until_run(&mut channel, "tick", now, now + 60).await;
}

#[tokio::test]
async fn a_fixed_time_is_not_repeated_after_steps_back_of_less_than_three_hours() {
    let (server, mut agent, mut channel, clock) = ticking().await;
    let at = clock.now() + 60;
    daily(&mut channel, "fixed", at).await;
    clock.set(at - 1);
    until_run(&mut channel, "fixed", at, at).await;
    // Far back, across a restart, and by many small steps.
    clock.step(-(2 * HOUR + 59 * 60) * 1000);
    let now = clock.now();
    until_run(&mut channel, "tick", now, now + 60).await;
    let jobs = list(&mut channel).await;
    let fixed = jobs.iter().find(|job| job["name"] == "fixed").unwrap();
    assert_eq!(seconds(&fixed["next"][0]), at + 86_400, "the list says that it is repeated");
    agent.restart();
    channel = server.channel().await;
    clock.set(at - 1);
    until_run(&mut channel, "tick", at + 1, at + 60).await;
    for _ in 0..5 {
        clock.step(-400);
        let now = clock.now();
        until_run(&mut channel, "tick", now + 1, now + 60).await;
    }
    clock.set(at - 1);
    until_run(&mut channel, "tick", at + 1, at + 60).await;
    assert_eq!(runs(&mut channel, "fixed").await, [at]);
}

#[tokio::test]
async fn a_fixed_time_inside_a_step_forward_runs_at_once_and_only_once() {
    let (_server, _agent, mut channel, clock) = ticking().await;
    let at = clock.now() + HOUR;
    daily(&mut channel, "fixed", at).await;
    daily(&mut channel, "later", at + HOUR).await;
    clock.step((HOUR + 1800) * 1000);
    until_run(&mut channel, "fixed", at, at).await;
    // The clock of a wrong server, which is set right again.
    clock.step(-(HOUR + 1800) * 1000);
    clock.step((HOUR + 1790) * 1000);
    let now = clock.now();
    until_run(&mut channel, "tick", now, now + 60).await;
    assert_eq!(runs(&mut channel, "fixed").await, [at]);
    assert_eq!(runs(&mut channel, "later").await, Vec::<i64>::new());
}

#[tokio::test]
async fn the_new_time_is_followed_at_once_after_a_step_of_three_hours_or_more() {
    let (_server, _agent, mut channel, clock) = ticking().await;
    let at = clock.now() + 60;
    daily(&mut channel, "fixed", at).await;
    daily(&mut channel, "skipped", at + HOUR).await;
    clock.set(at - 1);
    until_run(&mut channel, "fixed", at, at).await;
    clock.step(4 * HOUR * 1000);
    let now = clock.now();
    until_run(&mut channel, "tick", now, now + 60).await;
    // A busy agent notices the step seconds later, and follows the new time from there on.
    clock.set(at - 8);
    until_run(&mut channel, "tick", at + 1, at + 60).await;
    assert_eq!(runs(&mut channel, "fixed").await, [at, at], "the second is a day of its own");
    assert_eq!(runs(&mut channel, "skipped").await, Vec::<i64>::new());
}

#[tokio::test]
async fn a_step_during_a_run_changes_neither_its_timeout_nor_its_end() {
    let (_server, agent, mut channel, clock) = ticking().await;
    let started = file(&agent, "started");
    let cmd = format!("echo x >> {}; sleep 2", started.display());
    let fields = json!({"schedule": "@yearly", "cmd": cmd, "timeout": 60});
    set(&mut channel, "long", fields).await;
    for step in [2 * HOUR, -2 * HOUR] {
        let count = lines(&started).len();
        let request = json!({"id": step.to_string(), "method": "cron.run", "name": "long"});
        ask(&mut channel, request).await;
        until_lines(&started, count + 1).await;
        clock.step(step * 1000);
        let ended = result(&mut channel, "long").await;
        assert_eq!(ended["resp"], "success", "{ended}");
    }
}
