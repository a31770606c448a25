//! A library that kills the agent before a chosen change of its files.

use crate::Scratch;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

/// Kills the agents that run under it before a chosen change of a file below a folder.
pub struct Killer {
    scratch: Scratch,
    left: File,
    below: String,
}

impl Killer {
    /// Makes one that kills nobody yet.
    #[expect(clippy::disallowed_methods, reason = "compiles the library")]
    pub fn new(below: &Path) -> Self {
        let scratch = Scratch::new("killer");
        let source = scratch.write("killer.c", include_str!("killer.c"));
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]);
        let compiled = compiler.arg(scratch.file("killer.so")).arg(source).arg("-ldl").status();
        assert!(compiled.expect("there is a compiler").success());
        scratch.write("left", [0; 8]);
        let left = File::options().read(true).write(true).open(scratch.file("left"));
        let below = below.display().to_string();
        Self { left: left.expect("it was just written"), below, scratch }
    }

    /// Returns the words before the agent's own.
    pub fn wrapper(&self) -> Vec<String> {
        let path = |name: &str| self.scratch.file(name).display().to_string();
        vec![
            "env".to_owned(),
            format!("LD_PRELOAD={}", path("killer.so")),
            format!("KILLER={}", path("left")),
            format!("KILLER_BELOW={}", self.below),
        ]
    }

    /// Kills the agent before its `change`th change from now on; 0 ends that.
    pub fn kill_before(&self, change: i64) {
        self.left.write_at(&change.to_ne_bytes(), 0).expect("it is ours");
    }

    /// Returns whether there were not so many changes.
    pub fn is_waiting(&self) -> bool {
        let mut bytes = [0; 8];
        self.left.read_exact_at(&mut bytes, 0).expect("it is ours");
        i64::from_ne_bytes(bytes) > 0
    }
}
