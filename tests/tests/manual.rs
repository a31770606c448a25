//! The manual pages and the completions beside the real programs: what they say is true, and the
//! tools of their own languages accept them.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test starts the real binaries and tools"
)]

use e2e::{Scratch, binary};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAMS: [(&str, &str); 4] =
    [("BasicAgent", "8"), ("boot", "8"), ("BasicAgentController", "8"), ("BasicAgentCtl", "1")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

/// Returns a page's text without the marks of its language.
fn plain(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.replace("\\-", "-").replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")
}

/// Returns the options in a help, and the subcommands.
fn help(program: &str, path: &[String]) -> (BTreeSet<String>, Vec<String>) {
    let output = Command::new(binary(program)).args(path).arg("--help").output().unwrap();
    assert!(output.status.success(), "{program} {path:?} --help: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (mut options, mut subs, mut part) = (BTreeSet::new(), Vec::new(), "");
    for line in text.lines() {
        if !line.starts_with(' ') && line.ends_with(':') {
            part = line;
        }
        let indent = line.len() - line.trim_start().len();
        let words = line.split_whitespace().map(|word| word.trim_end_matches(','));
        if part == "Commands:" && indent == 2 {
            subs.extend(words.take(1).filter(|name| *name != "help").map(str::to_owned));
        } else if indent > 0 && indent <= 6 && line.trim_start().starts_with('-') {
            options.extend(words.take(2).filter(|word| word.starts_with('-')).map(str::to_owned));
        }
    }
    (options, subs)
}

/// Checks the page of a command, then those of its subcommands; returns how many there were.
fn check_page(program: &str, section: &str, path: &[String]) -> usize {
    let name = [&[program.to_owned()], path].concat().join("-");
    let page = plain(&root().join(format!("docs/man/{name}.{section}")));
    let (options, subs) = help(program, path);
    assert!(!options.is_empty(), "{name} has at least --help");
    for option in options {
        let is_there = page
            .lines()
            .any(|line| line.split([' ', ',', '|', ']', '[', '=']).any(|word| word == option));
        assert!(is_there, "{name}.{section} does not mention {option}");
    }
    let mut count = 1;
    for sub in subs {
        assert!(page.contains(&format!("{name}-{sub}({section})")), "{name}: {sub}");
        count += check_page(program, section, &[path, &[sub]].concat());
    }
    count
}

#[test]
fn every_subcommand_has_a_page_and_every_option_occurs_in_it() {
    let count: usize =
        PROGRAMS.iter().map(|(program, section)| check_page(program, section, &[])).sum();
    // Beside them, agent.toml(5), policy.toml(5) and basicagent-crontab(5).
    assert_eq!(files("docs/man").len(), count + 3);
}

#[test]
fn every_page_that_is_referred_to_and_every_file_that_is_named_exists() {
    let pages: BTreeSet<String> = files("docs/man")
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let mut sources = String::new();
    for folder in ["agent-core", "ctl/src", "ctl/crates/controller/src", "examples"] {
        read_all(&root().join(folder), &mut sources);
    }
    sources.push_str(&fs::read_to_string(root().join("Makefile")).unwrap());
    for path in files("docs/man") {
        let page = plain(&path);
        let others = ["logrotate(8)"];
        let words = page.split([' ', '\n', ',']).filter_map(|word| {
            let (name, section) = word.trim_end_matches('.').split_once('(')?;
            let section = section.strip_suffix(')')?;
            let is_section = section.len() == 1 && section.bytes().all(|b| b.is_ascii_digit());
            (is_section && !others.contains(&word)).then(|| format!("{name}.{section}"))
        });
        for referred in words.filter(|name| name.to_lowercase().contains("agent")) {
            assert!(pages.contains(&referred), "{}: no page {referred}", path.display());
        }
        let part = page.split(".SH \"FILES\"").nth(1).unwrap_or_default();
        let part = part.split(".SH").next().unwrap_or_default();
        let named = part.split_whitespace().filter(|word| word.starts_with('/'));
        for file in named.filter(|word| word.len() > 1) {
            let file = file.trim_end_matches([',', '.', ';', ':']);
            // A file in a folder of ours: its name and its folder are in the sources.
            let (folder, name) = file.rsplit_once('/').unwrap();
            let is_known = sources.contains(file)
                || sources.contains(&format!("\"{name}\"")) && sources.contains(folder)
                || name.ends_with(".example") && sources.contains(&format!("/{name}"));
            assert!(is_known, "{}: nothing uses {file}", path.display());
        }
    }
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else if let Ok(more) = fs::read_to_string(&path) {
            text.push_str(&more);
        }
    }
}

#[test]
fn the_statuses_in_exit_status_are_those_that_the_programs_exit_with() {
    let scratch = Scratch::new("manual");
    let config = scratch.write("agent.toml", "port = 0\n").display().to_string();
    let nowhere = scratch.file("no/such/folder").display().to_string();
    let log = scratch.file("log").display().to_string();
    for (program, args, status) in [
        ("BasicAgent", vec!["--version"], 0),
        ("BasicAgent", vec!["--config", &config, "--check-config"], 2),
        ("BasicAgent", vec!["--no-such-flag"], 2),
        ("boot", vec!["-f", "--agent", &nowhere, "-L", &nowhere], 1),
        ("boot", vec!["-L", &log], 2),
        ("BasicAgentController", vec!["--roles", &nowhere, "--check-config"], 1),
        ("BasicAgentController", vec!["--no-such-flag"], 2),
        ("BasicAgentCtl", vec!["cron", "explain", "no schedule"], 1),
        ("BasicAgentCtl", vec!["no-such-subcommand"], 2),
        ("BasicAgentCtl", vec!["--host", "h", "--controller", "http://127.0.0.1:1", "-c", "x"], 2),
        ("BasicAgentCtl", vec!["task", "list", "--socket", &nowhere], 3),
        ("BasicAgentCtl", vec!["status", "--socket", &nowhere], 3),
        ("BasicAgentCtl", vec!["task", "result", "t", "--socket", &nowhere], 255),
    ] {
        let output = Command::new(binary(program)).args(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{program} {args:?}: {output:?}");
        let (_, section) = PROGRAMS.iter().find(|(name, _)| *name == program).unwrap();
        let name = match args[0] {
            "status" => "BasicAgentCtl-status",
            _ => program,
        };
        let page = plain(&root().join(format!("docs/man/{name}.{section}")));
        let part = page.split(".SH \"EXIT STATUS\"").nth(1).unwrap_or_default();
        let part = part.split(".SH").next().unwrap_or_default();
        let is_there =
            part.split(|c: char| !c.is_ascii_digit()).any(|word| word == status.to_string());
        assert!(is_there, "{name}.{section} does not have status {status}: {part}");
    }
}

#[test]
fn mandoc_groff_and_the_shells_accept_the_pages_and_completions() {
    let tool = |name: &str| {
        let is_there = Command::new("sh").args(["-c", &format!("command -v {name}")]).output();
        let is_there = is_there.unwrap().status.success();
        if !is_there {
            eprintln!("SKIPPED (needs {name}): its opinion of the pages or completions");
        }
        is_there
    };
    let silent = |command: &mut Command| {
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && (text + &errors).is_empty(), "{command:?}: {output:?}");
    };
    if tool("mandoc") {
        silent(
            Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(files("docs/man")),
        );
    }
    for shell in ["bash", "zsh", "fish"] {
        if tool(shell) {
            for script in files(&format!("ctl/completions/{shell}")) {
                silent(Command::new(shell).arg("-n").arg(script));
            }
        }
    }
    if tool("groff") {
        let mut groff = Command::new("groff");
        groff.args(["-K", "utf8", "-t", "-man", "-Tutf8", "-ww", "-z"]);
        silent(groff.args(files("docs/man")));
    }
}

#[test]
fn make_install_installs_every_page_and_completion() {
    let scratch = Scratch::new("install");
    let stage = scratch.file("stage");
    let mut make = Command::new("make");
    let release = binary("BasicAgent").with_file_name("");
    make.args(["-s", "-C"]).arg(root()).args(["install", "CARGO=true", "PREFIX=/usr"]);
    make.arg(format!("RELEASE={}", release.display())).arg(format!("DESTDIR={}", stage.display()));
    let output = make.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for page in files("docs/man") {
        let section = page.extension().unwrap().to_string_lossy().into_owned();
        let installed = stage.join(format!("usr/share/man/man{section}"));
        let installed = installed.join(page.file_name().unwrap());
        assert_eq!(fs::read(&page).unwrap(), fs::read(&installed).unwrap(), "{page:?}");
    }
    for file in [
        "bash-completion/completions/BasicAgentCtl",
        "zsh/site-functions/_BasicAgentCtl",
        "fish/vendor_completions.d/BasicAgentCtl.fish",
    ] {
        assert!(stage.join("usr/share").join(file).exists(), "{file}");
    }
}
