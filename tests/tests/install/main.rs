//! The tarball's install.sh on a system: it installs and starts nothing, upgrades, puts the old
//! version back by itself when the new agent does not connect, and takes everything away.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test starts the real binaries and tools"
)]

mod system;

use e2e::{DEADLINE, Scratch, binary, run, wait_some_within};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;
use system::System;

const NEW: &str = "9.9.1";
const CRASHES: &str = "9.9.2";
const OLD: &str = env!("CARGO_PKG_VERSION");

/// Seconds that a new agent has to connect.
const WINDOW: &str = "60";

/// Seconds that an agent has which never will.
const SHORT_WINDOW: &str = "8";

/// Longer than a system takes to boot, or an agent to connect.
const PATIENCE: Duration = DEADLINE.saturating_mul(4);

const CTL: &str = "BasicAgentCtl --controller http://127.0.0.1:7480 \
                   --token-file /var/lib/basicagent-controller/token";

const PROGRAMS: [&str; 5] =
    ["BasicAgent", "boot", "BasicAgentCtl", "BasicAgentController", "libgetinfo_os.so"];

/// Copies the built programs without their symbols, which take most of their size, to `built`.
fn strip(scratch: &Scratch) {
    fs::create_dir_all(scratch.file("built")).unwrap();
    for program in PROGRAMS {
        let (from, to) = (binary(program), scratch.file("built").join(program));
        run(&["strip", "-o", to.to_str().unwrap(), from.to_str().unwrap()]);
    }
}

/// Writes the folder that the tarball holds, of the built programs as this version, to
/// `product/NAME`. The agent of one of them ends with 1 at every start but for `--version`.
fn tarball(scratch: &Scratch, name: &str, version: &str) {
    let built = scratch.file("built");
    let agent = built.join("BasicAgent");
    if version == CRASHES {
        let script = format!(
            "#!/bin/sh\n[ \"$1\" != --version ] || exec echo BasicAgent {version}\nexit 1\n"
        );
        fs::write(&agent, script).unwrap();
    } else {
        assert_eq!(version.len(), OLD.len(), "the version is patched in place");
        let bytes = fs::read(&agent).unwrap();
        fs::write(&agent, replaced(&bytes, OLD, version)).unwrap();
    }
    fs::set_permissions(&agent, Permissions::from_mode(0o755)).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/packages/tree");
    let folder = scratch.file("product").join(name);
    run(&[script.to_str().unwrap(), built.to_str().unwrap(), folder.to_str().unwrap()]);
}

/// Returns bytes with every `from` replaced by `to`, which is as long.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while at + from.len() <= bytes.len() {
        if &bytes[at..at + from.len()] == from.as_bytes() {
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        }
        at += 1;
    }
    bytes
}

/// Waits until the host is online, and returns its id.
fn online(system: &System) -> String {
    wait_some_within(PATIENCE, "the host is online", || {
        let hosts = system.sh(&format!("{CTL} hosts --online -o name"));
        let host = hosts.text.trim();
        (hosts.status == Some(0) && !host.is_empty()).then(|| host.to_owned())
    })
}

/// Starts the installed controller, lets the host join it, and starts the agent.
fn join(system: &System) {
    system.must(
        "echo 'ARGS=\"--name guest --token-file /var/lib/basicagent-controller/token\"' \
             >/etc/default/basicagent-controller
         systemctl enable -q --now basicagent-controller",
    );
    let token = system.must(&format!("{CTL} token create"));
    let line = token.lines().find(|line| line.starts_with("BasicAgent enroll")).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    let server = words.iter().position(|word| *word == "--server").unwrap() + 1;
    system.must(&line.replace(words[server], "guest:7443"));
    system.must("systemctl enable -q --now basicagent");
    online(system);
}

#[test]
fn install_sh_upgrades_and_puts_an_old_version_back_when_the_new_agent_does_not_connect() {
    let test =
        "install_sh_upgrades_and_puts_an_old_version_back_when_the_new_agent_does_not_connect";
    if !System::possible(test) {
        return;
    }
    let scratch = Scratch::new("install");
    strip(&scratch);
    for (name, version) in [("old", OLD), ("new", NEW), ("crashes", CRASHES)] {
        tarball(&scratch, name, version);
    }
    let system = System::boot(&scratch);

    system.must("/product/old/install.sh");
    let states = "systemctl is-active basicagent basicagent-controller; systemctl is-enabled basicagent basicagent-controller";
    assert_eq!(system.sh(states).text, "inactive\ninactive\ndisabled\ndisabled\n");
    join(&system);
    let host = online(&system);
    system.must(&format!("{CTL} --host {host} -c getinfo.os"));
    system.must("echo '# ours' >>/etc/basicagent/agent.toml");

    let upgraded = system.must(&format!("/product/new/install.sh {WINDOW}"));
    assert!(upgraded.contains(&format!("version {NEW} is connected")), "{upgraded}");
    assert_eq!(system.must("readlink /opt/basicagent/current"), format!("{NEW}\n"));
    assert_eq!(system.must("BasicAgent --version"), format!("BasicAgent {NEW}\n"));

    let back = system.sh(&format!("/product/crashes/install.sh {SHORT_WINDOW}"));
    assert_eq!(back.status, Some(1), "{}", back.text);
    assert!(back.text.contains(&format!("{NEW} is back")), "{}", back.text);
    assert_eq!(system.must("readlink /opt/basicagent/current"), format!("{NEW}\n"));
    assert_eq!(system.must("ls /opt/basicagent"), format!("{NEW}\ncurrent\nlock\n"));
    assert_eq!(online(&system), host);
    system.must(&format!("{CTL} --host {host} -c getinfo.os"));
    assert!(system.must("cat /etc/basicagent/agent.toml").contains("# ours"));

    let removed = system.must(&format!("/opt/basicagent/{NEW}/install.sh --remove"));
    assert!(removed.contains("/var/lib/basicagent"), "{removed}");
    let left = "pgrep -a BasicAgent; ls -d /opt/basicagent /usr/lib/basicagent /var/lib/basicagent-upgrade 2>/dev/null
        find /usr/local /etc/systemd -iname '*basicagent*'; ls -d /etc/basicagent /var/lib/basicagent";
    assert_eq!(system.sh(left).text, "/etc/basicagent\n/var/lib/basicagent\n");
}
