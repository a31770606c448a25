//! The controller's end: it is killed and restarted, writes, sends, and takes what comes.

use super::*;

impl World {
    pub(super) fn start_controller(&mut self) {
        self.epoch += 1;
        self.writing = false;
        self.wake_at = None;
        let now = self.moment();
        let mut driver = Driver::start(&self.site, &self.rows, &self.limits, &self.labels, now);
        for host in (0..self.removed.len()).filter(|host| self.removed[*host]) {
            for run in 0..self.rows.len() {
                if let Some(target) = self.site.runs[run].of_host[host] {
                    driver.tell(&self.site, run, Event::Removed(target), now);
                }
            }
        }
        self.driver = Some(driver);
        self.after_driver();
        self.load_channels();
        for host in 0..self.hosts.len() {
            if self.hosts[host].channel.is_none() && self.rng.chance(500) {
                let wait = self.rng.of(0..3_000);
                self.later(wait, Happening::Connect(host));
            }
        }
    }

    /// The process that drives the runs is killed.
    pub(super) fn kill_controller(&mut self) {
        if self.driver.is_some() {
            self.kill_node(self.nodes.leader);
        }
    }

    pub(super) fn tell(&mut self, run: usize, event: Event) {
        let now = self.moment();
        if let Some(driver) = &mut self.driver {
            driver.tell(&self.site, run, event, now);
            if driver.waits_for_budgets() {
                driver.step(&self.site, now);
            }
        }
        self.after_driver();
    }

    /// Begins to write what was decided, and sets the alarm.
    pub(super) fn after_driver(&mut self) {
        let now = self.moment();
        let Some(driver) = &self.driver else { return };
        let wait = driver.wait(now).map(|wait| u64::try_from(wait.as_millis()).unwrap());
        if !driver.batches.is_empty() && !std::mem::replace(&mut self.writing, true) {
            let wait = self.on_disk();
            self.later(wait, Happening::Written { epoch: self.epoch });
        }
        if let Some(wait) = wait
            && self.wake_at.is_none_or(|at| at > self.now + wait)
        {
            self.wake_at = Some(self.now + wait);
            self.later(wait.max(1), Happening::Wake { epoch: self.epoch });
        }
    }

    pub(super) fn written(&mut self) {
        self.writing = false;
        let Some(driver) = &mut self.driver else { return };
        let batches = std::mem::take(&mut driver.batches);
        if self.site.bug == Some(Bug::SentBeforeRow) {
            for (run, out) in &batches {
                for (target, ask) in out.asks.clone() {
                    self.send(*run, target, ask);
                }
            }
            if self.driver.is_none() || self.unlucky() {
                return self.kill_controller();
            }
        }
        for (run, out) in &batches {
            for change in &out.changes {
                self.rows[*run].change(change);
            }
            if let Some(change) = &out.run {
                self.rows[*run].run_change(change);
            }
        }
        self.check_rows();
        if self.unlucky() {
            return self.kill_controller();
        }
        if self.site.bug != Some(Bug::SentBeforeRow) {
            let asks: Vec<_> = batches
                .into_iter()
                .flat_map(|(run, out)| out.asks.into_iter().map(move |(at, ask)| (run, at, ask)))
                .collect();
            if self.stands_still() {
                return self.stop_for_a_while(asks);
            }
            for (run, target, ask) in asks {
                self.send(run, target, ask);
            }
        }
        self.after_driver();
    }

    /// Returns whether a fault happens at this step, in the time of faults.
    pub(super) fn unlucky(&mut self) -> bool {
        !self.healed && self.rng.chance(20)
    }

    pub(super) fn send(&mut self, run: usize, target: u32, ask: Ask) {
        let now = self.moment();
        let reached = self.is_reached(run, target);
        let Some(driver) = &mut self.driver else { return };
        let host = self.site.runs[run].targets[target as usize];
        let late = driver.rollouts[run].as_ref().and_then(|(rollout, _)| rollout.too_late(now));
        let ignores = [Bug::NotAfterUnchecked, Bug::CancelForgetsQueue];
        let late = late.filter(|_| !self.site.bug.is_some_and(|bug| ignores.contains(&bug)));
        if ask == Ask::Start {
            let refused = |why| Some(End::because(EndState::Refused, why));
            let end = match late {
                Some(end) => Some(end),
                None if self.quarantined[host] => refused("the host is in quarantine"),
                None if self.withdrawn[run] => refused("your roles do not allow it"),
                None if !reached => refused("your roles do not select it"),
                None => None,
            };
            if let Some(end) = end {
                return self.tell(run, Event::NotSent(target, end));
            }
        }
        let Some(channel) = driver.channels.get(&host).copied() else { return };
        if self.quarantined[host] {
            return self.tell(run, Event::Offline(target));
        }
        self.check_send(run, target, ask);
        self.numbers += 1;
        let number = self.numbers;
        if let Some(driver) = &mut self.driver {
            driver.pending.insert((run, target), number);
        }
        let epoch = self.epoch;
        self.later(REPLY_WAIT, Happening::NoReply { epoch, run, target, number });
        let message = ToHost::Ask { run, target, ask, number, epoch };
        let letter = self.letter(host);
        let wait = self.way_after(letter, channel, true);
        self.later(wait, Happening::ToHost { host, channel, message });
    }

    /// Returns whether the operator of a run may ask a host, as the controller sees it.
    fn is_reached(&self, run: usize, target: u32) -> bool {
        let plan = &self.site.runs[run];
        let label = match self.site.bug {
            Some(Bug::RolesByOldLabels) => plan.labels[target as usize],
            _ => self.labels[plan.targets[target as usize]],
        };
        plan.reach[label]
    }

