//! Several nodes on one database: who has which host, who leads, and what becomes of that when one dies
//! or stands still. One node alone is a controller as before: its death is everybody's.

use super::*;

/// Milliseconds until a node that is not heard of has lost its place, and another one leads.
const TAKEOVER: std::ops::Range<u64> = 6_000..10_000;

/// The time between two looks into the database for what the bus has not told of.
pub(super) const BEAT: u64 = 1_500;

/// The longest time in which the database answers nobody.
pub(super) const STALL: u64 = 8_000;

/// The nodes.
pub(super) struct Nodes {
    /// How often each has taken its place: a number that ends with its tenure.
    tenures: Vec<u64>,
    up: Vec<bool>,
    /// The node that leads, or led last.
    pub(super) leader: usize,
    /// The node that each host connected to last.
    pub(super) of_host: Vec<usize>,
    /// Until when the bus is lost, and the database answers nobody.
    bus_lost: u64,
    stalled: u64,
    /// When the last news arrive: they keep their order.
    news: u64,
}

impl Nodes {
    pub(super) fn new(nodes: usize, hosts: usize) -> Self {
        Self {
            tenures: vec![0; nodes],
            up: vec![true; nodes],
            leader: 0,
            of_host: vec![0; hosts],
            bus_lost: 0,
            stalled: 0,
            news: 0,
        }
    }

    pub(super) fn tenure(&self, node: usize) -> Tenure {
        Tenure { node, number: self.tenures[node] }
    }

    /// Returns whether a node still has the place that it had then.
    pub(super) fn has(&self, tenure: Tenure) -> bool {
        self.up[tenure.node] && self.tenures[tenure.node] == tenure.number
    }
}

impl World {
    /// Returns a node that takes hosts.
    pub(super) fn any_node(&mut self) -> Option<usize> {
        let up: Vec<usize> = (0..self.site.nodes).filter(|node| self.nodes.up[*node]).collect();
        if up.is_empty() { None } else { Some(up[self.rng.index(up.len())]) }
    }

    /// Returns whether a channel is open to a node that stands still.
    pub(super) fn stands(&self, host: usize, channel: u64) -> bool {
        self.hosts[host].channel == Some(channel) && !self.nodes.up[self.nodes.of_host[host]]
    }

    pub(super) fn rng_node(&mut self) -> usize {
        self.rng.index(self.site.nodes)
    }

    /// Returns how long a commit takes.
    pub(super) fn on_disk(&mut self) -> u64 {
        self.rng.of(1..20) + self.nodes.stalled.saturating_sub(self.now)
    }

    /// Returns how long something takes between two nodes.
    fn between(&mut self) -> u64 {
        let wait = self.on_disk();
        if self.now < self.nodes.bus_lost { wait + self.rng.of(1..BEAT) } else { wait }
    }

    /// Returns how long a letter takes to or from the node that has a host; none is needed for the
    /// leader's own.
    pub(super) fn letter(&mut self, host: usize) -> u64 {
        if self.nodes.of_host[host] == self.nodes.leader { 0 } else { self.between() }
    }

    /// A node tells the leader what it has seen or stored.
    pub(super) fn tell_leader(&mut self, news: News, from: usize) {
        if from == self.nodes.leader {
            return self.hear(news);
        }
        if self.site.bug == Some(Bug::NewsLost) && matches!(news, News::Ended { .. }) {
            return;
        }
        let at = (self.now + self.between()).max(self.nodes.news);
        self.nodes.news = at;
        self.later(at - self.now, Happening::News(news));
    }

    pub(super) fn hear(&mut self, news: News) {
        match news {
            News::Seen { host, channel } => self.seen(host, channel),
            News::Missed { host, channel } => self.missed(host, channel),
            News::Ended { run, event } => self.tell(run, event),
        }
    }

    /// A leader that begins reads which hosts the nodes have.
    pub(super) fn load_channels(&mut self) {
        for host in 0..self.hosts.len() {
            if let Some(channel) = self.hosts[host].channel
                && self.nodes.up[self.nodes.of_host[host]]
            {
                self.seen(host, channel);
            }
        }
    }

