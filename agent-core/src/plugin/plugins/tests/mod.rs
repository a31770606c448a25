//! The daemon's side against real workers and plugins written in C, above all bad ones.

mod calls;
mod crashes;
mod trust;
mod workers;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use plugin_api::host::{self, Trust};
use test_support::Scratch;

use super::*;
use crate::plugin::worker_main;

const IDLE: Duration = Duration::from_secs(30);

/// Runs a worker for the tests below, in a process of its own. Not a test.
#[test]
#[ignore = "the other tests run it as their worker"]
fn worker_process() {
    // Run by hand, standard input is not a channel.
    if std::env::vars_os().next().is_none() {
        let _ = worker_main();
        std::process::exit(0);
    }
}

fn program() -> Program {
    let args = [
        "plugin::plugins::tests::worker_process",
        "--exact",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ];
    Program { path: PathBuf::from("/proc/self/exe"), args: args.map(Into::into).into() }
}

/// A folder that the loader trusts, with plugins compiled into it.
struct PluginFolder(Scratch);

impl PluginFolder {
    fn new() -> Option<Self> {
        let accepts = |folder: &Path| host::check_folder(folder).is_ok();
        Scratch::where_accepted("plugin", accepts).map(Self)
    }

    /// Compiles `getinfo.NAME`; `call` is the body of its call function, `more` precedes it.
    fn plugin(&self, name: &str, more: &str, call: &str) {
        let source = self.0.file(&format!("{name}.c"));
        let code = format!(
            r#"#include "getinfo_provider.h"
               #include <fcntl.h>
               #include <signal.h>
               #include <stdio.h>
               #include <stdlib.h>
               #include <string.h>
               #include <unistd.h>
               #define SAY(text) emit(sink, text, strlen(text))
               {more}
               static int describe(getinfo_emit emit, void *sink) {{
                   SAY("{{\"method\":\"getinfo.{name}\",\"summary\":\"{name} it is\",\"needs_root\":true}}"); return 0; }}
               static int call(const char *request, size_t len, getinfo_emit emit, void *sink) {{
                   (void)request; (void)len; {call} return 0; }}
               GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 =
                   {{ sizeof(struct getinfo_provider_v1), 1, 0, 0, describe, call }};"#
        );
        fs::write(&source, code).unwrap();
        let built = self.0.file(&format!("{name}.new"));
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
        #[expect(clippy::disallowed_methods, reason = "compiles a plugin")]
        let mut cc = std::process::Command::new("cc");
        cc.args(["-shared", "-fPIC", "-w", "-I"]).arg(include).arg("-o").arg(&built).arg(&source);
        assert!(cc.status().unwrap().success());
        fs::set_permissions(&built, Permissions::from_mode(0o755)).unwrap();
        fs::rename(&built, self.0.file(&format!("libgetinfo_{name}.so"))).unwrap();
    }

    fn plugins(&self, roots: &[&str], idle: Duration) -> Plugins {
        let roots = roots.iter().map(ToString::to_string).collect();
        let settings = PluginSettings { roots, idle, trust: Trust::default() };
        Plugins::with_program(self.dirs(), settings, program())
    }

    fn dirs(&self) -> Vec<PathBuf> {
        vec![self.0.path().to_owned()]
    }
}

/// Returns settings that let no plugin keep root.
fn settings(trust: Trust) -> PluginSettings {
    PluginSettings { roots: Vec::new(), idle: IDLE, trust }
}

/// A call function that returns the worker's process id.
const PID: &str = r#"char b[32]; snprintf(b, sizeof b, "%d", getpid()); SAY(b);"#;

/// Declarations for plugins that misbehave when `args` contains "bad".
const MORE: &str = "void *memmem(); \
    int deep(int n) { volatile char a[65536]; a[0] = n; return deep(n + 1) + a[0]; }";

async fn pid(plugins: &Plugins, method: &str) -> u32 {
    plugins.call(method, "").await.unwrap().get().parse().unwrap()
}