    pub(super) fn limits_set(&mut self) {
        let now = self.moment();
        if let Some(driver) = &mut self.driver {
            driver.read_limits(&self.site, &self.limits, now);
        }
        self.after_driver();
    }

    /// Returns how long a message travels; none overtakes another one of its channel.
    pub(super) fn way(&mut self, channel: u64, to_host: bool) -> u64 {
        self.way_after(0, channel, to_host)
    }

    /// Returns how long a message travels that comes to its channel after a time. Letters to a node
    /// are read in their order, too.
    pub(super) fn way_after(&mut self, before: u64, channel: u64, to_host: bool) -> u64 {
        let arrival = self.now + before + self.rng.of(1..WAY);
        let last = self.arrivals.entry((channel, to_host)).or_default();
        *last = arrival.max(*last);
        *last - self.now
    }

    pub(super) fn apply(&mut self, run: usize) {
        if self.driver.is_none() {
            return self.later(500, Happening::Apply(run));
        }
        self.site.plan(run, &self.labels);
        self.rows[run].state = RunState::Running;
        let now = self.moment();
        if let Some(driver) = &mut self.driver {
            driver.begin(&self.site, run, &self.rows[run], &self.labels, now);
        }
        for host in 0..self.removed.len() {
            if let Some(target) = self.site.runs[run].of_host[host].filter(|_| self.removed[host]) {
                self.tell(run, Event::Removed(target));
            }
        }
        self.after_driver();
    }

    pub(super) fn cancel(&mut self, run: usize) {
        let active = self.driver.as_ref().is_some_and(|driver| driver.rollouts[run].is_some());
        if active {
            self.canceled[run] = true;
            self.tell(run, Event::Cancel("canceled".to_owned()));
            if !self.unlucky() {
                return;
            }
            // The operator got no answer: a kill may lose the cancel.
            self.kill_controller();
            self.canceled[run] = self.rows[run].stop.is_some();
        }
    }

    pub(super) fn seen(&mut self, host: usize, channel: u64) {
        let Some(driver) = &mut self.driver else { return };
        if self.removed[host] {
            return;
        }
        driver.channels.insert(host, channel);
        for run in 0..self.rows.len() {
            if let Some(target) = self.site.runs[run].of_host[host] {
                self.tell(run, Event::Online(target));
            }
        }
    }

    pub(super) fn missed(&mut self, host: usize, channel: u64) {
        let Some(driver) = &mut self.driver else { return };
        if driver.channels.get(&host) != Some(&channel) {
            return;
        }
        driver.channels.remove(&host);
        for run in 0..self.rows.len() {
            if let Some(target) = self.site.runs[run].of_host[host] {
                self.tell(run, Event::Offline(target));
            }
        }
    }

    pub(super) fn no_reply(&mut self, run: usize, target: u32, number: u64) {
        let Some(driver) = &mut self.driver else { return };
        if driver.pending.get(&(run, target)) != Some(&number) {
            return;
        }
        driver.pending.remove(&(run, target));
        if self.site.bug == Some(Bug::SilenceMeansNo) {
            let answer = Answer::Retry("no reply".into());
            return self.tell(run, Event::Answered(target, Ask::Start, answer));
        }
        self.tell(run, Event::Unanswered(target));
    }

    pub(super) fn arrived_from_host(
        &mut self,
        node: Tenure,
        host: usize,
        channel: u64,
        message: FromHost,
    ) {
        match message {
            FromHost::Reply(epoch, reply) => {
                let wait = self.letter(host);
                self.later(wait, Happening::Reply { epoch, host, channel, reply });
            }
            FromHost::Result(result) => {
                let wait = self.on_disk();
                self.later(wait, Happening::ResultWritten { node, host, channel, result });
            }
        }
    }

    /// The driver gets a reply.
    pub(super) fn replied(&mut self, host: usize, channel: u64, replied: &Replied) {
        let Some(driver) = &mut self.driver else { return };
        if driver.channels.get(&host) != Some(&channel) {
            return;
        }
        let Replied { run, target, ask, number, reply } = replied;
        if driver.pending.get(&(*run, *target)) == Some(number) {
            driver.pending.remove(&(*run, *target));
        }
        let outcome =
            Outcome { resp: reply.resp, retcode: reply.retcode, message: "", started: false };
        let answer = match ask {
            Ask::Start => outcome.of_request(&self.site.runs[*run].request, reply.data.as_ref()),
            Ask::Status | Ask::Cancel => outcome.of_question(reply.data.as_ref()),
        };
        self.tell(*run, Event::Answered(*target, *ask, answer));
    }

    pub(super) fn result_written(
        &mut self,
        node: Tenure,
        host: usize,
        channel: u64,
        result: TaskResult,
    ) {
        let TaskResult { run, resp, retcode, started } = result;
        let Some(target) = self.site.runs[run].of_host[host] else { return };
        let outcome = Outcome { resp, retcode, message: "", started };
        let event = self.rows[run].result(target, &outcome);
        if let Some(event) = event.filter(|_| self.site.bug != Some(Bug::EndNotTold)) {
            // It is written with the result: others read it though the node is dead.
            self.tell_leader(News::Ended { run, event }, node.node);
        }
        if self.nodes.has(node) {
            let wait = self.way(channel, true);
            self.later(wait, Happening::ToHost { host, channel, message: ToHost::Ack { run } });
        } else if self.hosts[host].channel == Some(channel) {
            // A node that stood still stores it once more, and hears that it is there.
            let node = self.nodes.tenure(node.node);
            self.later(1_000, Happening::ResultWritten { node, host, channel, result });
        }
    }
}
