//! The steps of a plugin's author, from an empty folder to a reply over the channel, in Rust, C and
//! Go; and the same check for our own plugins.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use e2e::{Channel, Scratch, binary, connected, plugin_dir};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "runs the commands that an author runs")]
fn run(program: impl AsRef<Path>, args: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(program.as_ref());
    // All tests here share one build, which is repeated only after a change.
    command.args(args).current_dir(dir).env("CARGO_TARGET_DIR", plugin_dir().join("kit"));
    command.output().expect("the program starts")
}

fn succeeded(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

fn ctl(args: &[&str], dir: &Path) -> Output {
    run(binary("BasicAgentCtl"), args, dir)
}

/// Returns the verdict of `check` on a library; run by root, the check keeps root.
fn check(library: &Path) -> Value {
    let mut args = vec!["check", "--json", library.to_str().expect("UTF-8")];
    if nix::unistd::geteuid().is_root() {
        args.push("--as-root");
    }
    let output = ctl(&args, &repository());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Builds a crate unchanged, with the versions in this checkout's Cargo.lock, without downloads.
fn cargo(words: &[&str], dir: &Path) {
    fs::copy(repository().join("Cargo.lock"), dir.join("Cargo.lock")).expect("the folder is ours");
    let args: Vec<&str> = words.iter().copied().chain(["--offline"]).collect();
    succeeded(&run(env!("CARGO"), &args, dir));
}

/// Copies a folder of the checkout, so that nothing is built in the checkout itself.
fn copy(folder: &str, scratch: &Scratch) -> PathBuf {
    let from = repository().join(folder);
    let to = scratch.path().join(from.file_name().expect("a folder"));
    #[expect(clippy::disallowed_methods, reason = "copies a folder")]
    let copied = Command::new("cp").arg("-r").arg(&from).arg(&to).status();
    assert!(copied.expect("cp is installed").success());
    to
}

/// Installs a library among an agent's plugins, and returns its data over the channel.
async fn answered(
    library: &Path,
    plugins: &Path,
    method: &str,
    args: &str,
    channel: &mut Channel,
) -> Value {
    let installed = plugins.join(library.file_name().expect("a file"));
    // Copied under another name, then renamed, as install(1) does.
    let new = plugins.join("new");
    fs::copy(library, &new).expect("there is space for a copy");
    fs::set_permissions(&new, Permissions::from_mode(0o644)).expect("the copy is ours");
    fs::rename(&new, installed).expect("the folder is ours");
    let answer = channel.ask(&json!({"id": method, "method": method, "args": args})).await;
    assert_eq!(answer["resp"], "success", "{answer}");
    answer["data"].clone()
}

#[tokio::test]
async fn a_new_rust_plugin_is_built_checked_installed_and_called() {
    let scratch = Scratch::new("kit-rust");
    let api = repository().join("plugin-api");
    let dir = scratch.file("fresh");
    let words =
        ["new", "getinfo.fresh", dir.to_str().unwrap(), "--api-path", api.to_str().unwrap()];
    let written = ctl(&words, &repository());
    succeeded(&written);
    assert!(
        String::from_utf8_lossy(&written.stdout).contains("BasicAgentCtl check"),
        "{written:?}"
    );
    cargo(&["build"], &dir);
    cargo(&["test"], &dir);
    let library = plugin_dir().join("kit/debug/libgetinfo_fresh.so");
    let verdict = check(&library);
    assert_eq!(verdict["fit"], true, "{verdict}");
    let (_server, agent, mut channel) = connected().await;
    let data =
        answered(&library, &agent.scratch().file("plugins"), "getinfo.fresh", "-l", &mut channel)
            .await;
    assert!(
        data["uptime_seconds"].as_f64().unwrap() > 0.0 && data["load"]["one"].is_number(),
        "{data}"
    );
}

/// The three examples have the same name and reply: each replaces the previous plugin.
#[tokio::test]
async fn the_examples_are_built_checked_installed_and_called() {
    let scratch = Scratch::new("kit-examples");
    let (_server, agent, mut channel) = connected().await;
    let plugins = agent.scratch().file("plugins");
    let mut libraries = Vec::new();

    let rust = copy("examples/plugin-rust", &scratch);
    let manifest = fs::read_to_string(rust.join("Cargo.toml")).unwrap();
    let api = repository().join("plugin-api");
    fs::write(rust.join("Cargo.toml"), manifest.replace("../../plugin-api", api.to_str().unwrap()))
        .unwrap();
    cargo(&["build"], &rust);
    libraries.push(("Rust", plugin_dir().join("kit/debug/libgetinfo_uptime.so")));

    let include = format!("API={}", api.join("include").display());
    let c = copy("examples/plugin-c", &scratch);
    succeeded(&run("make", &["-B", &include], &c));
    let library = c.join("libgetinfo_uptime.so");
    let size = fs::metadata(&library).unwrap().len();
    assert!(size <= 20 * 1024, "the plugin in C is too large: {size} bytes");
    libraries.push(("C", library));

    #[expect(clippy::disallowed_methods, reason = "checks whether Go is installed")]
    let go = Command::new("go").arg("version").output();
    if go.is_ok_and(|output| output.status.success()) {
        let dir = copy("examples/plugin-go", &scratch);
        succeeded(&run("make", &["-B", &include], &dir));
        libraries.push(("Go", dir.join("libgetinfo_uptime.so")));
    } else {
        println!("SKIPPED (needs Go): the Go example");
    }
    for (language, library) in libraries {
        let verdict = check(&library);
        assert_eq!(verdict["fit"], true, "{language}: {verdict}");
        let data = answered(&library, &plugins, "getinfo.uptime", "", &mut channel).await;
        assert!(data["uptime_seconds"].as_f64().unwrap() > 0.0, "{language}: {data}");
    }
}

/// Copies plugin-api to a separate workspace, changes its Rust entry, and returns the crate's
/// folder.
fn changed_api(changes: &[(&str, &str)], scratch: &Scratch) -> PathBuf {
    let root = fs::read_to_string(repository().join("Cargo.toml")).expect("the checkout has one");
    let (_, package) = root.split_once("[workspace.package]").expect("a workspace");
    let workspace = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"plugin-api\"]\n[workspace.package]{package}"
    );
    fs::write(scratch.file("Cargo.toml"), workspace).expect("the folder is ours");
    let api = copy("plugin-api", scratch);
    // The crate that only its tests use is not in that workspace.
    let manifest = api.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("it was copied");
    let text: Vec<&str> = text.lines().filter(|line| !line.starts_with("test-support")).collect();
    fs::write(&manifest, text.join("\n")).expect("the folder is ours");
    let entry = api.join("src/entry_rust.rs");
    let mut code = fs::read_to_string(&entry).expect("it was copied");
    for (from, to) in changes {
        assert!(code.contains(from), "{from}");
        code = code.replace(from, to);
    }
    fs::write(entry, code).expect("the folder is ours");
    api
}

/// Covers layouts that abi_stable's check rejects, and a layout that it would accept.
#[tokio::test]
async fn a_rust_plugin_with_another_interface_is_rejected_without_harm() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let table: [Case<'_>; 3] = [
        (
            "changed",
            &[
                (
                    "describe: extern \"C\" fn() -> RString",
                    "describe: extern \"C\" fn(u32) -> RString",
                ),
                (
                    "fn describe<P: Provider>() -> RString",
                    "fn describe<P: Provider>(_: u32) -> RString",
                ),
            ],
            "another layout",
        ),
        (
            "longer",
            &[
                (
                    "    /// Takes a request as JSON;",
                    "    pub(crate) more: u64,\n    /// Takes a request as JSON;",
                ),
                ("ProviderModule { describe:", "ProviderModule { more: 1, describe:"),
            ],
            "another layout",
        ),
        (
            "unlaid",
            &[("CheckTypeLayout::Yes", "CheckTypeLayout::No")],
            "without the layout of its interface",
        ),
    ];
    let (_server, mut agent, mut channel) = connected().await;
    for (name, changes, words) in table {
        let scratch = Scratch::new(&format!("kit-{name}"));
        let api = changed_api(changes, &scratch);
        let (method, dir) = (format!("getinfo.{name}"), scratch.file("fresh"));
        let new = ["new", &method, dir.to_str().unwrap(), "--api-path", api.to_str().unwrap()];
        succeeded(&ctl(&new, &repository()));
        cargo(&["build"], &dir);
        let library = plugin_dir().join(format!("kit/debug/libgetinfo_{name}.so"));

        let verdict = check(&library);
        let findings = verdict["findings"].as_array().unwrap();
        let faults: Vec<&str> = findings
            .iter()
            .filter(|finding| finding["level"] == "fault")
            .filter_map(|finding| finding["text"].as_str())
            .collect();
        assert!(
            matches!(&faults[..], [one] if one.contains(words) && !one.contains('\n')),
            "{verdict}"
        );
        assert_eq!(verdict["fit"], false);

        let installed = agent.scratch().file("plugins").join(library.file_name().unwrap());
        fs::copy(&library, &installed).unwrap();
        fs::set_permissions(&installed, Permissions::from_mode(0o644)).unwrap();
        let answer = channel.ask(&json!({"id": name, "method": method})).await;
        assert!(answer["resp"] == "failed" && answer.to_string().contains(words), "{answer}");
        let next = channel.ask(&json!({"id": "next", "method": "getinfo.kernel"})).await;
        assert_eq!(next["resp"], "success", "{next}");
        assert_eq!(agent.ended(), None);
    }
}

#[test]
fn each_of_our_own_plugins_passes_the_check() {
    let mut seen = 0;
    for entry in fs::read_dir(plugin_dir()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !(name.starts_with("libgetinfo_") && name.ends_with(".so")) {
            continue;
        }
        seen += 1;
        let verdict = check(&path);
        assert_eq!(verdict["fit"], true, "{name}: {verdict}");
        let has = |level: &str, step: &str| {
            let findings = verdict["findings"].as_array().unwrap();
            findings.iter().any(|finding| finding["level"] == level && finding["step"] == step)
        };
        assert!(has("ok", "schema"), "{name} has no schema: {verdict}");
    }
    assert!(
        seen >= 2,
        "the plugins are not built; run make test, or cargo build --workspace first"
    );
}