    /// A node dies, and its hosts' channels with it. If it leads, another one takes over.
    pub(super) fn kill_node(&mut self, node: usize) {
        if !std::mem::replace(&mut self.nodes.up[node], false) {
            return;
        }
        let wait = self.rng.of(1..20_000);
        let wait = if self.site.nodes == 1 { wait % 3_000 + 1 } else { wait };
        self.later(wait, Happening::StartNode(node));
        self.loses_its_place(node);
        for host in 0..self.hosts.len() {
            if self.nodes.of_host[host] == node && self.hosts[host].channel.take().is_some() {
                let wait = self.rng.of(0..3_000);
                self.later(wait, Happening::Connect(host));
            }
        }
    }

    /// Ends what a node was: nothing that it does from now on counts. The others hear that its hosts
    /// are nowhere.
    fn loses_its_place(&mut self, node: usize) {
        self.nodes.tenures[node] += 1;
        if node == self.nodes.leader && self.driver.take().is_some() {
            self.epoch += 1;
            self.writing = false;
            // An operator whose cancel was not written yet gets no answer.
            for run in 0..self.rows.len() {
                self.canceled[run] &= self.rows[run].stop.is_some();
            }
            let wait = if self.site.nodes == 1 { 1..3_000 } else { TAKEOVER };
            let wait = self.rng.of(wait);
            return self.later(wait, Happening::StartController);
        }
        for host in 0..self.hosts.len() {
            if let Some(channel) = self.hosts[host].channel
                && self.nodes.of_host[host] == node
            {
                self.tell_leader(News::Missed { host, channel }, node);
            }
        }
    }

    /// A node takes its place, and tells which hosts it has.
    pub(super) fn start_node(&mut self, node: usize) {
        if std::mem::replace(&mut self.nodes.up[node], true) {
            return;
        }
        for host in 0..self.hosts.len() {
            if let Some(channel) = self.hosts[host].channel
                && self.nodes.of_host[host] == node
            {
                self.tell_leader(News::Seen { host, channel }, node);
            }
        }
    }

    /// Returns whether the leader stands still now, for longer than its lease.
    pub(super) fn stands_still(&mut self) -> bool {
        self.site.nodes > 1 && self.unlucky() && self.rng.chance(500)
    }

    /// The leader stands still between a commit and what it sends: another one leads before it goes on.
    /// Its hosts keep their channels, and nobody reaches them meanwhile.
    pub(super) fn stop_for_a_while(&mut self, asks: Vec<(usize, u32, Ask)>) {
        let node = self.nodes.leader;
        self.nodes.up[node] = false;
        self.loses_its_place(node);
        let wait = self.rng.of(TAKEOVER.start..2 * TAKEOVER.end);
        self.later(wait, Happening::Resume { node, asks });
    }

    /// A node that stood still finds that it has lost its place: it sends nothing, and takes another.
    pub(super) fn resume(&mut self, node: usize, asks: Vec<(usize, u32, Ask)>) {
        if self.site.bug == Some(Bug::LeaseIgnored) {
            for (run, target, ask) in asks {
                let host = self.site.runs[run].targets[target as usize];
                if let Some(channel) = self.hosts[host].channel
                    && self.nodes.of_host[host] == node
                {
                    self.check_send(run, target, ask);
                    let message = ToHost::Ask { run, target, ask, number: 0, epoch: 0 };
                    let wait = self.way(channel, true);
                    self.later(wait, Happening::ToHost { host, channel, message });
                }
            }
        }
        self.start_node(node);
    }

    pub(super) fn lose_bus(&mut self) {
        self.nodes.bus_lost = self.now + self.rng.of(1..30_000);
    }

    /// The database answers nobody for a while; leases last, since nobody can end another one's.
    pub(super) fn stall(&mut self) {
        self.nodes.stalled = self.now + self.rng.of(1..STALL);
    }

    pub(super) fn nodes_heal(&mut self) {
        (self.nodes.bus_lost, self.nodes.stalled) = (0, 0);
        for node in 0..self.site.nodes {
            if !self.nodes.up[node] {
                self.later(1, Happening::StartNode(node));
            }
        }
        if self.driver.is_none() {
            self.later(1, Happening::StartController);
        }
    }
}
