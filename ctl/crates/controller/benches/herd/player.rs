//! A process that plays agents, and takes orders on its standard input: one process alone may not open
//! enough files to play the agents of several nodes.

use crate::herd::{Herd, members_of};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A process that plays agents.
pub(crate) struct Player {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Player {
    /// Starts a process that plays these agents for servers with the PKI in `dir`, which it makes ready
    /// and does not connect.
    #[expect(clippy::disallowed_methods, reason = "the benchmark is its own client")]
    pub(crate) fn start(dir: &Path, servers: &[SocketAddr], agents: Range<usize>) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("player")
            .arg(dir)
            .args([agents.start.to_string(), agents.end.to_string(), list(servers)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// Waits until the agents are ready.
    pub(crate) fn wait(&mut self) {
        assert_eq!(self.answer(), "ready");
    }

    /// Lets the agents connect within so many seconds.
    pub(crate) fn connect(&mut self, within: u64) {
        assert_eq!(self.ask(&format!("connect {within}")), "begun");
    }

    /// Returns how many are connected.
    pub(crate) fn connected(&mut self) -> usize {
        self.ask("connected").parse().unwrap()
    }

    /// Sends the agents to these servers from their next try on.
    pub(crate) fn move_to(&mut self, servers: &[SocketAddr]) {
        assert_eq!(self.ask(&format!("move {}", list(servers))), "moved");
    }

    /// Returns how many tasks the agents have started, and the most starts of one.
    pub(crate) fn started(&mut self) -> (usize, u32) {
        let answer = self.ask("started");
        let (tasks, most) = answer.split_once(' ').unwrap();
        (tasks.parse().unwrap(), most.parse().unwrap())
    }

    /// Returns how tries failed since this was asked last.
    pub(crate) fn failures(&mut self) -> String {
        self.ask("failures")
    }

    fn ask(&mut self, order: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{order}").unwrap();
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        assert!(self.answers.read_line(&mut line).unwrap() > 0, "the player has ended");
        line.trim_end().to_owned()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn list(servers: &[SocketAddr]) -> String {
    servers.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(",")
}

fn parse(servers: &str) -> Vec<SocketAddr> {
    servers.split(',').map(|server| server.parse().unwrap()).collect()
}

/// Plays agents until its input ends: the directory, the first number, the one after the last, servers.
pub(crate) fn play(words: &[String]) {
    let [dir, first, end, servers] = words else { panic!("four words") };
    let numbers = first.parse().unwrap()..end.parse().unwrap();
    let mut herd = Herd::new(members_of(Path::new(dir), &parse(servers), numbers, true));
    println!("ready");
    for order in std::io::stdin().lines() {
        let order = order.unwrap();
        match order.split_once(' ').unwrap_or((&order, "")) {
            ("connect", within) => {
                herd.start(Duration::from_secs(within.parse().unwrap()));
                println!("begun");
            }
            ("connected", _) => println!("{}", herd.connected()),
            ("move", servers) => {
                herd.move_among(&parse(servers));
                println!("moved");
            }
            ("started", _) => {
                let starts: Vec<u32> =
                    herd.members.iter().flat_map(|member| member.starts().into_values()).collect();
                println!("{} {}", starts.len(), starts.iter().max().unwrap_or(&0));
            }
            ("failures", _) => {
                let failures: BTreeMap<String, usize> = herd.failures();
                herd.forget_tries();
                println!("{failures:?}");
            }
            _ => panic!("no such order: {order}"),
        }
    }
}
