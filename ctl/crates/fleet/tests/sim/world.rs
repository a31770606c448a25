//! The simulated world: one queue of events by time, one source of randomness.

mod agents;
mod checks;
mod controller;
mod faults;
mod nodes;

use self::nodes::Nodes;
use crate::bug::Bug;
use crate::driver::Driver;
use crate::host::{Done, Host, Progress, Reply, Task};
use crate::rng::Rng;
use crate::shadow::limit;
use crate::site::{BEGIN, LABELS, Site, WAY};
use crate::store::RunRow;
use agent_wire::message::Resp;
use fleet::run::{Answer, Ask, End, EndState, Event, Moment, Outcome, RunState, TargetState};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// How long the driver waits for a reply.
const REPLY_WAIT: u64 = 5_000;

/// Events of one simulation, at most.
const MAX_EVENTS: usize = 3_000_000;

/// Virtual time of one simulation, at most: two days.
const MAX_TIME: u64 = 2 * 86_400_000;

/// Something that happens at a time.
enum Happening {
    Apply(usize),
    /// The host opens a channel.
    Connect(usize),
    /// A node sees a channel.
    Seen {
        host: usize,
        channel: u64,
        node: Tenure,
    },
    /// A node sees that a channel is gone.
    Missed {
        host: usize,
        channel: u64,
        node: Tenure,
    },
    /// The leader hears what a node has seen.
    News(News),
    ToHost {
        host: usize,
        channel: u64,
        message: ToHost,
    },
    FromHost {
        host: usize,
        channel: u64,
        node: Tenure,
        message: FromHost,
    },
    /// The leader gets a reply that another node has sent it.
    Reply {
        epoch: u64,
        host: usize,
        channel: u64,
        reply: Replied,
    },
    StartTask {
        host: usize,
        run: usize,
    },
    EndTask {
        host: usize,
        run: usize,
    },
    /// The next batches are on disk.
    Written {
        epoch: u64,
    },
    /// A result is on disk.
    ResultWritten {
        node: Tenure,
        host: usize,
        channel: u64,
        result: TaskResult,
    },
    /// A node that stood still goes on with what it had decided.
    Resume {
        node: usize,
        asks: Vec<(usize, u32, Ask)>,
    },
    StartNode(usize),
    NoReply {
        epoch: u64,
        run: usize,
        target: u32,
        number: u64,
    },
    Wake {
        epoch: u64,
    },
    StartController,
    Fault,
    Cancel(usize),
    /// The controller is told that operators changed budgets.
    LimitsSet {
        epoch: u64,
    },
    Heal,
}

enum ToHost {
    Ask { run: usize, target: u32, ask: Ask, number: u64, epoch: u64 },
    Ack { run: usize },
}

enum FromHost {
    /// A reply to the driver of this epoch.
    Reply(u64, Replied),
    Result(TaskResult),
}

/// A reply, and what it answers.
struct Replied {
    run: usize,
    target: u32,
    ask: Ask,
    number: u64,
    reply: Reply,
}

/// A node, from when it takes its place until it loses it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tenure {
    node: usize,
    number: u64,
}

/// What nodes tell the leader.
enum News {
    Seen { host: usize, channel: u64 },
    Missed { host: usize, channel: u64 },
    Ended { run: usize, event: Event },
}

/// A task's result, as it travels.
#[derive(Clone, Copy)]
struct TaskResult {
    run: usize,
    resp: Resp,
    retcode: u16,
    started: bool,
}

pub(crate) struct World {
    site: Site,
    rng: Rng,
    now: u64,
    /// What the controller's clock shows more than the world's.
    clock: i64,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    numbers: u64,
    hosts: Vec<Host>,
    rows: Vec<RunRow>,
    nodes: Nodes,
    driver: Option<Driver>,
    epoch: u64,
    writing: bool,
    healed: bool,
    /// When the last message of a channel arrives, in each direction.
    arrivals: BTreeMap<(u64, bool), u64>,
    /// Hosts that operators removed or put into quarantine.
    removed: Vec<bool>,
    quarantined: Vec<bool>,
    /// The present label of each host.
    labels: Vec<usize>,
    /// The limits of the budgets on disk, and the highest that each has had; `None` is none.
    limits: Vec<Option<u32>>,
    highest: Vec<Option<u32>>,
    /// Runs whose operators lost their role.
    withdrawn: Vec<bool>,
    /// Runs whose cancel the driver has taken.
    canceled: Vec<bool>,
    wake_at: Option<u64>,
}

/// What a simulation saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) events: usize,
    pub(crate) ends: BTreeMap<&'static str, u32>,
}

