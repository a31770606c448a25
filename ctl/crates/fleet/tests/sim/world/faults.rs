//! What breaks, and that it heals.

use super::*;

impl World {
    pub(super) fn fault(&mut self) {
        if self.healed {
            return;
        }
        let wait = self.rng.of(1..self.site.fault_every * 2);
        self.later(wait, Happening::Fault);
        let host = self.rng.index(self.hosts.len());
        let run = self.rng.index(self.rows.len());
        match self.rng.of(0..126) {
            0..30 => self.break_channel(host),
            30..38 => {
                // The agent is killed: its tasks are on disk, and run under supervisors.
                self.break_channel(host);
            }
            38..44 => {
                for run in self.hosts[host].reboot() {
                    self.deliver(host, run);
                }
                self.break_channel(host);
            }
            44..54 => self.kill_controller(),
            54..62 => self.hosts[host].full ^= true,
            62..68 => self.hosts[host].busy ^= true,
            68..74 => self.hosts[host].refuses ^= true,
            74..77 if self.site.questions_refused => self.hosts[host].refuses_questions ^= true,
            77..82 => {
                self.quarantined[host] ^= true;
                if !self.quarantined[host] {
                    self.let_in(host);
                }
            }
            82..85 if self.rng.chance(300) => self.remove(host),
            85..87 if self.rng.chance(200) => self.withdrawn[run] = true,
            87..90 if self.rng.chance(300) => {
                self.hosts[host].dead = true;
                self.break_channel(host);
            }
            90..95 if self.site.clocks_jump => {
                self.clock = i64::try_from(self.rng.of(0..400_000)).unwrap() - 200_000;
                self.after_driver();
            }
            95..100 if self.site.clocks_jump => {
                self.hosts[host].clock = i64::try_from(self.rng.of(0..400_000)).unwrap() - 200_000;
            }
            100..106 => self.labels[host] = self.rng.index(LABELS),
            106..112 => self.set_limit(),
            112..118 if self.site.nodes > 1 => {
                let node = self.rng_node();
                self.kill_node(node);
            }
            118..122 if self.site.nodes > 1 => self.lose_bus(),
            122..126 => self.stall(),
            _ => {}
        }
    }

    /// A quarantine ends: the host comes back, or its channel gets requests again.
    fn let_in(&mut self, host: usize) {
        let channel = self.driver.as_ref().and_then(|driver| driver.channels.get(&host));
        match channel.copied().filter(|_| self.rng.chance(500)) {
            Some(channel) => self.seen(host, channel),
            None => self.break_channel(host),
        }
    }

    /// An operator sets the limit of a budget, or removes the budget.
    fn set_limit(&mut self) {
        if self.limits.is_empty() {
            return;
        }
        let budget = self.rng.index(self.limits.len());
        let limit = self.rng.chance(900).then(|| u32::try_from(self.rng.of(1..8)).unwrap());
        self.limits[budget] = limit;
        let highest = &mut self.highest[budget];
        *highest = highest.zip(limit).map(|(one, other)| one.max(other));
        let wait = self.rng.of(0..50);
        self.later(wait, Happening::LimitsSet { epoch: self.epoch });
    }

    pub(super) fn remove(&mut self, host: usize) {
        self.removed[host] = true;
        self.break_channel(host);
        if let Some(driver) = &mut self.driver {
            driver.channels.remove(&host);
        }
        for run in 0..self.rows.len() {
            if let Some(target) = self.site.runs[run].of_host[host] {
                self.tell(run, Event::Removed(target));
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.healed = true;
        for host in 0..self.hosts.len() {
            let at = &mut self.hosts[host];
            (at.full, at.busy, at.refuses, at.refuses_questions) = (false, false, false, false);
            if std::mem::take(&mut self.quarantined[host]) {
                self.break_channel(host);
            }
            self.later(1_000, Happening::Connect(host));
        }
        self.nodes_heal();
    }
}
