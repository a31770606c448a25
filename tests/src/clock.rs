//! A wall clock for one agent, which a test sets as `date -s` sets the host's.

use crate::Scratch;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock that is ahead of the host's, or behind it.
pub struct Clock {
    scratch: Scratch,
    file: File,
}

impl Clock {
    /// Makes a clock that shows the host's time.
    #[expect(clippy::disallowed_methods, reason = "compiles the clock")]
    #[expect(clippy::new_without_default, reason = "it compiles a library")]
    pub fn new() -> Self {
        let scratch = Scratch::new("clock");
        let source = scratch.write("clock.c", include_str!("clock.c"));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-pthread", "-o"]);
        let compiled = compiler.arg(scratch.file("clock.so")).arg(source).arg("-ldl").status();
        assert!(compiled.expect("there is a compiler").success());
        scratch.write("ahead", [0; 8]);
        let file = File::options().read(true).write(true).open(scratch.file("ahead"));
        Self { file: file.expect("it was just written"), scratch }
    }

    /// Returns the words before the agent's own that give it this clock.
    pub fn wrapper(&self) -> Vec<String> {
        let path = |name: &str| self.scratch.file(name).display().to_string();
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", path("clock.so")),
            format!("CLOCK={}", path("ahead")),
        ]
    }

    /// Sets the clock forward by some milliseconds, or back.
    pub fn step(&self, milliseconds: i64) {
        let ahead = self.ahead() + milliseconds;
        self.file.write_at(&ahead.to_ne_bytes(), 0).expect("it is ours");
    }

    /// Sets the clock to a second since 1970.
    pub fn set(&self, second: i64) {
        self.step(second * 1000 - self.milliseconds());
    }

    /// Returns the second since 1970 that it shows.
    pub fn now(&self) -> i64 {
        self.milliseconds() / 1000
    }

    fn milliseconds(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        i64::try_from(now.as_millis()).expect("it is before 2262") + self.ahead()
    }

    fn ahead(&self) -> i64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 0).expect("it is ours");
        i64::from_ne_bytes(bytes)
    }
}
