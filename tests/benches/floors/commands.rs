//! Compares BasicAgentCtl with the system's own commands, from spawn to exit.

use crate::sample::{Pair, ms, take_turns};
use crate::sizes;
use crate::table::{self, Bar};
use e2e::{Scratch, binary, needs_root, plugin_dir, run};
use std::fmt::Write as _;
use std::process::{Command, Stdio};

/// Spawns of each quick command.
const QUICK: usize = 500;

/// Spawns of each provider.
const PROVIDER: usize = 40;

/// Spawns of each slow command.
const SLOW: usize = 25;

/// Entries of the generated /etc/passwd.
const ENTRIES: u32 = 100_000;

fn spawn(program: &std::path::Path, words: &[&str]) {
    assert!(started(program, words).success(), "{program:?} {words:?}");
}

#[expect(clippy::disallowed_methods, reason = "a bench starts the programs that it measures")]
fn started(program: &std::path::Path, words: &[&str]) -> std::process::ExitStatus {
    // Without a uid or a hook, std spawns with vfork semantics, so the bench's own size does not
    // count.
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().expect("it starts")
}

fn beside(ctl: &[&str], peer: &[&str], count: usize) -> Pair {
    let (program, plugins) = (binary("BasicAgentCtl"), plugin_dir());
    let mut words = vec!["--plugin-dir", plugins.to_str().expect("a path of ours")];
    words.extend_from_slice(ctl);
    let ours = || spawn(&program, &words);
    let floor = || spawn(peer[0].as_ref(), &peer[1..]);
    take_turns(3, ours, floor);
    take_turns(count, ours, floor)
}

fn row(what: &str, pair: &Pair, bar: Bar) {
    let (ours, floor) = pair.at(50);
    table::ratio(what, &ms(ours), &ms(floor), &pair.ratio(50), bar);
}

/// Compares `getinfo.kernel` with `uname -a`.
pub(crate) fn kernel() {
    table::ratios();
    let pair = beside(&["-c", "getinfo.kernel"], &["uname", "-a"], QUICK);
    row("`BasicAgentCtl -c getinfo.kernel` : `uname -a`", &pair, Bar::AtMost(3.0));
}

/// The facts that facter and ohai report by default, as far as they support them.
const FACTS: &str = "os kernel cpu memory disks mounts network hardware time";

/// Measures each provider by itself, and compares all facts in one call with facter and ohai.
pub(crate) fn providers() {
    let (program, plugins) = (binary("BasicAgentCtl"), plugin_dir());
    let dir = plugins.to_str().expect("a path of ours");
    table::figures();
    for name in sizes::plugins() {
        let method = name.trim_start_matches("lib").trim_end_matches(".so").replace('_', ".");
        // This provider requires an option that selects users.
        let args = if method == "getinfo.users" { "-A" } else { "" };
        let call = || spawn(&program, &["--plugin-dir", dir, "-c", &method, "-a", args]);
        let (ours, _) = take_turns(PROVIDER, call, || ()).at(50);
        table::figure(
            &format!("`BasicAgentCtl -c {method}`"),
            ours.as_secs_f64() * 1e3,
            "ms",
            Bar::AtMost(10.0),
        );
    }
    println!();
    table::ratios();
    for peer in ["facter", "ohai"] {
        if !is_there(peer) {
            println!("| {peer} is not installed | | | | | |");
            continue;
        }
        let ours = || spawn(&program, &["--plugin-dir", dir, "-c", "getinfo.all", "-a", FACTS]);
        // The peer fails if it cannot find some fact on this host, but reports the others first.
        let theirs = || {
            started(peer.as_ref(), &[]);
        };
        take_turns(1, ours, theirs);
        let pair = take_turns(SLOW, ours, theirs);
        // The bar: twenty times as fast.
        row(
            &format!("`BasicAgentCtl -c getinfo.all -a \"{FACTS}\"` : `{peer}`"),
            &pair,
            Bar::AtMost(0.05),
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "looks for a peer")]
fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Compares `getinfo.users -A` with `getent passwd`, on a long /etc/passwd in a separate mount
/// namespace.
pub(crate) fn users() {
    if !needs_root("users") {
        return;
    }
    // Only this thread and its children are in the namespace.
    let thread = std::thread::spawn(|| {
        let files = Scratch::new("passwd");
        let mut text = std::fs::read_to_string("/etc/passwd").expect("a system with users");
        for number in 1..=ENTRIES {
            let uid = 100_000 + number;
            let _ = writeln!(
                text,
                "user{number:06}:x:{uid}:{uid}:User {number:06}:/home/user{number:06}:/bin/bash"
            );
        }
        let passwd = files.write("passwd", text);
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("we are root");
        run(&["mount", "--make-rprivate", "/"]);
        run(&["mount", "--bind", passwd.to_str().expect("a path of ours"), "/etc/passwd"]);
        table::ratios();
        let pair = beside(&["-c", "getinfo.users", "-a", "-A"], &["getent", "passwd"], SLOW);
        row(
            "`BasicAgentCtl -c getinfo.users -a -A` : `getent passwd`, 100,000 entries",
            &pair,
            Bar::AtMost(1.5),
        );
    });
    thread.join().expect("the bench's thread");
}
