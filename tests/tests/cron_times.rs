//! Start times of jobs that were due while the agent was down, and of jobs that a fleet has in
//! common.

#![expect(clippy::unwrap_used, reason = "a failing test panics")]

use e2e::{Agent, AgentConfig, Channel, Clock, Pki, Server};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const HOUR: i64 = 3600;

async fn set(channel: &mut Channel, name: &str, fields: &Value) {
    let mut request = json!({"id": "set", "method": "cron.set", "name": name});
    request.as_object_mut().unwrap().extend(fields.as_object().cloned().unwrap());
    let answer = channel.ask_past(&request).await;
    assert_eq!(answer["resp"], "success", "{answer}");
}

/// Returns the due times of a job's runs.
async fn runs(channel: &mut Channel, name: &str) -> Vec<String> {
    let request = json!({"id": "history", "method": "cron.history", "name": name});
    let answer = channel.ask_past(&request).await;
    let runs = answer["data"].as_array().unwrap();
    runs.iter().map(|run| run["due"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn runs_missed_while_the_agent_was_down_are_caught_up_once_or_skipped() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let pki = Pki::new();
        let server = Server::start(&pki).await;
        // It is half past the hour, so that no run is due during the test.
        let clock = Clock::new();
        clock.set(clock.now() / HOUR * HOUR + HOUR + HOUR / 2);
        let config = AgentConfig { wrapper: clock.wrapper(), ..AgentConfig::new(server.address()) };
        let mut agent = Agent::start(&pki, config);
        let mut channel = server.channel().await;
        for (name, fields) in [
            ("once", json!({"missed": "once"})),
            ("near", json!({"missed": "once", "horizon": 60})),
            ("skip", json!({"missed": "skip"})),
        ] {
            let mut fields = fields;
            fields["schedule"] = json!("0 0 * * * *");
            fields["cmd"] = json!("true");
            fields["timezone"] = json!("UTC");
            set(&mut channel, name, &fields).await;
        }
        agent.signal(signal);
        agent.wait().await;

        // The runs of three full hours are missed, and it is half past the hour again.
        clock.step(3 * HOUR * 1000);
        agent.restart();
        let mut channel = server.channel().await;
        let result = loop {
            let message = channel.next().await.unwrap();
            if message["method"] == "cron.result" {
                break message;
            }
        };
        assert_eq!(
            (&result["name"], &result["resp"]),
            (&json!("once"), &json!("success")),
            "{result}"
        );
        for _ in 0..2 {
            let last = clock.now() / HOUR * HOUR;
            let last = rfc3339(last);
            assert_eq!(
                runs(&mut channel, "once").await,
                std::slice::from_ref(&last),
                "after {signal}"
            );
            for name in ["near", "skip"] {
                assert_eq!(
                    runs(&mut channel, name).await,
                    Vec::<String>::new(),
                    "{name} after {signal}"
                );
                let skipped =
                    format!("job {name}: skipped the missed runs that were due until {last}");
                agent.logged(&skipped).await;
            }
            // Caught up once, however often the agent is restarted.
            agent.restart();
            channel = server.channel().await;
        }
    }
}

fn rfc3339(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// Returns the delay of each job's runs in whole seconds: the least of some, because a busy machine
/// may start a run later.
async fn offsets(channel: &mut Channel, jobs: &[String]) -> BTreeMap<String, i64> {
    const RUNS: usize = 4;
    let mut seen: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    while seen.len() < jobs.len() || seen.values().any(|offsets| offsets.len() < RUNS) {
        let message = channel.next().await.unwrap();
        if message["method"] != "cron.result" {
            continue;
        }
        let time = |field: &str| {
            chrono::DateTime::parse_from_rfc3339(message[field].as_str().unwrap()).unwrap()
        };
        let offset = (time("started") - time("due")).num_seconds();
        seen.entry(message["name"].as_str().unwrap().to_owned()).or_default().push(offset);
        channel.send(&json!({"id": "ack", "method": "async.ack", "task": message["id"]})).await;
    }
    seen.into_iter().map(|(name, offsets)| (name, offsets.into_iter().min().unwrap())).collect()
}

#[tokio::test]
async fn each_host_delays_a_job_by_its_own_constant_offset() {
    const MOST: i64 = 3;
    let jobs: Vec<String> = (0..8).map(|number| format!("backup-{number}")).collect();
    let fields =
        json!({"schedule": "* * * * * *", "cmd": "true", "jitter": MOST, "overlap": "allow"});
    let mut hosts = Vec::new();
    for host in ["host-1", "host-2"] {
        let pki = Pki::new();
        let server = Server::start(&pki).await;
        let config = AgentConfig { host_id: host.to_owned(), ..AgentConfig::new(server.address()) };
        let mut agent = Agent::start(&pki, config);
        let mut channel = server.channel().await;
        for name in &jobs {
            set(&mut channel, name, &fields).await;
        }
        let first = offsets(&mut channel, &jobs).await;
        assert!(first.values().all(|offset| (0..=MOST).contains(offset)), "{first:?}");
        agent.restart();
        let mut channel = server.channel().await;
        assert_eq!(offsets(&mut channel, &jobs).await, first, "{host}");
        hosts.push(first);
    }
    assert_ne!(hosts[0], hosts[1]);
    let spread: Vec<_> = hosts[0].values().collect();
    assert!(spread.iter().any(|offset| *offset != spread[0]), "{spread:?}");
}
