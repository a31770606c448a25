//! Several controllers on one database and one bus: each of them answers for every host.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod support;

use agent_wire::message::InitReply;
use serde_json::{Value, json};
use std::sync::mpsc::{Receiver, channel};
use support::{Agent, Controller, DEADLINE, Host};
use test_support::{NatsServer, PostgresDatabase, PostgresServer, wait_some, wait_until};

/// A site: its nodes, its bus and its database.
struct Site {
    nodes: Vec<Controller>,
    bus: NatsServer,
    database: PostgresDatabase<'static>,
}

impl Site {
    /// Starts so many nodes. `None`, with a line that the test is skipped, where PostgreSQL or NATS is
    /// not installed.
    fn start(nodes: usize) -> Option<Self> {
        let (server, bus) = (PostgresServer::shared()?, NatsServer::start("")?);
        let mut site = Self { nodes: Vec::new(), bus, database: server.create() };
        (0..nodes).for_each(|number| site.add(number));
        Some(site)
    }

    /// Starts another node.
    fn add(&mut self, number: usize) {
        let name = format!("node-{number}");
        let url = self.bus.url();
        let flags = ["--database", self.database.url(), "--bus", &url, "--node-name", &name];
        self.nodes.push(Controller::start_own(&flags));
    }

    /// Lets a host join by one node.
    fn host(&self, by: usize) -> Host {
        let (_, token) = self.nodes[by].join_token(&json!({ "max_uses": 10 }));
        self.nodes[by].enroll(&token)
    }

    /// Returns the name of the node that leads.
    fn leader(&self) -> Option<usize> {
        let read = "SELECT n.name FROM nodes n, controller c WHERE n.number = c.lead";
        self.database.sql(read).strip_prefix("node-")?.parse().ok()
    }
}

/// Answers an agent's next request, which must have this method, by success with this data.
fn answer(agent: &mut Agent, method: &str, data: &Value) -> Value {
    let request = loop {
        let message = agent.receive().expect("a request");
        if message["method"] == method {
            break message;
        }
    };
    let reply = json!({
        "id": request["id"], "resp": "success", "retcode": 0, "message": "", "data": data
    });
    agent.send(&format!("{reply}\n"));
    Value::Object(request)
}

fn connected(node: &Controller, host: &str) -> bool {
    node.get(&format!("/hosts/{host}")).1["connected"] == true
}

