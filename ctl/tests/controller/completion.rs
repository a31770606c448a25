//! The completions of bash and fish with a real controller: host ids and labels.

use super::PASSWORD;
use super::harness::{Controller, Machine, Person};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use test_support::{needs_root, wait_until};

/// Completes the line in `$1` as bash does: the words are split at blanks, and readline's word
/// begins behind the last "=" or ":".
const BASH: &str = r#"
source "$0" || exit
COMP_LINE=$1 COMP_POINT=${#1}
read -ra COMP_WORDS <<<"$1"
[[ $1 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
cur=${COMP_WORDS[COMP_CWORD]}
# Within quotes, "=" and ":" split nothing.
case $cur in \'*) cur=${cur#\'} ;; *) cur=${cur##*[=:]} ;; esac
compopt() { :; }
"$(complete -p BasicAgentCtl | sed 's/.*-F \([^ ]*\) .*/\1/')" BasicAgentCtl "$cur" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

fn script(shell: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("completions").join(shell)
}

fn shell(person: &Person, program: &str, args: &[&str]) -> Output {
    let folder = Path::new(env!("CARGO_BIN_EXE_BasicAgentCtl")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(program);
    command.args(args).env("PATH", path).env("HOME", &person.home).env_remove("XDG_CONFIG_HOME");
    command.output().unwrap()
}

/// Returns the words that the line can go on with; nothing may be printed beside them.
fn completed(person: &Person, line: &str) -> Vec<String> {
    let script = script("bash/BasicAgentCtl");
    let output = shell(person, "bash", &["-c", BASH, script.to_str().unwrap(), line]);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{line}");
    let out = String::from_utf8(output.stdout).unwrap();
    out.lines().filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn hosts_and_labels_complete_from_the_controller_and_nothing_without_it() {
    if !needs_root("an agent joins") {
        return;
    }
    let (mut controller, person) = (Controller::start(), Person::myself());
    assert_eq!(completed(&person, "BasicAgentCtl host show "), [""; 0], "nobody has logged in");
    person.first_login(&controller, PASSWORD);
    let line = person.done(&["token", "create", "--label", "env=prod", "--label", "role=web"]);
    let mut machine = Machine::new(&controller, "web-1");
    machine.enroll(&line);
    wait_until("the host", || person.done(&["hosts", "-o", "name"]) == "web-1\n");

    for (line, words) in [
        ("host show ", &["web-1"][..]),
        ("host show we", &["web-1"]),
        ("host show db", &[]),
        ("--host w", &["web-1"]),
        ("--host=w", &["web-1"]),
        ("facts diff web-1 w", &["web-1"]),
        ("hosts -l en", &["env="]),
        ("hosts --selector env=p", &["prod"]),
        ("hosts -l env=prod,ro", &["prod,role="]),
        ("hosts -l 'env=prod,role=w", &["env=prod,role=web"]),
        ("hist", &["history"]),
        ("role li", &["list"]),
        ("hosts --onl", &["--online"]),
    ] {
        // A shell waits for a moment only, which may be too short on a busy machine.
        wait_until(&format!("{line:?} goes on with {words:?}"), || {
            completed(&person, &format!("BasicAgentCtl {line}")) == words
        });
    }
    let hidden = completed(&person, "BasicAgentCtl compl");
    assert!(hidden.is_empty(), "the hidden subcommand is offered: {hidden:?}");
    if Command::new("fish").arg("--version").output().is_ok() {
        let source = format!("source {}; ", script("fish/BasicAgentCtl.fish").display());
        let ask = |line: &str| {
            let text = format!("{source}complete -C '{line}'");
            let output = shell(&person, "fish", &["--no-config", "-c", &text]);
            String::from_utf8(output.stdout).unwrap()
        };
        wait_until("fish's hosts", || ask("BasicAgentCtl host show w") == "web-1\n");
        wait_until("fish's labels", || ask("BasicAgentCtl hosts -l env=") == "env=prod\n");
        // Of a flag's value, fish shows the flag's description too.
        wait_until("fish's values", || {
            ask("BasicAgentCtl --host w").split('\t').next() == Some("web-1")
        });
    } else {
        eprintln!("SKIPPED (needs fish): its completions");
    }

    controller.kill();
    assert_eq!(completed(&person, "BasicAgentCtl host show w"), [""; 0]);
}
