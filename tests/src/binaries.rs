//! The built binaries, taken from the folder of the test's own executable, so that both are from
//! the same build.

use crate::Scratch;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const PLUGINS: [&str; 2] = ["libgetinfo_kernel.so", "libgetinfo_users.so"];

/// Returns `target/debug` or `target/release`.
pub(crate) fn target_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let exe = std::env::current_exe().expect("a test has an executable");
        let deps = exe.parent().expect("an executable has a directory");
        // Tests and benches are in deps/, examples in examples/, binaries in the directory itself.
        match deps.file_name().and_then(|name| name.to_str()) {
            Some("deps" | "examples") => deps.parent().expect("deps/ has a parent").to_owned(),
            _ => deps.to_owned(),
        }
    })
}

/// Returns the path of one of our binaries.
///
/// # Panics
/// When it is not built: run `cargo build --workspace` before the tests (`make test` does).
pub fn binary(name: &str) -> PathBuf {
    let path = target_dir().join(name);
    assert!(
        path.exists(),
        "{} is not built; run make test, or cargo build --workspace first",
        path.display()
    );
    path
}

/// Returns the folder in which cargo puts the plugins.
pub fn plugin_dir() -> PathBuf {
    target_dir().to_owned()
}

/// Copies the plugins to a folder that the loader accepts: it rejects a folder below a folder that
/// other users can write to, as a checkout may be.
pub fn install_plugins(scratch: &Scratch) -> PathBuf {
    let dir = scratch.file("plugins");
    std::fs::create_dir_all(&dir).expect("the directory is ours");
    std::fs::set_permissions(&dir, Permissions::from_mode(0o700)).expect("the directory is ours");
    PLUGINS.iter().for_each(|name| install_plugin(&dir, name));
    dir
}

/// Copies one more plugin, by its file's name, to the folder of [`install_plugins`].
pub fn install_plugin(dir: &Path, name: &str) {
    let copy = dir.join(name);
    std::fs::copy(binary(name), &copy).expect("there is space for a copy");
    std::fs::set_permissions(&copy, Permissions::from_mode(0o644)).expect("the copy is ours");
}

/// Compiles `getinfo.NAME` in C into the folder; `call` is the body of its call function.
#[expect(clippy::disallowed_methods, reason = "compiles a plugin")]
pub fn add_c_plugin(dir: &Path, name: &str, call: &str) {
    let source = dir.join(format!("{name}.c"));
    let code = format!(
        r#"#include "getinfo_provider.h"
           #include <string.h>
           #define SAY(text) emit(sink, text, strlen(text))
           static int describe(getinfo_emit emit, void *sink) {{
               SAY("{{\"method\":\"getinfo.{name}\",\"summary\":\"a test\",\"version\":\"1\"}}"); return 0; }}
           static int call(const char *request, size_t len, getinfo_emit emit, void *sink) {{
               (void)request; (void)len; {call} }}
           GETINFO_PROVIDER_EXPORT const struct getinfo_provider_v1 getinfo_provider_v1 =
               {{ sizeof(struct getinfo_provider_v1), 1, 0, 0, describe, call }};"#
    );
    std::fs::write(&source, code).expect("the directory is ours");
    let library = dir.join(format!("libgetinfo_{name}.so"));
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/include");
    let mut cc = std::process::Command::new("cc");
    cc.args(["-shared", "-fPIC", "-w", "-I"]).arg(include).arg("-o").arg(&library).arg(&source);
    assert!(cc.status().expect("a C compiler is installed").success());
    std::fs::set_permissions(&library, Permissions::from_mode(0o644)).expect("the file is ours");
}
