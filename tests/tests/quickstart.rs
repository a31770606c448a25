//! The demonstration that a newcomer runs first, with all parts, on the binaries under test.

use e2e::{Scratch, binary, needs_root};
use std::path::Path;
use std::process::{Command, Output};

/// The programs that the demonstration starts, and the plugins that it calls.
const BINARIES: [&str; 9] = [
    "BasicAgent",
    "boot",
    "BasicAgentCtl",
    "BasicAgentController",
    "libgetinfo_kernel.so",
    "libgetinfo_users.so",
    "libgetinfo_os.so",
    "libgetinfo_memory.so",
    "libgetinfo_processes.so",
];

#[expect(clippy::disallowed_methods, reason = "a test runs the demonstration")]
fn demo(wrapper: &[&str], binaries: &Path, script: &Path) -> Output {
    let words: Vec<_> = wrapper.iter().map(Path::new).chain([script, binaries]).collect();
    Command::new(words[0]).args(&words[1..]).output().expect("bash is installed")
}

fn as_it_should_be(output: &Output) {
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("Everything works as expected."), "{shown}");
}

/// Files below /lib would replace the link that it is where /usr is merged.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test runs make")]
fn make_install_stages_below_its_prefix_and_the_unit_starts_what_is_there() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = binary("BasicAgent").parent().unwrap().display().to_string();
    for prefix in ["/usr", "/usr/local", "/opt/basicagent"] {
        let scratch = Scratch::new("install");
        let stage = scratch.file("stage");
        let output = Command::new("make")
            .arg("-C")
            .arg(&repository)
            // As in a shell of a root who has no cargo.
            .args(["install", "CARGO=no-such-cargo"])
            .args([format!("RELEASE={built}"), format!("PREFIX={prefix}")])
            .arg(format!("DESTDIR={}", stage.display()))
            .output()
            .expect("make is installed");
        assert!(output.status.success(), "{output:?}");
        let staged = |path: &str| stage.join(path.trim_start_matches('/'));
        assert!(!staged("/lib").exists() && staged("/etc/basicagent/cron.d").is_dir());
        let unit = staged(&format!("{prefix}/lib/systemd/system/basicagent.service"));
        let unit = std::fs::read_to_string(unit).unwrap();
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let program = start.split_whitespace().next().unwrap();
        assert!(program.starts_with(prefix) && staged(program).exists(), "{prefix}: {start}");
        let config = staged("/etc/basicagent/agent.toml.example");
        let config = std::fs::read_to_string(config).unwrap();
        assert!(config.contains(&format!("\"{prefix}/lib/basicagent/plugins\"")), "{prefix}");
    }
}

#[test]
fn the_quickstart_passes() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart/demo.sh");
    let binaries = binary("BasicAgent").parent().unwrap().to_owned();
    as_it_should_be(&demo(&[], &binaries, &script));
}

#[test]
fn the_quickstart_passes_without_root() {
    if !needs_root("the_quickstart_passes_without_root (it drops root)") {
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    // The checkout may be in a folder that only root can read.
    let scratch = Scratch::new("quickstart");
    std::fs::set_permissions(scratch.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in BINARIES {
        test_support::copy_program(binary(name), scratch.file(name));
    }
    let script = scratch.file("demo.sh");
    test_support::copy_program(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart/demo.sh"),
        &script,
    );
    let wrapper = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"];
    as_it_should_be(&demo(&wrapper, scratch.path(), &script));
}
