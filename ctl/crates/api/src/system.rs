//! The controller itself: its nodes, what they use, and what is kept.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The state of the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct System {
    /// The version of the controller.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// What keeps the controller from doing all of its work, as `/readyz` says it; absent where
    /// nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The processes of the controller.
    pub nodes: Vec<Node>,
    /// What is wrong with the bus between the nodes; absent where nothing is, or there is one process
    /// alone. Nothing is lost meanwhile: nodes hear of each other's changes within seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus_problem: Option<String>,
    /// Runs that have not ended.
    pub active_runs: u64,
    /// The hosts of these runs.
    pub active_targets: u64,
    /// The database.
    pub database: DatabaseUse,
    /// How long records are kept, and how many of them.
    pub keep: Vec<Kept>,
    /// The life of a host's certificate: seconds.
    pub certificate_life: u64,
    /// How long after the end of its certificate a host gets a new one by itself: seconds.
    pub recover_within: u64,
    /// The time between two collections of a host's facts: seconds; 0 where they are collected on
    /// request only.
    pub facts_every: u64,
    /// The providers whose facts are kept.
    pub facts_methods: Vec<String>,
}

/// The nodes of the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeList {
    /// All of them, by number.
    pub nodes: Vec<Node>,
}

/// A process of the controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Node {
    /// Its number; absent where the controller is one process alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<i32>,
    /// Its name: that of the machine that it runs on, unless `--node-name` says otherwise.
    #[schema(example = "control-1")]
    pub name: String,
    /// Its version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// Whether this process has answered.
    pub this: bool,
    /// Whether it runs: it has renewed its lease in time.
    pub running: bool,
    /// Whether it drives the runs: one node does so for all.
    pub leads: bool,
    /// Whether it is to have no hosts.
    pub drained: bool,
    /// When it started: RFC 3339, UTC.
    #[schema(format = DateTime, example = "2026-01-31T09:30:00Z")]
    pub started: String,
    /// The addresses where agents connect.
    pub listen: Vec<String>,
    /// The address of the API and of the console.
    #[schema(example = "https://10.0.0.2:7480")]
    pub http: String,
    /// Hosts that are connected to it.
    pub connected: u64,
    /// What the process uses; only of the one that has answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessUse>,
}

/// What a process uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProcessUse {
    /// Connections of agents that are not sessions yet.
    pub opening: u64,
    /// Resident memory in bytes.
    pub memory: u64,
    /// Processor time since its start: milliseconds.
    pub processor_ms: u64,
    /// Open files and sockets.
    pub descriptors: u64,
    /// How many of these may be open.
    pub max_descriptors: u64,
}

/// What the database occupies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatabaseUse {
    /// The engine.
    #[schema(example = "SQLite")]
    pub engine: String,
    /// Where it is: a directory, or a URL without its password.
    #[schema(example = "/var/lib/basicagent-controller")]
    pub place: String,
    /// Bytes on disk; left out while the database does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes that are free on the disk; left out for a database on another machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
    /// Bytes that wait for the disk.
    pub queued: u64,
}

/// How long one kind of record is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// The kind.
    pub records: Records,
    /// How long: seconds.
    pub within: u64,
    /// The most bytes; the oldest go first. Absent where only time counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The flag that sets how long.
    #[schema(example = "--keep-days")]
    pub flag: String,
}

/// Kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Records {
    /// Results of tasks.
    Results,
    /// Runs that have ended, and their lists of hosts.
    Runs,
    /// Facts of former times.
    Facts,
    /// Lines of the audit log.
    Audit,
}
