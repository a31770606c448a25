//! The agent is killed before each change of a file that a renewal makes. The real controller has
//! it renew.

use crate::real::{Controller, config, join};
use e2e::{Agent, AgentConfig, Killer, Scratch, eventually};
use serde_json::{Value, json};

/// The changes of a renewal that are known: fewer would mean that some are not seen.
const LEAST: i64 = 20;

/// Whether a renewal is neither under way nor waits to be used. What a crash leaves half-written is
/// not read, and overwritten next time.
fn is_settled(agent: &Agent) -> bool {
    let names = std::fs::read_dir(agent.scratch().file("state/identity")).expect("the folder");
    let names = names.map(|entry| entry.expect("an entry").file_name());
    names
        .filter_map(|name| name.into_string().ok())
        .all(|name| !name.starts_with("next-") || name.ends_with(".new"))
}

fn is_renewed(agent: &Agent) -> bool {
    agent.scratch().file("state/identity/next-cert.pem").exists()
}

/// Starts the agent until it is connected and its last renewal is in use, or it is killed.
async fn settles(agent: &mut Agent, controller: &Controller, id: &str) -> bool {
    loop {
        agent.kill();
        eventually("it has left", || !is_in(controller, id)).await;
        let had_renewed = is_renewed(agent);
        agent.restart();
        eventually("the renewal goes on", || {
            agent.ended().is_some()
                || is_settled(agent) && is_in(controller, id)
                || !had_renewed && is_renewed(agent)
        })
        .await;
        if agent.ended().is_some() {
            return false;
        }
        // With a renewed pair it is restarted, rather than waited for: that uses it at once.
        if is_settled(agent) {
            return true;
        }
    }
}

fn shown(controller: &Controller, id: &str) -> Value {
    controller.ask("GET", &format!("hosts/{id}"), None)
}

fn is_in(controller: &Controller, id: &str) -> bool {
    let host = shown(controller, id);
    host["connected"] == true && host["state"] == "active"
}

#[tokio::test]
async fn a_renewal_that_is_killed_at_any_write_leaves_one_identity_that_the_controller_takes() {
    let (controller, scratch) = (Controller::start().await, Scratch::new("agent"));
    let id = join(&controller, &scratch);
    let killer = Killer::new(&scratch.file("state/identity"));
    let wrapper = killer.wrapper();
    let mut agent = Agent::start_in(scratch, AgentConfig { wrapper, ..config(&controller) });
    let mut change = 0;
    loop {
        change += 1;
        eventually("the agent is in", || is_in(&controller, &id)).await;
        let generation = shown(&controller, &id)["generation"].clone();
        let path = agent.scratch().file("state/identity/cert.pem");
        let certificate = || std::fs::read(&path).ok();
        let before = certificate();
        killer.kill_before(change);
        // The host renews, since an operator has looked whether there are two of it.
        controller.ask("POST", &format!("hosts/{id}/settle"), Some(&json!({ "choice": "keep" })));
        // The renewed pair may be in use already.
        eventually("it is renewed or killed", || {
            agent.ended().is_some() || is_renewed(&agent) || certificate() != before
        })
        .await;
        if agent.ended().is_none() {
            // The renewed pair comes into use, unless it is killed then.
            settles(&mut agent, &controller, &id).await;
        }
        if killer.is_waiting() {
            assert_ne!(shown(&controller, &id)["generation"], generation, "it has renewed");
            break;
        }
        assert!(settles(&mut agent, &controller, &id).await, "it ended by itself");
        let host = shown(&controller, &id);
        assert_eq!((&host["state"], &host["clones"]), (&json!("active"), &Value::Null), "{host}");
    }
    assert!(change > LEAST, "only {change} changes");
    let hosts = controller.ask("GET", "hosts", None);
    assert_eq!(hosts["hosts"].as_array().map(Vec::len), Some(1), "{hosts}");
}
