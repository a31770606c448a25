//! The real binary on a terminal of its own.

use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use test_support::{wait_some, wait_until};

/// A process whose three streams are a terminal, which is its controlling terminal too.
pub(crate) struct Terminal {
    keyboard: File,
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
    /// Keeps the terminal's settings readable after the process has ended.
    pub(crate) screen: std::os::fd::OwnedFd,
}

impl Terminal {
    /// Starts the binary with these arguments on a terminal of `columns` columns.
    pub(crate) fn start(columns: u16, args: &[&str], env: &[(&str, &str)]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).unwrap();
        let end = || std::process::Stdio::from(pair.slave.try_clone().unwrap());
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", env!("CARGO_BIN_EXE_BasicAgentCtl")])
            .args(args)
            .envs(env.iter().copied())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let keyboard = File::from(pair.master);
        let shown = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, kept) = (keyboard.try_clone().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The terminal's end is an error (EIO).
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                kept.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        Self { keyboard, child, shown, screen: pair.slave }
    }

    /// Returns what the terminal has shown so far.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Waits until the terminal shows a text.
    pub(crate) fn wait_for(&self, text: &str) {
        wait_until(&format!("{text:?} on the terminal"), || self.shown().contains(text));
    }

    /// Presses keys.
    pub(crate) fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end; returns the exit status and all that the terminal has shown.
    pub(crate) fn end(&mut self) -> (i32, String) {
        let status = wait_some("the end of the process", || self.child.try_wait().unwrap());
        // The last bytes may still be on their way: a mark behind them shows that they are not.
        File::from(self.screen.as_fd().try_clone_to_owned().unwrap()).write_all(b"#END#").unwrap();
        self.wait_for("#END#");
        (status.code().unwrap(), self.shown().replace("#END#", ""))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
