//! The agents' end: channels, tasks and results.

use super::*;

impl World {
    pub(super) fn connect(&mut self, host: usize) {
        if self.hosts[host].channel.is_some() || self.hosts[host].dead {
            return;
        }
        let Some(node) = self.any_node() else {
            return self.later(1_000, Happening::Connect(host));
        };
        if self.removed[host] {
            return;
        }
        self.numbers += 1;
        let channel = self.numbers;
        self.hosts[host].channel = Some(channel);
        self.nodes.of_host[host] = node;
        let wait = self.way(channel, false);
        let node = self.nodes.tenure(node);
        self.later(wait, Happening::Seen { host, channel, node });
        let runs: Vec<usize> = self.hosts[host].tasks.keys().copied().collect();
        for run in runs {
            self.deliver(host, run);
        }
    }

    /// The channel of a host breaks; each end finds out by itself.
    pub(super) fn break_channel(&mut self, host: usize) {
        if let Some(channel) = self.hosts[host].channel.take() {
            let wait = self.rng.of(1..3_000);
            let node = self.nodes.tenure(self.nodes.of_host[host]);
            self.later(wait, Happening::Missed { host, channel, node });
            if !self.hosts[host].dead {
                let wait = self.rng.of(1..20_000);
                self.later(wait, Happening::Connect(host));
            }
        }
    }

    pub(super) fn arrived_at_host(&mut self, host: usize, channel: u64, message: &ToHost) {
        if self.hosts[host].channel != Some(channel) {
            return;
        }
        match *message {
            ToHost::Ack { run } => {
                if let Some(task) = self.hosts[host].tasks.get_mut(&run) {
                    task.acknowledged = true;
                }
            }
            ToHost::Ask { run, target, ask, number, epoch } => {
                let plan = &self.site.runs[run];
                let wall = self.wall();
                let at = &mut self.hosts[host];
                let late = wall + at.clock >= plan.not_after;
                let done = at.answer(run, ask, plan.request.is_task(), late, self.site.bug);
                let reply = match done {
                    Done::Replied(reply) => reply,
                    Done::Accepted(reply) => {
                        self.check_accept(host, run);
                        let wait = self.rng.of(0..100) * self.rng.of(0..20);
                        self.later(wait, Happening::StartTask { host, run });
                        reply
                    }
                    Done::Canceled(reply) => {
                        self.deliver(host, run);
                        reply
                    }
                };
                // An agent that hangs, or that is killed before it replies.
                if !self.healed && self.rng.chance(20) {
                    if self.rng.chance(500) {
                        self.break_channel(host);
                    }
                    return;
                }
                let wait = self.way(channel, false);
                let replied = Replied { run, target, ask, number, reply };
                let message = FromHost::Reply(epoch, replied);
                let node = self.nodes.tenure(self.nodes.of_host[host]);
                self.later(wait, Happening::FromHost { host, channel, node, message });
            }
        }
    }

    pub(super) fn start_task(&mut self, host: usize, run: usize) {
        let Some(task) = self.hosts[host].tasks.get_mut(&run) else { return };
        if task.state != Progress::Waiting {
            return;
        }
        task.state = Progress::Running;
        task.starts += 1;
        assert!(task.starts <= 1, "host {host} started run {run} twice");
        let wait = self.rng.of(1..500) * self.rng.of(1..15);
        self.later(wait, Happening::EndTask { host, run });
    }

    pub(super) fn end_task(&mut self, host: usize, run: usize) {
        let outcome = match self.rng.of(0..100) {
            0..88 => (Resp::Success, 0),
            88..95 => (Resp::Success, 1),
            95..98 => (Resp::Failed, 3031),
            _ => (Resp::Failed, 3032),
        };
        if let Some(task) = self.hosts[host].tasks.get_mut(&run)
            && task.state == Progress::Running
        {
            task.state = Progress::Ended { resp: outcome.0, retcode: outcome.1 };
            self.deliver(host, run);
        }
    }

    /// Sends a task's result, if it has one that was not acknowledged.
    pub(super) fn deliver(&mut self, host: usize, run: usize) {
        let at = &self.hosts[host];
        let (Some(channel), Some(task)) = (at.channel, at.tasks.get(&run)) else { return };
        let Task { state: Progress::Ended { resp, retcode }, starts, acknowledged: false } = *task
        else {
            return;
        };
        let result = TaskResult { run, resp, retcode, started: starts > 0 };
        let message = FromHost::Result(result);
        let wait = self.way(channel, false);
        let node = self.nodes.tenure(self.nodes.of_host[host]);
        self.later(wait, Happening::FromHost { host, channel, node, message });
    }
}
