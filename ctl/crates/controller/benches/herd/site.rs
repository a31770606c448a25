//! Three nodes on PostgreSQL and NATS, and the processes that play their agents.

use crate::player::Player;
use crate::support::Controller;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use test_support::{NatsServer, PostgresDatabase, PostgresServer, Scratch, wait_some_within};

pub(crate) const NODES: usize = 3;

/// More than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// A site. Its parts end in this order.
pub(crate) struct Site {
    pub(crate) players: Vec<Player>,
    pub(crate) nodes: Vec<Controller>,
    /// The node that has ended.
    pub(crate) ended: Option<usize>,
    pub(crate) bus: NatsServer,
    database: PostgresDatabase<'static>,
}

impl Site {
    /// Starts the nodes, and as many processes that play these agents. `None` where PostgreSQL or NATS is
    /// not installed.
    pub(crate) fn start(agents: usize) -> Option<Self> {
        // By its own settings PostgreSQL syncs each commit to the disk.
        let server: &'static PostgresServer =
            Box::leak(Box::new(PostgresServer::start(&["-cmax_connections=200"])?));
        let bus = NatsServer::start("")?;
        let mut site = Self {
            players: Vec::new(),
            nodes: Vec::new(),
            ended: None,
            bus,
            database: server.create(),
        };
        for node in 0..NODES {
            let scratch = Scratch::new("controller");
            if let Some(first) = site.nodes.first() {
                let dir = scratch.file("dev");
                std::fs::create_dir_all(&dir).unwrap();
                for name in ["ca.pem", "ca.key", "server.pem", "server.key"] {
                    std::fs::copy(first.dir.join(name), dir.join(name)).unwrap();
                }
            }
            let started = site.start_node(node, scratch);
            site.nodes.push(started);
        }
        let (dir, addresses) = (site.nodes[0].dir.clone(), site.addresses());
        let from = |player: usize| agents * player / NODES;
        site.players = (0..NODES)
            .map(|player| Player::start(&dir, &addresses, from(player)..from(player + 1)))
            .collect();
        site.players.iter_mut().for_each(Player::wait);
        Some(site)
    }

    fn start_node(&self, node: usize, scratch: Scratch) -> Controller {
        let (name, url) = (format!("node-{node}"), self.bus.url());
        let flags = ["--database", self.database.url(), "--bus", &url, "--node-name", &name];
        Controller::start_under(&[], &flags, scratch)
    }

    /// Starts the node that has ended, on another port, of which the agents hear.
    pub(crate) fn start_again(&mut self) {
        let Some(node) = self.ended else { return };
        let scratch = self.nodes[node].leave();
        self.nodes[node] = self.start_node(node, scratch);
        self.ended = None;
        let addresses = self.addresses();
        self.players.iter_mut().for_each(|player| player.move_to(&addresses));
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(|node| node.agents).collect()
    }

    /// Returns how many agents are connected.
    pub(crate) fn connected(&mut self) -> usize {
        self.players.iter_mut().map(Player::connected).sum()
    }

    /// Returns how many tasks the agents have started, and the most starts of one.
    pub(crate) fn started(&mut self) -> (usize, u32) {
        let started = self.players.iter_mut().map(Player::started);
        started.fold((0, 0), |all, one| (all.0 + one.0, all.1.max(one.1)))
    }

    /// Waits until so many agents are connected.
    pub(crate) fn wait_for(&mut self, agents: usize) {
        wait_some_within(PATIENCE, "the agents", || (self.connected() >= agents).then_some(()));
    }

    /// Returns the hosts that each running node has, by the list of one of them.
    pub(crate) fn spread(&self) -> Vec<u64> {
        let nodes = self.nodes[self.follower()].get("/nodes").1;
        let rows = nodes["nodes"].as_array().unwrap().iter();
        let running = rows.filter(|row| row["running"] == true);
        running.map(|row| row["connected"].as_u64().unwrap()).collect()
    }

    /// Returns the node that leads.
    pub(crate) fn leader(&self) -> Option<usize> {
        let read = "SELECT n.name FROM nodes n, controller c WHERE n.number = c.lead";
        self.database.sql(read).strip_prefix("node-")?.parse().ok()
    }

    /// Returns the resident memory of the nodes that run, in KiB.
    pub(crate) fn resident(&self) -> Vec<usize> {
        self.running().map(Controller::resident).collect()
    }

    /// Returns the time that the nodes have used of the processors.
    pub(crate) fn processor_time(&self) -> Duration {
        self.running().map(Controller::processor_time).sum()
    }

    fn running(&self) -> impl Iterator<Item = &Controller> {
        let runs = |(node, _): &(usize, &Controller)| Some(*node) != self.ended;
        self.nodes.iter().enumerate().filter(runs).map(|(_, node)| node)
    }

    /// Returns a running node that does not lead.
    pub(crate) fn follower(&self) -> usize {
        let leader = wait_some_within(PATIENCE, "a leader", || self.leader());
        let follows = |node: &usize| *node != leader && Some(*node) != self.ended;
        (0..NODES).find(follows).unwrap()
    }
}

/// Plans `true` on all hosts by a node; returns the run's id.
pub(crate) fn plan(node: &Controller, concurrency: &str) -> String {
    let body = json!({
        "request": { "method": "async.bash", "cmd": "true" }, "selector": "",
        "concurrency": concurrency, "ramp": false, "stop_after": "none",
    });
    let (status, run) = node.post("/plans", &body);
    assert_eq!(status, 201, "{run}");
    run["id"].as_str().unwrap().to_owned()
}

/// Applies a run by a node.
pub(crate) fn apply(node: &Controller, run: &str) {
    let (status, applied) = node.post(&format!("/plans/{run}/apply"), &json!({}));
    assert_eq!(status, 200, "{applied}");
}

/// Returns the run, if it has ended.
pub(crate) fn ended(node: &Controller, run: &str) -> Option<Value> {
    let found = node.get(&format!("/runs/{run}")).1;
    (found["state"] == "ended").then_some(found)
}