impl World {
    pub(crate) fn new(seed: u64, bug: Option<Bug>) -> Self {
        let (site, mut rng) = Site::new(seed, bug);
        let hosts: Vec<Host> = (0..site.hosts).map(|_| Host::new(&mut rng)).collect();
        let rows: Vec<RunRow> = site.runs.iter().map(RunRow::new).collect();
        let runs = site.runs.len();
        let count = site.hosts;
        let labels = (0..count).map(|_| rng.index(LABELS)).collect();
        let limits: Vec<_> = site.budgets.iter().map(|budget| Some(budget.limit)).collect();
        let mut world = Self {
            rng,
            now: 0,
            clock: 0,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            numbers: 0,
            hosts,
            nodes: Nodes::new(site.nodes, count),
            driver: None,
            epoch: 0,
            writing: false,
            healed: false,
            arrivals: BTreeMap::new(),
            removed: vec![false; count],
            quarantined: vec![false; count],
            labels,
            highest: limits.clone(),
            limits,
            withdrawn: vec![false; runs],
            canceled: vec![false; runs],
            wake_at: None,
            rows,
            site,
        };
        world.start_controller();
        for host in 0..count {
            if world.rng.chance(850) {
                let wait = world.rng.of(0..2_000);
                world.later(wait, Happening::Connect(host));
            }
        }
        for run in 0..runs {
            let at = world.site.runs[run].apply_at;
            world.later(at, Happening::Apply(run));
            if world.rng.chance(200) {
                let wait = world.rng.of(0..60_000);
                world.later(at + wait, Happening::Cancel(run));
            }
        }
        let first = world.rng.of(0..world.site.fault_every * 2);
        world.later(first, Happening::Fault);
        let heal = world.site.faults_until;
        world.later(heal, Happening::Heal);
        world
    }

    /// Runs to the end, and checks that everything added up.
    pub(crate) fn run(mut self) -> Seen {
        let mut seen = Seen::default();
        while let Some(Reverse((at, number))) = self.queue.pop() {
            self.now = at;
            seen.events += 1;
            assert!(seen.events < MAX_EVENTS && at < MAX_TIME, "it does not end: {}", self.state());
            if let Some(happening) = self.happenings.remove(&number) {
                self.happen(happening);
            }
            if self.healed && self.is_over() {
                break;
            }
        }
        assert!(self.healed && self.is_over(), "a run never ended: {}", self.state());
        self.check_ends(&mut seen);
        seen
    }

    fn is_over(&self) -> bool {
        self.rows.iter().all(|row| row.state == RunState::Ended)
    }

    fn state(&self) -> String {
        let rows = self.rows.iter().map(|row| format!("{}: {}", row.state, row.counts));
        rows.collect::<Vec<_>>().join("; ")
    }

    fn later(&mut self, wait: u64, happening: Happening) {
        self.numbers += 1;
        self.queue.push(Reverse((self.now + wait, self.numbers)));
        self.happenings.insert(self.numbers, happening);
    }

    /// The controller's clocks.
    fn moment(&self) -> Moment {
        Moment { wall: self.wall() + self.clock, steady: self.now }
    }

    fn wall(&self) -> i64 {
        BEGIN + i64::try_from(self.now).unwrap()
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Apply(run) => self.apply(run),
            Happening::Connect(host) => self.connect(host),
            Happening::Seen { host, channel, node } if self.nodes.has(node) => {
                self.tell_leader(News::Seen { host, channel }, node.node);
            }
            Happening::Missed { host, channel, node } if self.nodes.has(node) => {
                self.tell_leader(News::Missed { host, channel }, node.node);
            }
            Happening::News(news) => self.hear(news),
            // A letter that a node which stands still has not read is gone when it goes on.
            Happening::ToHost { host, channel, message }
                if self.stands(host, channel)
                    && (matches!(message, ToHost::Ack { .. }) || self.rng.chance(500)) =>
            {
                if let ToHost::Ack { .. } = message {
                    self.later(1_000, Happening::ToHost { host, channel, message });
                }
            }
            Happening::ToHost { host, channel, message } => {
                self.arrived_at_host(host, channel, &message)
            }
            Happening::FromHost { host, channel, node, message } if self.nodes.has(node) => {
                self.arrived_from_host(node, host, channel, message);
            }
            Happening::Reply { epoch, host, channel, reply } if epoch == self.epoch => {
                self.replied(host, channel, &reply);
            }
            Happening::StartTask { host, run } => self.start_task(host, run),
            Happening::EndTask { host, run } => self.end_task(host, run),
            Happening::Written { epoch } if epoch == self.epoch => self.written(),
            // A commit that was under way may be on disk, though the controller was killed.
            Happening::ResultWritten { node, host, channel, result }
                if self.nodes.has(node) || self.rng.chance(500) =>
            {
                self.result_written(node, host, channel, result);
            }
            // What a host sends to a node that stands still waits in the channel.
            Happening::FromHost { host, channel, node, message }
                if self.hosts[host].channel == Some(channel) =>
            {
                let node = self.nodes.tenure(node.node);
                self.later(1_000, Happening::FromHost { host, channel, node, message });
            }
            Happening::ResultWritten { node, host, channel, result }
                if self.hosts[host].channel == Some(channel) =>
            {
                let node = self.nodes.tenure(node.node);
                self.later(1_000, Happening::ResultWritten { node, host, channel, result });
            }
            Happening::Resume { node, asks } => self.resume(node, asks),
            Happening::StartNode(node) => self.start_node(node),
            Happening::NoReply { epoch, run, target, number } if epoch == self.epoch => {
                self.no_reply(run, target, number);
            }
            Happening::Wake { epoch } if epoch == self.epoch => {
                self.wake_at = None;
                let now = self.moment();
                if let Some(driver) = &mut self.driver {
                    driver.step(&self.site, now);
                }
                self.after_driver();
            }
            Happening::StartController if self.driver.is_none() => match self.any_node() {
                Some(node) => {
                    self.nodes.leader = node;
                    self.start_controller();
                }
                None => self.later(1_000, Happening::StartController),
            },
            Happening::Fault => self.fault(),
            Happening::Cancel(run) => self.cancel(run),
            Happening::LimitsSet { epoch } if epoch == self.epoch => self.limits_set(),
            Happening::Heal => self.heal(),
            _ => {}
        }
    }
}
