//! A system with systemd as its process 1, in namespaces of its own on this machine's `/usr`.

use e2e::{Scratch, needs_root, wait_some, wait_some_within};
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What a command in the system printed, and its exit status.
#[derive(Debug)]
pub(crate) struct Output {
    /// Standard output and standard error.
    pub(crate) text: String,
    /// The exit status, or `None` for a signal.
    pub(crate) status: Option<i32>,
}

/// A running system; it ends with everything in it when it is dropped.
#[derive(Debug)]
pub(crate) struct System {
    unshare: Child,
    init: u32,
}

impl System {
    /// Returns whether this machine can boot one; if not, prints that the test is skipped.
    pub(crate) fn possible(test: &str) -> bool {
        let overlay = fs::read_to_string("/proc/filesystems").expect("/proc is mounted");
        let tools = Path::new("/lib/systemd/systemd").exists()
            && Path::new("/usr/bin/systemctl").exists()
            && overlay.lines().any(|line| line.ends_with("\toverlay"));
        if !tools {
            eprintln!("SKIPPED (needs systemd and overlayfs): {test}");
        }
        tools && needs_root(test)
    }

    /// Boots a system that has the folder `product` of `scratch` as `/product`.
    pub(crate) fn boot(scratch: &Scratch) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/install/boot");
        let log = fs::File::create(scratch.file("console")).expect("our folder");
        let unshare = Command::new(script)
            .arg(scratch.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("an open file"))
            .stderr(log)
            .process_group(0)
            .spawn();
        let mut system = Self { unshare: unshare.expect("bash is installed"), init: 0 };
        let parent = system.unshare.id();
        system.init = wait_some("systemd is process 1", || {
            let ended = system.unshare.try_wait().expect("our child");
            let console = || fs::read_to_string(scratch.file("console")).unwrap_or_default();
            assert!(ended.is_none(), "{ended:?}: {}", console());
            let children = format!("/proc/{parent}/task/{parent}/children");
            let child: u32 = fs::read_to_string(children).ok()?.trim().parse().ok()?;
            let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
            (name == "systemd\n").then_some(child)
        });
        wait_some_within(super::PATIENCE, "the system is up", || {
            let state = system.sh("systemctl is-system-running").text;
            ["running", "degraded"].contains(&state.trim()).then_some(())
        });
        system
    }

    /// Runs a script in the system as root.
    pub(crate) fn sh(&self, script: &str) -> Output {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let output = Command::new("nsenter")
            .args(["-t", &self.init.to_string(), "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w"])
            .args(["env", "-i", &format!("PATH={path}"), "HOME=/root"])
            .args(["/bin/bash", "-c", &format!("exec 2>&1; {script}")])
            .stdin(Stdio::null())
            .output()
            .expect("nsenter is installed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Output { text, status: output.status.code() }
    }

    /// Runs a script in the system that must succeed; returns what it printed.
    pub(crate) fn must(&self, script: &str) -> String {
        let output = self.sh(script);
        assert_eq!(output.status, Some(0), "{script}: {}", output.text);
        output.text
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // Process 1 of a namespace takes all others with it; unshare ends with its child.
        let init = nix::unistd::Pid::from_raw(self.init.try_into().unwrap_or(0));
        if init.as_raw() > 1 {
            let _ = nix::sys::signal::kill(init, nix::sys::signal::Signal::SIGKILL);
        } else {
            let _ = self.unshare.kill();
        }
        let _ = self.unshare.wait();
    }
}
