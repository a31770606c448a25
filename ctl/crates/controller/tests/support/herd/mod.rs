//! Thousands of agents in one process, each with a certificate and a loopback address of its own.
//!
//! A `member` behaves on the wire as the agent does (PROTOCOL §1–§3): plain `init`, TLS, `init`;
//! when its channel is lost it waits a random time, when it is told to come back later it does so.
//! It answers every request with success; a task is accepted, started once, and its result is
//! delivered until it is acknowledged (`tasks`). It keeps the jobs that schedules set (`jobs`).

#![allow(dead_code, unused_imports, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod certificates;
mod jobs;
mod member;
mod tasks;

pub(crate) use certificates::{members, members_of};
pub(crate) use member::{Bootstrap, Member, Outcome};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// The agents of a fleet.
pub(crate) struct Herd {
    pub(crate) members: Vec<Arc<Member>>,
    runtime: Runtime,
    /// Runs everything before TLS. Each agent has a host of its own: its first words need not wait
    /// for the TLS handshakes of thousands of others.
    first_words: Runtime,
    running: JoinSet<()>,
}

impl Herd {
    /// Makes a herd of these members.
    pub(crate) fn new(members: Vec<Arc<Member>>) -> Self {
        let builder = tokio::runtime::Builder::new_multi_thread;
        let runtime = builder().enable_all().build().unwrap();
        let first_words = builder().worker_threads(1).enable_all().build().unwrap();
        Self { members, runtime, first_words, running: JoinSet::new() }
    }

    /// Lets every member connect within a time, and stay connected from then on.
    pub(crate) fn start(&mut self, within: Duration) {
        self.start_by(Bootstrap::Plain, within);
    }

    /// As [`Herd::start`], by this first exchange.
    pub(crate) fn start_by(&mut self, bootstrap: Bootstrap, within: Duration) {
        for member in &self.members {
            let first_words = self.first_words.handle().clone();
            let living = Arc::clone(member).live(first_words, within, bootstrap);
            self.running.spawn_on(living, self.runtime.handle());
        }
    }

    /// Sends the members to another address from their next try on.
    pub(crate) fn move_to(&self, server: SocketAddr) {
        for member in &self.members {
            member.move_to(vec![server]);
        }
    }

    /// Sends the members to these addresses from their next try on, each to another one first.
    pub(crate) fn move_among(&self, servers: &[SocketAddr]) {
        for (number, member) in self.members.iter().enumerate() {
            member.move_to(certificates::order(servers, number));
        }
    }

    /// Returns the number of members whose channel stands.
    pub(crate) fn connected(&self) -> usize {
        self.members.iter().filter(|member| member.is_connected()).count()
    }

    /// Forgets the tries so far.
    pub(crate) fn forget_tries(&self) {
        self.members.iter().for_each(|member| member.forget_tries());
    }

    /// Returns, for 1, 2, 3 … tries that a controller answered, the number of members that needed
    /// so many for their present channel.
    pub(crate) fn tries(&self) -> Vec<usize> {
        let mut tries = Vec::new();
        for member in &self.members {
            let answered = member.tries();
            if tries.len() < answered {
                tries.resize(answered, 0);
            }
            if let Some(count) = answered.checked_sub(1) {
                tries[count] += 1;
            }
        }
        tries
    }

    /// Returns how tries failed, and how many did so.
    pub(crate) fn failures(&self) -> BTreeMap<String, usize> {
        let mut failures = BTreeMap::new();
        for why in self.members.iter().flat_map(|member| member.failures()) {
            *failures.entry(why).or_default() += 1;
        }
        failures
    }
}

impl Drop for Herd {
    fn drop(&mut self) {
        self.running.abort_all();
    }
}