#[test]
fn a_host_joins_by_one_node_and_is_asked_by_another_one() {
    let Some(site) = Site::start(2) else { return };
    // Both nodes have the same CA, which the first one made.
    assert_eq!(site.nodes[0].roots(), site.nodes[1].roots());
    let host = site.host(1);
    let mut agent = site.nodes[0].channel(&host);
    wait_until("the other node knows it", || connected(&site.nodes[1], &host.id));
    let list = site.nodes[1].get("/hosts?connected=true").1;
    assert_eq!(list["hosts"][0]["id"], host.id);
    assert!(list["hosts"][0]["connected_at"].is_string(), "{list}");
    for node in &site.nodes {
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| node.ask(&host.id, r#"{"method":"getinfo.os","wait":30}"#));
            answer(&mut agent, "getinfo.os", &json!({ "name": "Debian" }));
            let (status, reply) = asking.join().unwrap();
            assert_eq!((status, &reply["data"]["name"]), (200, &json!("Debian")), "{reply}");
        });
    }
    drop(agent);
    for node in &site.nodes {
        wait_until("both know that it has gone", || !connected(node, &host.id));
        assert_eq!(node.ask(&host.id, r#"{"method":"getinfo.os"}"#).0, 404);
    }
}

/// Answers every request of an agent by success, as long as it has a channel.
fn answer_all(agent: Agent) -> Receiver<String> {
    play(agent, channel().1)
}

#[test]
fn a_host_that_moves_to_another_node_is_connected_all_the_time() {
    let Some(site) = Site::start(2) else { return };
    let host = site.host(0);
    let agent = site.nodes[0].channel(&host);
    wait_until("it is known", || connected(&site.nodes[1], &host.id));
    drop(agent);
    let _ids = answer_all(site.nodes[1].channel(&host));
    for node in &site.nodes {
        wait_until("it answers at its new node", || {
            node.ask(&host.id, r#"{"method":"getinfo.os"}"#).0 == 200
        });
    }
}

/// Reads an agent's channel until the server's last words, a goodbye; returns them.
fn farewell(mut agent: Agent) -> Value {
    let mut last = Value::Null;
    while let Ok(Some(message)) = agent.try_receive() {
        if message.contains_key("return_within") {
            last = Value::Object(message);
        }
    }
    last
}

/// Waits until each node knows where agents reach the others.
fn know_each_other(site: &Site) {
    for node in &site.nodes {
        wait_until("it knows all nodes", || {
            let list = node.get("/nodes").1;
            let rows = list["nodes"].as_array().unwrap();
            rows.len() == site.nodes.len()
                && rows.iter().all(|row| row["listen"].as_array().is_some_and(|at| !at.is_empty()))
        });
    }
}

/// Returns the number of a node.
fn number(site: &Site, node: usize) -> i64 {
    let list = site.nodes[0].get("/nodes").1;
    let name = format!("node-{node}");
    let found = list["nodes"].as_array().unwrap().iter().find(|row| row["name"] == name.as_str());
    found.unwrap()["number"].as_i64().unwrap()
}

#[test]
fn a_drained_node_sends_its_hosts_and_the_lead_to_the_others_until_it_is_resumed() {
    let Some(site) = Site::start(2) else { return };
    know_each_other(&site);
    let leader = wait_some("a leader", || site.leader());
    let other = 1 - leader;
    let host = site.host(leader);
    let agent = site.nodes[leader].channel(&host);
    wait_until("it is known", || connected(&site.nodes[other], &host.id));
    let drained = format!("/nodes/{}", number(&site, leader));
    let (status, node) = site.nodes[other].post(&format!("{drained}/drain"), &json!({}));
    assert_eq!((status, &node["drained"]), (200, &json!(true)), "{node}");
    let goodbye = farewell(agent);
    assert_eq!(goodbye["server"], site.nodes[other].agents.to_string(), "{goodbye}");
    wait_until("the other one leads", || site.leader() == Some(other));
    wait_until("a host that comes is redirected", || {
        matches!(site.nodes[leader].open_channel(&host, &json!({})).1,
            InitReply::Redirect { server } if server == site.nodes[other].agents.to_string())
    });
    let _kept = site.nodes[other].channel(&host);
    wait_until("it is connected", || connected(&site.nodes[leader], &host.id));
    // Nobody takes its hosts if the other one is drained, too.
    let both = format!("/nodes/{}", number(&site, other));
    assert_eq!(site.nodes[leader].post(&format!("{both}/drain"), &json!({})).0, 200);
    wait_until("it is accepted", || {
        matches!(site.nodes[leader].open_channel(&host, &json!({})).1, InitReply::Accept)
    });
    for node in [&drained, &both] {
        let (status, node) = site.nodes[other].post(&format!("{node}/resume"), &json!({}));
        assert_eq!((status, &node["drained"]), (200, &json!(false)), "{node}");
    }
    assert_eq!(site.nodes[0].delete(&drained), 409, "it runs");
    assert_eq!(site.nodes[0].post("/nodes/77/drain", &json!({})).0, 404);
    let audit = site.nodes[0].get("/events?limit=1000").1.to_string();
    assert!(audit.contains("nodes.manage"), "{audit}");
}

#[test]
fn a_node_that_stops_hands_its_hosts_and_the_lead_on_at_once() {
    let Some(mut site) = Site::start(2) else { return };
    know_each_other(&site);
    let leader = wait_some("a leader", || site.leader());
    let other = 1 - leader;
    let host = site.host(leader);
    let agent = site.nodes[leader].channel(&host);
    let leaving = number(&site, leader);
    wait_until("it is known", || connected(&site.nodes[other], &host.id));
    site.nodes[leader].signal("-TERM");
    let goodbye = farewell(agent);
    assert_eq!(goodbye["server"], site.nodes[other].agents.to_string(), "{goodbye}");
    assert!(site.nodes[leader].wait().success());
    wait_until("the other one leads", || site.leader() == Some(other));
    wait_until("the host is away", || !connected(&site.nodes[other], &host.id));
    let gone = site.nodes[other].get("/nodes").1;
    let gone = gone["nodes"].as_array().unwrap().iter().find(|row| row["number"] == leaving);
    assert_eq!(gone.unwrap()["running"], false);
    assert_eq!(site.nodes[other].delete(&format!("/nodes/{leaving}")), 204);
    wait_until("it is forgotten", || {
        site.nodes[other].get("/nodes").1["nodes"].as_array().unwrap().len() == 1
    });
}

#[test]
fn a_node_without_its_database_says_so_and_still_answers_for_its_hosts() {
    let Some(server) = PostgresServer::start(&[]) else { return };
    let Some(bus) = NatsServer::start("") else { return };
    let database = server.create();
    let url = bus.url();
    let node = Controller::start_own(&["--database", database.url(), "--bus", &url]);
    let (_, token) = node.join_token(&json!({ "max_uses": 10 }));
    let host = node.enroll(&token);
    let _ids = answer_all(node.channel(&host));
    wait_until("it is ready", || node.probe("/readyz").0 == 200);
    server.kill();
    let (_, why) = wait_some("that it is not ready", || {
        Some(node.probe("/readyz")).filter(|(status, _)| *status == 503)
    });
    assert!(why["detail"].as_str().unwrap().contains("store"), "{why}");
    assert_eq!(node.probe("/healthz").0, 200);
    server.start_again();
    wait_until("it is ready again", || node.probe("/readyz").0 == 200);
    wait_until("the host answers", || node.ask(&host.id, r#"{"method":"getinfo.os"}"#).0 == 200);
}

#[test]
fn a_ban_by_one_node_ends_the_channel_at_another_one_also_without_the_bus() {
    let Some(mut site) = Site::start(2) else { return };
    for with_bus in [true, false] {
        let host = site.host(0);
        let mut agent = site.nodes[0].channel(&host);
        wait_until("it is known", || connected(&site.nodes[1], &host.id));
        if !with_bus {
            site.bus.kill();
        }
        let (status, body) = site.nodes[1].post(&format!("/hosts/{}/ban", host.id), &json!({}));
        assert!(status < 300, "{status}: {body}");
        wait_some("the end of the channel", || match agent.try_receive() {
            Ok(None) | Err(_) => Some(()),
            Ok(Some(_)) => None,
        });
    }
}

/// Plays a host that does each command once it is allowed to; returns the ids of those that it gets.
fn play(mut agent: Agent, allowed: Receiver<()>) -> Receiver<String> {
    let (sender, received) = channel();
    std::thread::spawn(move || {
        let mut known = Vec::new();
        while let Ok(Some(message)) = agent.try_receive() {
            let id = message["id"].as_str().unwrap_or_default().to_owned();
            let answer = |more: Value| {
                let mut answer =
                    json!({ "id": id, "resp": "success", "retcode": 0, "message": "Accepted" });
                answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                format!("{answer}\n")
            };
            match message["method"].as_str() {
                Some("async.bash") if known.contains(&id) => {
                    agent.send(&answer(json!({ "message": "Known" })));
                }
                Some("async.bash") => {
                    known.push(id.clone());
                    agent.send(&answer(json!({})));
                    // The test may have ended.
                    let _ = sender.send(id.clone());
                    if allowed.recv().is_err() {
                        return;
                    }
                    agent.send(&answer(json!({
                        "method": "async.result", "message": "Normal termination", "data": "",
                        "started": "2026-01-31T09:30:00Z"
                    })));
                }
                Some("async.status") => {
                    agent.send(&answer(json!({ "data": { "state": "running" } })));
                }
                _ => agent.send(&answer(json!({}))),
            }
        }
    });
    received
}

#[test]
fn a_run_goes_on_when_the_node_that_drives_it_is_killed() {
    let Some(mut site) = Site::start(3) else { return };
    let leader = wait_some("a leader", || site.leader());
    // The hosts are at the others.
    let others: Vec<usize> = (0..3).filter(|node| *node != leader).collect();
    let hosts = [site.host(others[0]), site.host(others[1])];
    let (gates, played): (Vec<_>, Vec<_>) = hosts
        .iter()
        .zip(&others)
        .map(|(host, node)| {
            let (gate, allowed) = channel();
            (gate, play(site.nodes[*node].channel(host), allowed))
        })
        .unzip();
    for host in &hosts {
        wait_until("it is known", || connected(&site.nodes[leader], &host.id));
    }
    let body = json!({
        "request": { "method": "async.bash", "cmd": "true" }, "concurrency": 1,
        "hosts": hosts.iter().map(|host| host.id.as_str()).collect::<Vec<_>>()
    });
    let (status, run) = site.nodes[others[0]].post("/runs", &body);
    assert_eq!(status, 201, "{run}");
    let run = format!("/runs/{}", run["id"].as_str().unwrap());
    let next = |place: usize| played[place].recv_timeout(DEADLINE).expect("a command in time");
    let first =
        wait_some("the first command", || (0..2).find(|place| played[*place].try_recv().is_ok()));
    site.nodes[leader].kill();
    let another = wait_some("another leader", || site.leader().filter(|next| *next != leader));
    assert_ne!(another, leader);
    gates[first].send(()).unwrap();
    let second = 1 - first;
    next(second);
    gates[second].send(()).unwrap();
    let node = &site.nodes[others[1]];
    wait_until("the run ends", || node.get(&run).1["state"] == "ended");
    let ended = node.get(&run).1;
    assert_eq!(ended["equation"]["succeeded"], 2, "{ended}");
    // Nobody was asked twice.
    assert!(played.iter().all(|played| played.try_recv().is_err()));
}

#[test]
fn a_clone_goes_to_its_hosts_node_and_is_listed_and_settled_by_any_node() {
    let Some(site) = Site::start(2) else { return };
    know_each_other(&site);
    let host = site.host(0);
    let mut first = site.nodes[0].channel(&host);
    wait_until("it is known", || connected(&site.nodes[1], &host.id));
    // The one that was there first answers when the other node asks for it.
    let answering = std::thread::spawn(move || {
        while let Ok(Some(message)) = first.try_receive() {
            if message.contains_key("id") {
                let reply = json!({
                    "id": message["id"], "resp": "success", "retcode": 0, "message": "", "data": ""
                });
                first.send(&format!("{reply}\n"));
            }
        }
    });
    let there = site.nodes[0].agents.to_string();
    let (_, reply) = site.nodes[1].open_channel(&host, &json!({ "boot": "another" }));
    assert!(matches!(&reply, InitReply::Redirect { server } if *server == there), "{reply:?}");
    let (mut clone, reply) = site.nodes[0].open_channel(&host, &json!({ "boot": "another" }));
    assert!(matches!(reply, InitReply::Accept), "{reply:?}");
    for node in &site.nodes {
        wait_until("each node lists it", || {
            node.get("/fleet/clones").1["hosts"][0]["clones"][0]["boot"] == "another"
        });
        wait_until("each node shows it", || {
            node.get(&format!("/hosts/{}", host.id)).1["clones"][0]["boot"] == "another"
        });
    }
    let settle = format!("/hosts/{}/settle", host.id);
    let (status, body) = site.nodes[1].post(&settle, &json!({ "choice": "keep" }));
    assert_eq!(status, 200, "{body}");
    wait_until("the other node has ended its channel", || {
        !matches!(clone.try_receive(), Ok(Some(_)))
    });
    drop(answering);
}
